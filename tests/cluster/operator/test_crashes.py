"""An operator that is killed and started again, at any moment of its work: in the end nothing tells that it was."""

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import islice, pairwise
from typing import Any

import pytest

from tests.cluster.operator.killing import Blow, again, blows, timeless
from tests.cluster.operator.objects import gone, hardware, hosted, make, manifest, routed, url
from tests.cluster.operator.process import Operator
from tests.cluster.operator.sights import PROMPT_S
from tests.cluster.operator.writers import on_objects, wait_until_still
from tests.sizes import scale
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy, Freeze, Rule

KILLS, RESTARTS, OBJECTS = scale(6, 100), scale(3, 30), scale(10, 300)

POOL = {"modelfleet.example.com/pool": "cpu-large", "topology.kubernetes.io/region": "eu-west-1"}
"""Nodes of one region: which of them the scheduler takes is then nothing that is told."""

Step = Callable[[Api, str], None]
Said = dict[tuple[str, str], Any]


def on_hardware(name: str, namespace: str) -> dict[str, Any]:
    """A model of one's own, on the only class of hardware."""
    spec = {"model": {"name": "m"}, "engine": {"name": "sim"}, "placement": {"classes": [{"name": f"cpu-{namespace}"}]}}
    return manifest("ModelDeployment", name, namespace, spec)


SCRIPT: tuple[Step, ...] = (
    lambda api, ns: make(api, hosted("frontier", ns), routed("chat", ns, "frontier"), routed("code", ns, "local")),
    lambda api, ns: make(api, on_hardware("local", ns)),
    lambda api, ns: make(api, hardware(f"cpu-{ns}", POOL), routed("chat", ns, "frontierr")),
    lambda api, ns: gone(api, "ModelDeployment", ns, "frontier"),
    lambda api, ns: make(api, hardware(f"cpu-{ns}", {"pool": "none"}), routed("code", ns, "frontier")),
    lambda api, ns: make(api, hosted("frontier", ns), routed("chat", ns, "local"), routed("more", ns, "frontier")),
    lambda api, ns: gone(api, "RoutingPolicy", ns, "code"),
    lambda api, ns: make(api, routed("more", ns, "local", "chat"), routed("code", ns, "frontier")),
    lambda api, ns: gone(api, "HardwareClass", ns, f"cpu-{ns}"),
    lambda api, ns: make(api, hosted("frontier", ns, external={"url": "https://b.example.com"}), routed("b", ns, "b")),
    lambda api, ns: gone(api, "ModelDeployment", ns, "local"),
)
"""What a user does; each step changes what is to be said of several objects."""


@pytest.fixture
def operator(proxy: FaultProxy) -> Iterator[Operator]:
    """An operator that leads; others may be started in its place."""
    operator = Operator(proxy, "mortal")
    operator.start()
    yield operator
    operator.kill()


def said(bed: Bed, namespace: str) -> Said:
    """All statuses of what the script makes, without the times in them."""
    found = {}
    for kind, place in (("ModelDeployment", namespace), ("RoutingPolicy", namespace), ("HardwareClass", "")):
        for item in expect(bed.api.get(url(kind, place)), HTTPStatus.OK)["items"]:
            if place or item["metadata"]["name"] == f"cpu-{namespace}":
                found[kind, item["metadata"]["name"]] = timeless(item.get("status"))
    return found


def clear(bed: Bed, namespace: str) -> None:
    """Takes away all that the script makes."""
    for kind in ("RoutingPolicy", "ModelDeployment"):
        expect(bed.api.delete(url(kind, namespace)), HTTPStatus.OK)
    bed.api.delete(url("HardwareClass", "", f"cpu-{namespace}"))
    wait_for("all to be gone", lambda: said(bed, namespace) == {})


def strike(bed: Bed, namespace: str, operator: Operator, step: Step, blow: Blow, expected: Said) -> bool:
    """Makes the change and kills the operator over it; whether that was where it should be."""
    if blow.how == "at a moment":
        step(bed.api, namespace)
        time.sleep(blow.moment)
        operator.kill()
        return True
    freeze = Freeze(landed=blow.how == "after a write")
    with operator.proxy.rule(Rule(freeze, verb="write", path="*/status", after=blow.write, count=1)) as held:
        step(bed.api, namespace)
        # There are not as many writes in every run.
        wait_for("a write", lambda: held.hits == 1 or said(bed, namespace) == expected)
        operator.kill()
        return held.hits == 1


def settles(bed: Bed, namespace: str, operator: Operator, expected: Said) -> float:
    """Seconds until the statuses are as they should be."""
    began = time.monotonic()
    try:
        wait_for("the statuses", lambda: said(bed, namespace) == expected, PROMPT_S)
    except TimeoutError:
        assert said(bed, namespace) == expected, operator.last_words()
    return time.monotonic() - began


def undisturbed(bed: Bed, namespace: str, proxy: FaultProxy) -> list[Said]:
    """What is said after each step."""
    found = []
    for step in SCRIPT[:KILLS]:
        step(bed.api, namespace)
        wait_until_still(proxy, still=1.0)
        found.append(said(bed, namespace))
    assert all(before != after for before, after in pairwise(found))
    return found


def test_a_kill_at_any_moment_of_a_series_of_changes_leaves_no_trace_in_the_statuses(
    bed: Bed, namespace: str, proxy: FaultProxy, operator: Operator, evidence: Callable[..., None]
) -> None:
    operator.wait_until_leading()
    expected = undisturbed(bed, namespace, proxy)
    clear(bed, namespace)
    hits, slowest, turn = 0, 0.0, 0
    for blow in islice(blows(seed=8, writes=4), KILLS):
        if turn >= len(expected):
            clear(bed, namespace)
            turn = 0
        hits += strike(bed, namespace, operator, SCRIPT[turn], blow, expected[turn])
        turn += 1
        if blow.sleeps and turn < len(expected):
            SCRIPT[turn](bed.api, namespace)
            turn += 1
        again(bed, operator)
        slowest = max(slowest, settles(bed, namespace, operator, expected[turn - 1]))
    wait_until_still(proxy)
    assert said(bed, namespace) == expected[turn - 1]
    clear(bed, namespace)
    evidence(kills=KILLS, where_they_should_be=hits, slowest_seconds_until_all_was_said_again=round(slowest, 1))
    assert hits > KILLS / 2


def test_restarts_in_a_row_write_nothing(
    bed: Bed, namespace: str, proxy: FaultProxy, operator: Operator, evidence: Callable[..., None]
) -> None:
    make(bed.api, *(hosted(f"m{n}", namespace) for n in range(OBJECTS)))
    make(bed.api, *(routed(f"p{n}", namespace, f"m{2 * n}") for n in range(OBJECTS)))
    operator.wait_until_leading()
    before = wait_until_still(proxy)
    assert len([write for write in on_objects(proxy.writes) if write.namespace == namespace]) >= 2 * OBJECTS
    for _ in range(RESTARTS):
        operator.kill()
        again(bed, operator)
        operator.wait_until_ready()
        operator.wait_until_leading()
        wait_for("a look at the fleet", lambda: operator.metric("compile_seconds_count") >= 1)
        wait_until_still(proxy, still=0.5)
    written = [write for write in on_objects(proxy.writes[before:]) if write.namespace == namespace]
    evidence(restarts=RESTARTS, objects=2 * OBJECTS, writes=len(written))
    assert written == []
