"""A fleet of which all has been said: an operator writes nothing more but its Lease, whatever it reads again."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from tests.cluster.operator.objects import (
    SERVED,
    gone,
    hardware,
    hosted,
    is_ending,
    make,
    routed,
    url,
    wait_for_condition,
)
from tests.cluster.operator.pods import own_model
from tests.cluster.operator.process import Operator, running
from tests.cluster.operator.sights import sees_what_is_made
from tests.cluster.operator.writers import cpu_seconds, on_objects, wait_until_still
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Close, FaultProxy, InjectEvent, Rule, Status

OBJECTS, SECONDS, RESYNC_S, REPLICAS = scale(60, 1000), scale(8, 600), scale(5, 60), scale(8, 40)
PLURALS = [watched.plural for watched in SERVED]
MADE = ("services", "poddisruptionbudgets", "deployments")
GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}


@pytest.fixture
def fleet(bed: Bed, namespace: str) -> Iterator[str]:
    """Objects of all kinds, some of them with something wrong; the name of their namespace."""
    wait_for("what other tests made to be gone", lambda: not is_ending(bed.api), patience=90)
    count = OBJECTS // 5
    name = f"cpu-{namespace}"
    make(bed.api, hardware(name))
    for number in range(count):
        make(
            bed.api,
            hosted(f"hosted-{number}", namespace),
            hosted(f"other-{number}", namespace),
            own_model(f"own-{number}", namespace, name if number % 2 else "no-such-class"),
            routed(f"good-{number}", namespace, f"hosted-{number}"),
            routed(f"bad-{number}", namespace, f"hostd-{number}"),
        )
    wait_for("all that other tests made to be gone", lambda: whose(bed) == {namespace}, patience=60)
    yield namespace
    expect(bed.api.delete(url("RoutingPolicy", namespace)), HTTPStatus.OK)
    expect(bed.api.delete(url("ModelDeployment", namespace)), HTTPStatus.OK)
    gone(bed.api, "HardwareClass", "", name)


def whose(bed: Bed) -> set[str]:
    """The namespaces in which there are models or policies."""
    lists = [expect(bed.api.get(url(kind)), HTTPStatus.OK)["items"] for kind in ("ModelDeployment", "RoutingPolicy")]
    return {item["metadata"]["namespace"] for items in lists for item in items}


@pytest.fixture
def operator(proxy: FaultProxy, fleet: str) -> Iterator[Operator]:
    """An operator that has said all, and lists everything again and again."""
    with running(proxy, "quiet", f"--resync={RESYNC_S}") as operator:
        wait_until_still(proxy, patience=120)
        written = on_objects(proxy.writes)
        told = {write.path for write in written if write.subresource == "status" and write.namespace == fleet}
        assert len(told) == OBJECTS
        yield operator


def test_a_fleet_that_has_settled_is_left_alone_while_it_is_listed_again_and_again(
    proxy: FaultProxy, operator: Operator, evidence: Callable[..., None]
) -> None:
    before, reads, cpu, began = len(proxy.writes), proxy.reads, cpu_seconds(operator.pid), time.monotonic()
    time.sleep(SECONDS)
    took, since = time.monotonic() - began, proxy.writes[before:]
    load = (cpu_seconds(operator.pid) - cpu) / took
    lists = proxy.reads - reads
    evidence(
        objects=OBJECTS,
        seconds=round(took),
        writes=len(on_objects(since)),
        renewals=len(since),
        lists=min(lists["quiet", "list", plural] for plural in PLURALS),
        cores=round(load, 3),
    )
    assert on_objects(since) == []
    assert len(since) <= took / 2 + 2, "the Lease is renewed every two seconds"
    assert all(lists["quiet", "list", plural] >= 1 for plural in PLURALS)


def test_watches_that_begin_anew_and_kopf_itself_write_nothing(
    bed: Bed, proxy: FaultProxy, operator: Operator, fleet: str
) -> None:
    before, reads = len(proxy.writes), proxy.reads
    lost = proxy.add(Rule(InjectEvent(GONE), verb="watch"))
    wait_for("the watches to break", lambda: lost.hits >= len(SERVED))
    cut = proxy.add(Rule(Close(), verb="watch", count=len(SERVED)))
    wait_for("the watches to fail", lambda: cut.hits == len(SERVED))
    proxy.clear()
    again(proxy, operator)
    wait_until_still(proxy)
    relists = proxy.reads - reads
    assert all(relists["quiet", "list", plural] >= 1 for plural in PLURALS)
    assert on_objects(proxy.writes[before:]) == []
    assert sees_what_is_made(bed.api, fleet) < 10


def again(proxy: FaultProxy, operator: Operator) -> None:
    """Lets kopf end and begin anew: it does where a kind that was not there is found."""
    discoveries = proxy.reads["quiet", "get", ""]
    # A kind that nobody lists but to know the fleet: of slices it is asked, too, where xds replicas are.
    with proxy.rule(Rule(Status(404), verb="list", resource="deployments")):
        listed(operator, "failed")
    listed(operator, "ok")
    wait_for("kopf to look what kinds there are", lambda: proxy.reads["quiet", "get", ""] > discoveries)
    wait_for("every watch to run", lambda: proxy.watches("quiet") == len(SERVED))


def listed(operator: Operator, outcome: str) -> None:
    """Waits for a list that ends so."""
    before = operator.metric("lists_total", kind="Deployment", outcome=outcome)
    wait_for(
        f"a list: {outcome}",
        lambda: operator.metric("lists_total", kind="Deployment", outcome=outcome) > before,
        patience=3 * RESYNC_S,
        pause=0.2,
    )


def test_replicas_that_start_and_are_rolled_out_are_told_of_in_few_writes(
    bed: Bed, namespace: str, proxy: FaultProxy, evidence: Callable[..., None]
) -> None:
    name = f"cpu-{namespace}"
    first, newer = (own_model("m", namespace, name, REPLICAS) for _ in range(2))
    newer["spec"]["model"]["name"] = "newer"
    found = []
    try:
        with running(proxy, "quiet"):
            for objects in ((hardware(name), first), (newer,)):
                before = len(proxy.writes)
                make(bed.api, *objects)
                wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Progressing", "UpToDate", patience=60)
                wait_until_still(proxy)
                written = [write for write in on_objects(proxy.writes[before:]) if namespace in write.path]
                found.append(Counter(write.resource for write in written if write.resource != "events"))
    finally:
        gone(bed.api, "HardwareClass", "", name)
    start, rollout = found
    evidence(replicas=REPLICAS, start=dict(start), rollout=dict(rollout))
    assert [start[plural] for plural in MADE] == [1, 1, 1], "what is made is written once"
    assert [rollout[plural] for plural in MADE] == [0, 0, 1]
    for writes in found:
        assert max(writes["modeldeployments"], writes["hardwareclasses"]) <= 10 + REPLICAS / 2
