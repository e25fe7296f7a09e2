"""A real Envoy and a real relay prove who they are to the control plane, and it to them."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import yaml
from click.testing import CliRunner

from modelfleet.cli.main import main
from modelfleet.compiler import compile_fleet
from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.envoy.mtls import certificate_name
from modelfleet.findings import Key
from modelfleet.fleet.parse import parse_object
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.fleet.world import Endpoint, Gateway, World
from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from tests.dataplane.support.client import CHAT, Request, chat, request
from tests.dataplane.support.controlplane import ControlPlane
from tests.dataplane.support.fleets import fleet, model, simple
from tests.dataplane.support.gateway import JSON, NAME
from tests.dataplane.support.ledger import Load
from tests.dataplane.support.process import EnvoyProcess, wait_for
from tests.dataplane.support.relays import RelayProcess
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.support.authority import Authority, Issued, Mounted

XDS = "modelfleet-xds.test"
OURS, OTHER = certificate_name(NAME), certificate_name("other")
CLOSED = "gRPC config stream to xds closed"
TOLD = re.compile(r"\[(warning|error)\]")
HOUR, EXPIRED = timedelta(hours=1), timedelta(seconds=-1)


class Scene:
    """A control plane that asks for certificates, an Envoy, and the files of both."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mf-")))
            self._listen = stack.enter_context(reserve("127.0.0.1", 0))
            self.address = (self._listen.host, self._listen.port)
            self.authority = Authority(self.folder, "ours")
            self.served = Mounted(self.folder / "server", self.authority, self.authority.issue(XDS))
            self.mounted = Mounted(self.folder / "client", self.authority, self.authority.issue(OURS), XDS)
            self.plane = ControlPlane(NAME, "127.0.0.1:0", self.served.files)
            stack.callback(self.plane.stop)
            self.publish("auto")
            self.plane.start()
            admin = str(self.folder / "admin")
            self.envoy = EnvoyProcess(find_envoy(None).path, Bootstrap(NAME, "", (), admin), self.folder, 1)
            stack.callback(lambda: self.envoy.ended or self.envoy.end(kill=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def publish(self, *names: str) -> None:
        world = World(
            gateways={NAME: Gateway(NAME, *self.address, record="/dev/null")},
            endpoints={Key("ModelDeployment", "default", "small"): (Endpoint(*self._upstream.address),)},
        )
        raws = yaml.safe_load_all(fleet(model("small"), *(simple(name, "small") for name in names)))
        plan = compile_fleet(snapshot_of([parse_object(raw) for raw in raws], {}, world))
        self.plane.publish(plan.gateways[NAME])

    def begin(self, change: Callable[[Any], None] = lambda _: None, *, tls: bool = True, at: str = "") -> None:
        """Starts Envoy with what the command prints, in which a test may change something."""
        files = self.mounted.files
        options = ["--gateway", NAME, "--node", "edge-0", "--admin", str(self.folder / "admin")]
        options += ["--xds", at or self.plane.address]
        if tls:
            options += ["--tls-cert", files.cert, "--tls-key", files.key, "--tls-ca", files.ca]
            options += ["--tls-server-name", XDS, "--tls-secrets", str(self.folder / "secrets")]
        result = CliRunner().invoke(main, ["bootstrap", *options])
        assert result.exit_code == 0, result.stderr
        bootstrap = json.loads(result.stdout)
        change(bootstrap["static_resources"]["clusters"][0])
        (self.folder / "envoy.json").write_text(json.dumps(bootstrap))
        self.envoy.start()

    def join(self) -> None:
        self.begin()
        self.envoy.wait_until_ready()
        self.plane.wait_until_settled()

    def come_back(self, *trusted: Authority) -> None:
        """The control plane was away, has a certificate of the first of these, and trusts these."""
        self.plane.stop()
        self.served.put(trusted[0].issue(XDS), trusted)
        self.plane.forget_settled()
        self.plane.start()

    def serves(self, name: str) -> bool:
        try:
            return request(self.address, "POST", CHAT, [JSON], chat(name)).status == 200
        except OSError:
            return False

    def has_nothing(self) -> bool:
        """Whether Envoy has been told nothing, and is not ready."""
        clusters = self.envoy.ask("/clusters")[1]
        return self.envoy.ask("/ready")[0] == 503 and all(line.startswith("xds::") for line in clusters.splitlines())


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ScriptedUpstream(chat_answer("engine")) as upstream, Scene(upstream) as scene:
        yield scene


def asked(_: int) -> Request:
    return Request(body=chat("auto"), headers=[JSON])


def test_an_envoy_with_the_certificate_of_its_gateway_is_served(scene: Scene) -> None:
    scene.join()
    assert scene.serves("auto")
    assert scene.envoy.errors() == []


def test_an_envoy_with_the_certificate_of_another_gateway_is_told_so_and_nothing_else(scene: Scene) -> None:
    scene.mounted.put(scene.authority.issue(OTHER))
    scene.begin()
    wait_for(lambda: f"its certificate is for '{OTHER}': it needs one for '{OURS}'" in scene.envoy.text(), "it is told")
    assert scene.has_nothing()
    assert scene.plane.connected == 0


@pytest.mark.parametrize(
    "issued",
    [lambda ours, _: ours.issue(OURS, ends=EXPIRED), lambda _, stranger: stranger.issue(OURS)],
    ids=["expired", "of another authority"],
)
def test_an_envoy_with_a_certificate_that_is_not_good_gets_nothing(
    scene: Scene, issued: Callable[[Authority, Authority], Issued]
) -> None:
    scene.mounted.put(issued(scene.authority, Authority(scene.folder, "stranger")))
    scene.begin()
    _assert_refused(scene)


def test_an_envoy_without_a_certificate_gets_nothing(scene: Scene) -> None:
    def bare(cluster: Any) -> None:
        del cluster["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificate_sds_secret_configs"]

    scene.begin(bare)
    _assert_refused(scene)


def test_an_envoy_that_speaks_in_clear_gets_nothing(scene: Scene) -> None:
    scene.begin(tls=False)
    _assert_refused(scene)


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_an_envoy_tells_nothing_to_a_control_plane_that_is_another(scene: Scene, wrong: str) -> None:
    stranger = Authority(scene.folder, "stranger")
    served = scene.authority.issue("elsewhere.test") if wrong == "name" else stranger.issue(XDS)
    scene.served.put(served, [scene.authority])
    scene.begin()
    _assert_refused(scene)
    assert "CERTIFICATE_VERIFY_FAILED" in scene.envoy.text()


def _assert_refused(scene: Scene) -> None:
    wait_for(lambda: scene.envoy.text().count(CLOSED) > 1, "it has tried again")
    assert scene.has_nothing()
    assert scene.plane.connected == 0


# Renewal.


@pytest.mark.alone
def test_new_certificates_of_a_new_authority_cost_no_stream_and_no_request(
    scene: Scene, evidence: Callable[..., None]
) -> None:
    scene.join()
    successor = Authority(scene.folder, "successor")
    with Load(scene.address, asked, rate=100, limit_s=40) as load:
        load.wait_for(50)
        # As docs/gateways.md has it: first the authority on both sides, then the certificates.
        scene.served.put(scene.authority.issue(XDS), [scene.authority, successor])
        scene.mounted.put(scene.authority.issue(OURS), [scene.authority, successor])
        scene.served.put(successor.issue(XDS), [scene.authority, successor])
        scene.mounted.put(successor.issue(OURS), [scene.authority, successor])
        scene.publish("auto", "more")
        scene.plane.wait_until_settled()
        assert (scene.serves("more"), scene.plane.connected) == (True, 1)
        # Who has only the old one would not get in any more.
        scene.come_back(successor)
        scene.publish("auto", "third")
        wait_for(lambda: scene.serves("third"), "it was let in with its new certificate")
        load.wait_for(50)
    load.report().assert_none_lost(100)
    evidence(requests=len(load.report().outcomes))


@pytest.mark.parametrize("damage", ["garbage", "mismatch", "empty"])
def test_a_renewal_that_is_damaged_leaves_envoy_with_the_last_good_certificate(scene: Scene, damage: str) -> None:
    scene.join()
    good, other = scene.authority.issue(OURS), scene.authority.issue(OURS)
    bad = {"garbage": Issued(b"x", b"y"), "mismatch": Issued(good.cert, other.key), "empty": Issued(b"", b"")}[damage]
    before = len(scene.envoy.text())
    scene.mounted.put(bad)
    wait_for(lambda: TOLD.search(scene.envoy.text()[before:]) is not None, "it says that it cannot use that")
    scene.come_back(scene.authority)
    scene.plane.wait_until_settled()
    successor = Authority(scene.folder, "successor")
    scene.mounted.put(successor.issue(OURS), [scene.authority, successor])
    scene.come_back(successor)
    scene.plane.wait_until_settled()


# Through a relay.


@pytest.fixture
def relay(scene: Scene) -> Iterator[RelayProcess]:
    relay = RelayProcess(scene.folder, scene.plane.address, str(scene.folder / "xds"), scene.mounted.files)
    yield relay
    if not relay.ended:
        relay.end(kill=True)


def test_a_relay_proves_who_it_is_for_its_envoy_and_takes_renewed_files(scene: Scene, relay: RelayProcess) -> None:
    relay.start()
    scene.begin(tls=False, at=str(scene.folder / "xds"))
    scene.envoy.wait_until_ready()
    scene.plane.wait_until_settled()
    assert scene.serves("auto")
    successor = Authority(scene.folder, "successor")
    scene.mounted.put(successor.issue(OURS, ends=HOUR), [successor])
    scene.publish("auto", "more")
    scene.plane.wait_until_settled()
    assert (scene.serves("more"), scene.plane.connected) == (True, 1)
    scene.come_back(successor)
    scene.publish("auto", "third")
    wait_for(lambda: scene.serves("third"), "the relay was let in with its new certificate")
    assert 'modelfleet_tls_renewals_total{outcome="taken"} 1.0' in relay.ask("/metrics")[1]
    assert "modelfleet_tls_certificate_expiry_seconds" in relay.ask("/metrics")[1]


def test_a_relay_with_the_certificate_of_another_gateway_has_nothing_to_serve(
    scene: Scene, relay: RelayProcess
) -> None:
    scene.mounted.put(scene.authority.issue(OTHER))
    relay.start()
    wait_for(lambda: f"it needs one for '{OURS}'" in relay.text(), "it is told")
    assert relay.ask("/readyz")[0] == 503
    assert relay.figure("upstream_connected") == 0
    assert scene.plane.connected == 0
    # Another reason may have come first, where the machine is slow; none is told twice.
    told = [line for line in relay.text().splitlines() if "is not connected" in line]
    assert len({*told}) == len(told), told
