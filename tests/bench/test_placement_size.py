"""What it takes to place thousands of models on hundreds of nodes: time, and whose it is; writes; memory."""

import os
import time
from http import HTTPStatus

import pytest

from tests.bench.placed_cluster import LONG_S, bare_rate, counted, declare, journeys, listed, path, put_up_nodes, shares
from tests.bench.report import Row, Spread, report
from tests.bench.sized_cluster import cluster, cpu_s, memory_mb
from tests.cluster.operator.objects import url
from tests.cluster.operator.process import Operator
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect, is_true
from tests.testbed.binaries import Unavailable, binaries
from tests.testbed.faults import FaultProxy

MODELS = scale(1_000, 5_000)
NODES = MODELS // 10
EDITS = 20
BARE_MODELS = 200
REST_S = 20.0
CHILDREN = ("Deployment", "Service", "PodDisruptionBudget")
MODEL = "ModelDeployment"


def all_placed(bed: Bed, operator: Operator) -> None:
    """Until each model says that it is Ready, and nothing more is to be written."""
    for what, collection in (("Deployments", "/apis/apps/v1/deployments"), ("pods", "/api/v1/pods")):
        wait_for(what, lambda at=collection: counted(bed.api, at) >= MODELS, LONG_S, pause=1)
    wait_for("all to be ready", lambda: all(is_true(raw, "Ready") for raw in listed(bed.api, url(MODEL))), LONG_S, 3)
    quiet(operator)


def quiet(operator: Operator, still_s: float = 3.0) -> None:
    """Until it has not written anything for a while."""
    last, since = -1.0, time.monotonic()
    while time.monotonic() - since < still_s:
        time.sleep(0.25)
        if (now := written(operator)) != last:
            last, since = now, time.monotonic()


def written(operator: Operator, *kinds: str) -> float:
    """The objects that it has written so far, of these kinds or of all but Events."""
    if kinds:
        return sum(operator.metric("writes_total", kind=kind, outcome="ok") for kind in kinds)
    return operator.metric("writes_total") - operator.metric("writes_total", kind="Event")


def edited(bed: Bed, number: int, turn: int) -> float:
    """Milliseconds from an edit of a model until its Deployment says so."""
    where = path(number).replace("modelfleet.dev/v1alpha1", "apps/v1").rpartition("/modeldeployments/")[0]
    selector = f"{where}/deployments?labelSelector=modelfleet.dev/model%3Dm{number}"
    (before,) = expect(bed.api.get(selector), HTTPStatus.OK)["items"]
    began = time.monotonic()
    expect(bed.api.merge(path(number), {"spec": {"engine": {"args": [f"--seed={turn}"]}}}), HTTPStatus.OK)
    wait_for(
        "the Deployment",
        lambda: bed.api.get(selector).body["items"][0]["metadata"]["generation"] > before["metadata"]["generation"],
        pause=0.005,
    )
    return 1000 * (time.monotonic() - began)


def edits(bed: Bed, operator: Operator) -> Row:
    """Edits of single models, one after the other, each after the one before has settled."""
    took, children, statuses = [], [], []
    for turn in range(EDITS):
        before = written(operator, *CHILDREN), written(operator, MODEL), written(operator)
        took.append(edited(bed, turn * 37 % MODELS, turn))
        quiet(operator, 2.0)
        children.append(written(operator, *CHILDREN) - before[0])
        statuses.append(written(operator, MODEL) - before[1])
        assert written(operator) - before[2] <= children[-1] + statuses[-1] + 2, "it wrote what was not edited"
    return {
        "what": f"{EDITS} edits of one model each",
        "edit to its children, ms": Spread(took),
        "children written": Spread(children),
        "statuses written": Spread(statuses),
    }


def test_what_it_takes_to_place_a_fleet() -> None:
    try:
        binaries()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with cluster() as bed, FaultProxy(bed) as proxy:
        put_up_nodes(bed, NODES)
        declare(bed, MODELS)
        operator = Operator(proxy, "bench")
        operator.command = [part for part in operator.command if not part.startswith("KUBECONFIG=")]
        operator.command.insert(1, f"KUBECONFIG={bed.kubeconfig}")  # a proxy would be part of the figures
        try:
            measure(bed, operator)
        finally:
            operator.stop()


def measure(bed: Bed, operator: Operator) -> None:
    """Starts it, waits, edits, and tells."""
    began = time.time()
    operator.start()
    all_placed(bed, operator)
    wrote, cpu = written(operator), cpu_s(operator.pid)
    found = shares(journeys(bed), began)
    whole = sum(mean for mean, _ in found.values())
    rows: list[Row] = [
        {"whose time": name, "mean of a model, s": mean, "share, %": 100 * mean / whole, "until the last one, s": last}
        for name, (mean, last) in found.items()
    ]
    row = {**edits(bed, operator), "memory, MB": memory_mb(operator.pid), "CPU a minute at rest, s": at_rest(operator)}
    # Last, because the operator counts what it finds on the nodes of its classes.
    rate, bare = MODELS / found["operator: Deployment"][1], bare_rate(bed, BARE_MODELS)
    notes = [
        f"{MODELS:,} models of a replica each in 50 namespaces, on {NODES} simulated nodes of ten classes.",
        f"The operator wrote {wrote:,.0f} objects and used {cpu:.0f} s of CPU until all were Ready.",
        f"{rate:.1f} models a second got their children; by a client that only applies copies of them, {bare:.1f}.",
        f"{os.cpu_count()} cores, which the control plane and the simulated kubelets have, too.",
        "Times are those that the API server wrote, in whole seconds. The scheduler asks it 50 times a second at most.",
    ]
    report("placement_size", rows, notes)
    report("placement_edit", [row], notes[:1])


def at_rest(operator: Operator) -> float:
    """Seconds of CPU that it takes in a minute in which nothing changes."""
    before = cpu_s(operator.pid)
    time.sleep(REST_S)
    return (cpu_s(operator.pid) - before) * 60 / REST_S
