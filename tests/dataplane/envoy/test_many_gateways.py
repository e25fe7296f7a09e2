"""Two real Envoys among a herd of stubs on one xds: what the stubs show of the protocol holds where requests go."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.envoy.types import ROUTES
from modelfleet.fleet.world import Gateway
from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from tests.dataplane.support.client import Address, Connection, Request, chat
from tests.dataplane.support.process import EnvoyProcess
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale
from tests.support.gateways.fleets import NAMES, fleet_of
from tests.support.gateways.replica import Replica
from tests.support.gateways.rude import DeafGateway, LoopingGateway
from tests.support.gateways.scene import LINGER_S, Scene, scene
from tests.support.gateways.stub import StubGateway

STUBS = scale(20, 100)
POLICIES = 10
EDITS = scale(15, 200)
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Envoy:
    """One that is a gateway of its own: no two listen on one port."""

    gateway: str
    process: EnvoyProcess
    address: Address

    @property
    def node(self) -> str:
        return f"envoy-of-{self.gateway}"

    def rule(self, number: int) -> str:
        """The rule by which it serves a policy."""
        with Connection(self.address) as connection:
            answer = connection.send(Request(body=chat(f"n{number}"), headers=JSON))
        assert answer.status == 200, answer
        return answer.header("x-modelfleet-rule") or ""

    def counters(self) -> dict[str, str]:
        """How many updates it took, of every kind."""
        lines = self.process.ask("/stats?filter=update_(success|rejected)$")[1].splitlines()
        return dict(line.split(": ") for line in lines)


@dataclass(frozen=True)
class Bed:
    scene: Scene
    envoys: list[Envoy]
    folder: Path

    def wait(self, stubs: list[StubGateway]) -> float:
        """Until the Envoys and these have all that was published last."""
        times = [self.scene.wait(stubs)]
        for one in self.envoys:
            state = self.scene.states[one.gateway]
            times.append(self.scene.replica.wait_until_settled(state, [one.node]))
        return max(times)


@contextmanager
def bed(*more: str) -> Iterator[Bed]:
    """An Envoy for each gateway, which knows one xds replica, or more that begin later."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mf-")))
        upstream = stack.enter_context(ScriptedUpstream(chat_answer("engine")))
        ports = [stack.enter_context(reserve("127.0.0.1", 0)) for _ in NAMES]
        gateways = {
            name: Gateway(name, held.host, held.port, record=str(folder / f"{name}.jsonl"))
            for name, held in zip(NAMES, ports, strict=True)
        }
        fleet = fleet_of(POLICIES, upstream.address, hosted=False)
        running = stack.enter_context(scene(fleet, gateways=gateways, address=f"unix:{folder / 'xds'}"))
        envoys = []
        for name, gateway in gateways.items():
            (own := folder / name).mkdir()
            sockets = tuple(str(folder / one) for one in ("xds", *more))
            bootstrap = Bootstrap(name, f"envoy-of-{name}", sockets, str(own / "admin"))
            process = EnvoyProcess(find_envoy(None).path, bootstrap, own, workers=1)
            stack.callback(end, process)
            process.start()
            process.wait_until_ready()
            envoys.append(Envoy(name, process, (gateway.address, gateway.port)))
        yield Bed(running, envoys, folder)


def end(process: EnvoyProcess) -> None:
    process.end()
    assert not process.crashes() + process.errors(), process.text()[-2000:]


def stubs_of(bed: Bed) -> list[StubGateway]:
    """Half of them beside each Envoy."""
    herd, address = bed.scene.herd, bed.scene.replica.address
    return [one for name in NAMES for one in herd.add(STUBS // 2, address, name, f"stub-of-{name}")]


def test_an_edit_of_one_policy_reaches_all(evidence: Callable[..., None]) -> None:
    times = []
    with bed() as it:
        stubs = stubs_of(it)
        it.wait(stubs)
        told = it.scene.herd.look(lambda: [len(one.state.receipts) for one in stubs])
        for number in range(EDITS):
            it.scene.publish(it.scene.fleet.with_rule(number % POLICIES, f"edit-{number}"))
            times.append(it.wait(stubs))
            assert [one.rule(number % POLICIES) for one in it.envoys] == [f"edit-{number}"] * 2
        now = it.scene.herd.look(lambda: [len(one.state.receipts) for one in stubs])
        assert [after - before for after, before in zip(now, told, strict=True)] == [EDITS] * len(stubs)
        assert it.scene.replica.refusals == []
    last_ms = sorted(1000 * seconds for seconds in times)
    evidence(gateways=STUBS + 2, edits=EDITS, p50_ms=round(last_ms[EDITS // 2], 1), max_ms=round(last_ms[-1], 1))


def test_edits_reach_the_envoys_beside_stubs_that_misbehave() -> None:
    with bed() as it:
        address = it.scene.replica.address
        stubs = stubs_of(it)
        refusing, stalling = it.scene.herd.add(2, address, named="bad")
        refusing.refuses(lambda one: one.type_url == ROUTES and b"edit-" in one.body)
        it.scene.herd.keep(DeafGateway("deaf", "default", address))
        it.scene.herd.keep(LoopingGateway("looping", "other", address))
        it.wait([*stubs, refusing, stalling])
        it.scene.herd.look(stalling.stalls)
        for number in range(EDITS):
            it.scene.publish(it.scene.fleet.with_rule(number % POLICIES, f"edit-{number}"))
            it.wait(stubs)
            assert [one.rule(number % POLICIES) for one in it.envoys] == [f"edit-{number}"] * 2
        assert {node for node, _ in it.scene.replica.refusals} == {refusing.node}


@pytest.mark.parametrize("turns", [scale(2, 10)])
def test_an_envoy_that_moves_between_replicas_takes_no_update(turns: int) -> None:
    with bed("xds-1", "xds-2") as it:
        it.wait([])
        it.scene.publish(it.scene.fleet.with_rule(0, "moving"))
        it.wait([])
        before = [one.counters() for one in it.envoys]
        assert all(int(one["cluster_manager.cds.update_success"]) for one in before)
        for turn in range(turns):
            replica = Replica(it.scene.herd.loop, f"unix:{it.folder / f'xds-{1 + turn % 2}'}", LINGER_S)
            replica.publish(it.scene.compiler.compile(it.scene.fleet.shuffled(it.scene.dice)))
            with replica:
                it.scene.replica.stop()
                for one in it.envoys:
                    replica.wait_until_settled(it.scene.states[one.gateway], [one.node])
            assert [one.rule(0) for one in it.envoys] == ["moving"] * 2
        assert [one.counters() for one in it.envoys] == before
