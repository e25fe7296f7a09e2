"""What an edit costs by the number of policies, and what each policy costs in memory: reported, never asserted."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from tests.bench.plane import NAME, Line, Plane, resident
from tests.bench.report import Row, percentile, report
from tests.dataplane.support.client import Address, Connection, Request, chat
from tests.dataplane.support.process import EnvoyProcess
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale

SIZES = (0, 10, 1_000, 10_000)
EDITS = scale(20, 100)
WORKERS = 2
MEGABYTE = 1024
PATIENCE_S = 60.0


@dataclass
class Measured:
    """One size."""

    policies: int
    load: Line = field(default_factory=dict)
    loaded_s: float = 0.0
    """From the start of Envoy until it had acknowledged everything."""
    envoy_kb: int = 0
    server_kb: int = 0
    edits: list[dict[str, float]] = field(default_factory=list)
    """Of each the seconds by stage."""


@dataclass(frozen=True)
class Bed:
    """Where a size is measured."""

    folder: Path
    upstream: Address
    listen: Address

    def orders(self, policies: int) -> dict[str, object]:
        return {
            "policies": policies,
            "listen": self.listen,
            "upstream": self.upstream,
            "address": f"unix:{self.folder / 'xds'}",
            "record": str(self.folder / "decisions.jsonl"),
        }

    def envoy(self) -> EnvoyProcess:
        bootstrap = Bootstrap(NAME, "bench", (str(self.folder / "xds"),), str(self.folder / "admin"))
        return EnvoyProcess(find_envoy(None).path, bootstrap, self.folder, WORKERS)


def measure(policies: int, upstream: Address) -> Measured:
    found = Measured(policies)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mf-")))
        port = stack.enter_context(reserve("127.0.0.1", 0))
        bed = Bed(folder, upstream, (port.host, port.port))
        plane = stack.enter_context(Plane(bed.orders(policies)))
        found.load = plane.told()
        envoy = bed.envoy()
        stack.callback(lambda: envoy.ended or envoy.end(kill=True))
        began_s = time.monotonic()
        envoy.start()
        plane.order()
        acked = plane.told()
        assert not acked["refusals"], acked
        found.loaded_s = acked["acked"] - began_s
        envoy.wait_until_ready()
        sizes = list(resident())
        found.envoy_kb = max(size for _, parent, size in sizes if parent == envoy.pid)
        found.server_kb = next(size for pid, _, size in sizes if pid == plane.pid)
        if policies:
            found.edits = [edit(plane, bed.listen, policies, turn) for turn in range(EDITS)]
    return found


def edit(plane: Plane, gateway: Address, policies: int, turn: int) -> dict[str, float]:
    """Another policy each time, all over the fleet; the name of its rule tells when the edit is in force."""
    number, rule = policies * turn // EDITS, f"edit-{turn}"
    with Connection(gateway) as connection:
        assert _rule(connection, number) not in ("", rule)
        plane.order(edit=number, rule=rule)
        sent = plane.told()
        until_s = time.monotonic() + PATIENCE_S
        while _rule(connection, number) != rule:
            assert time.monotonic() < until_s, f"{rule} is not in force"
        answered_s = time.monotonic()
        acked = plane.told()
        assert not acked["refusals"], acked
    return {
        "compile": sent["compiled"] - sent["began"],
        "publish": sent["published"] - sent["compiled"],
        "ack": acked["acked"] - sent["published"],
        "answer": answered_s - sent["published"],
        "edit to ACK": acked["acked"] - sent["began"],
        "edit to answer": answered_s - sent["began"],
    }


def _rule(connection: Connection, number: int) -> str:
    headers = {"content-type": "application/json"}
    answer = connection.send(Request(body=chat(f"n{number}"), headers=headers))
    assert answer.status == 200, answer
    return answer.header("x-modelfleet-rule") or ""


@pytest.fixture(scope="module")
def measured() -> Iterator[list[Measured]]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield [measure(policies, upstream.address) for policies in SIZES]


def test_the_time_of_an_edit(measured: list[Measured]) -> None:
    rows: list[Row] = []
    for one in measured[1:]:
        rows += [_stage(one, stage) for stage in one.edits[0]]
    notes = [
        f"{EDITS} edits of one policy each, milliseconds; ACK and answer count from the moment of publishing.",
        "Compile: the edited object parsed, the whole fleet compiled and checked. Publish: versions compared.",
    ]
    report("edit_time", rows, notes)


def _stage(one: Measured, stage: str) -> Row:
    milliseconds = [1000 * edit[stage] for edit in one.edits]
    found = {f"p{part}": percentile(milliseconds, part / 100) for part in (50, 99)}
    return {"policies": one.policies, "stage": stage, **found, "max": max(milliseconds)}


def test_the_time_of_the_first_load_and_the_memory(measured: list[Measured]) -> None:
    rest = measured[0]
    rows: list[Row] = [
        {
            "policies": one.policies,
            "resources": one.load["resources"],
            "MB sent": one.load["bytes"] / 1e6,
            "parse s": one.load["parse"],
            "compile s": one.load["compile"],
            "Envoy start to ACK s": one.loaded_s,
            "Envoy RSS MB": one.envoy_kb / MEGABYTE,
            "Envoy KB a policy": _slope(one.envoy_kb - rest.envoy_kb, one.policies),
            "server RSS MB": one.server_kb / MEGABYTE,
            "server KB a policy": _slope(one.server_kb - rest.server_kb, one.policies),
        }
        for one in measured
    ]
    report("memory", rows, [f"Envoy with {WORKERS} workers; a policy with its model, one endpoint and one name."])


def _slope(kilobytes: int, policies: int) -> float | str:
    return kilobytes / policies if policies >= 1_000 else ""
