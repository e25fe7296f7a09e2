"""What the operator takes for thousands of objects on a real control plane: time to know them, memory, CPU."""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.bench.report import Row, Spread, report
from tests.bench.sized_cluster import cluster, cpu_s, edit, fill, memory_mb, path
from tests.cluster.operator.process import Operator
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed
from tests.testbed.binaries import Unavailable, binaries
from tests.testbed.faults import FaultProxy
from tests.testbed.process import Process

MODELS, POLICIES = 3_000, 2_000
ROUNDS = scale(3, 5)
REST_S = 20.0
EDITS = 100
PACE_S = 0.02
LONG_S = 300.0


def started(operator: Operator) -> float:
    """Seconds until it has read everything and has looked at it once."""
    began = time.monotonic()
    operator.start()
    wait_for(
        "the first whole snapshot", lambda: operator.is_ready() and operator.metric("compile_seconds_count"), LONG_S
    )
    return time.monotonic() - began


def settled(operator: Operator) -> None:
    """Until every status says what it should."""
    operator.wait_until_leading()
    wait_for("all statuses", lambda: not operator.metric("statuses_waiting"), LONG_S)
    time.sleep(3)
    wait_for("all statuses", lambda: not operator.metric("statuses_waiting"), LONG_S)


def at_rest(process: Process) -> tuple[float, float]:
    """Memory, and CPU seconds in a minute in which nothing happens."""
    before = cpu_s(process.pid)
    time.sleep(REST_S)
    return memory_mb(process.pid), (cpu_s(process.pid) - before) * 60 / REST_S


def per_edit_ms(process: Process, bed: Bed, turn: int) -> float:
    """CPU of an edit among many, each of another model."""
    before = cpu_s(process.pid)
    for number in range(EDITS):
        edit(bed.api, number, turn)
        time.sleep(PACE_S)
    time.sleep(5)
    return 1000 * (cpu_s(process.pid) - before) / EDITS


def of_operator(bed: Bed, turn: int) -> dict[str, float]:
    with FaultProxy(bed) as proxy:
        operator = Operator(proxy, f"bench-{turn}")
        operator.command = [part for part in operator.command if not part.startswith("KUBECONFIG=")]
        operator.command.insert(1, f"KUBECONFIG={bed.kubeconfig}")  # a proxy would be part of the figures
        try:
            start = started(operator)
            settled(operator)
            memory, rest = at_rest(operator)
            return {"start s": start, "MB": memory, "rest": rest, "edit": per_edit_ms(operator, bed, turn)}
        finally:
            operator.stop()


def of_kopf(bed: Bed, turn: int) -> dict[str, float]:
    script = Path(__file__).with_name("peers") / "bare_kopf.py"
    command = ["env", f"KUBECONFIG={bed.kubeconfig}", sys.executable, str(script)]
    process = Process(command, bed.folder / "bare-kopf.log")
    process.start()
    try:
        time.sleep(REST_S)  # it does not say when it knows everything
        memory, rest = at_rest(process)
        return {"MB": memory, "rest": rest, "edit": per_edit_ms(process, bed, turn)}
    finally:
        process.stop()


def rows_of(name: str, found: list[dict[str, float]]) -> Row:
    columns = {
        "start s": "first snapshot, s",
        "MB": "memory, MB",
        "rest": "CPU a minute at rest, s",
        "edit": "CPU an edit, ms",
    }
    return {"what": name} | {
        shown: Spread([one[key] for one in found]) for key, shown in columns.items() if key in found[0]
    }


def test_what_the_operator_takes() -> None:
    try:
        binaries()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with cluster() as bed:
        fill(bed, MODELS, POLICIES)
        ours, kopf = [], []
        for turn in range(ROUNDS):
            ours.append(of_operator(bed, turn))
            kopf.append(of_kopf(bed, turn + ROUNDS))
        assert bed.api.get(path(0)).body["status"]["conditions"]
    notes = [
        f"{MODELS:,} hosted models and {POLICIES:,} policies in 50 namespaces, and the nodes of the testbed.",
        f"{EDITS} edits of one model each, {1 / PACE_S:.0f} a second; the operator writes a status for each of them.",
        "kopf alone has the same watches, and handlers that do nothing.",
        f"{os.cpu_count()} cores, which the control plane has, too. The first start of ours also writes all statuses.",
    ]
    report("operator_size", [rows_of("modelfleet operator", ours), rows_of("kopf alone", kopf)], notes)
