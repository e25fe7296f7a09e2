"""Events that come twice, in another order, or once more from the beginning: what is told in the end is the same."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.cluster.operator.objects import gone, hosted, make, routed, url
from tests.cluster.operator.process import Operator
from tests.sizes import scale
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import DuplicateEvents, InjectEvent, ReorderEvents, Rule, StaleList

OPTIONS = ("--resync=3600",)
"""No list mends what the events spoilt."""
REMEMBERS = "Degraded"
"""Of a wrong object it is said where a version is in force, and whether one ever was the order of events decides."""
TOGETHER = scale(4, 10)
KINDS = ("ModelDeployment", "RoutingPolicy")
GONE = InjectEvent({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})

Told = dict[tuple[str, str], Any]


def story(api: Api, namespace: str) -> Iterator[None]:
    """Changes of one namespace, and moments between them in which others may act."""

    def policy(name: str, model: str, serves: str = "") -> dict[str, Any]:
        # What a policy serves is one for the whole cluster.
        return routed(name, namespace, model, serves=f"{namespace}-{serves or name}")

    make(api, hosted("a", namespace), policy("pa", "a"), policy("pb", "b"))
    yield
    make(api, hosted("b", namespace), hosted("a", namespace, model={"name": "other"}))
    yield
    gone(api, "ModelDeployment", namespace, "a")
    make(api, policy("pb", "a"), policy("pc", "b", serves="pa"))
    yield
    make(api, hosted("a", namespace), hosted("c", namespace), policy("pd", "c"))
    gone(api, "ModelDeployment", namespace, "b")
    yield
    make(api, hosted("b", namespace), hosted("c", namespace, model={"name": "third"}))
    gone(api, "ModelDeployment", namespace, "c")
    gone(api, "ModelDeployment", namespace, "b")
    make(api, policy("pa", "a", serves="pe"))


def told(api: Api, namespace: str) -> Told:
    """What stands in the statuses of a namespace, less its name, the times, and what depends on what was good once."""
    found: Told = {}
    for kind in KINDS:
        for item in expect(api.get(url(kind, namespace)), HTTPStatus.OK)["items"]:
            status = item.get("status", {})
            said = [
                (one["type"], one["status"], one["reason"], one["message"].replace(namespace, "NS"))
                for one in status.get("conditions", [])
                if one["type"] != REMEMBERS
            ]
            found[kind, item["metadata"]["name"]] = (status.get("observedGeneration"), said)
    return found


@pytest.fixture
def namespaces(bed: Bed) -> Iterator[list[str]]:
    """As many as stories are told together."""
    names = [f"story-{uuid.uuid4().hex[:8]}" for _ in range(TOGETHER)]
    for name in names:
        expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
    yield names
    for name in names:
        for kind in KINDS:
            bed.api.delete(url(kind, name))
        bed.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def undisturbed(bed: Bed, lasting: Operator) -> Told:
    """What is told in the end where every event comes once and in its order."""
    name = f"story-{uuid.uuid4().hex[:8]}"
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
    for _ in story(bed.api, name):
        time.sleep(0.5)
    seen = [told(bed.api, name)]
    while len(seen) < 4 or seen[-4:] != [seen[-1]] * 4:
        time.sleep(0.5)
        seen.append(told(bed.api, name))
    assert lasting.metric("findings") > 0
    for kind in KINDS:
        bed.api.delete(url(kind, name))
    bed.api.delete(f"/api/v1/namespaces/{name}")
    return seen[-1]


def test_the_story_has_something_of_everything(undisturbed: Told) -> None:
    assert {key[1] for key in undisturbed} == {"a", "pa", "pb", "pc", "pd"}
    reasons = {reason for _, said in undisturbed.values() for _, _, reason, _ in said}
    assert "ModelNotFound" in reasons
    assert all(generation for generation, _ in undisturbed.values())


@pytest.mark.parametrize("seed", range(scale(4, 60)))
def test_events_that_come_twice_and_in_another_order_end_in_the_same_statuses(
    bed: Bed, namespaces: list[str], shared: Operator, undisturbed: Told, seed: int, evidence: Callable[..., None]
) -> None:
    orders = [shared.proxy.add(Rule(ReorderEvents(seed, 0.3), verb="watch"))]
    if seed % 2:
        orders.insert(0, shared.proxy.add(Rule(DuplicateEvents(), verb="watch")))
    for _ in zip(*(story(bed.api, name) for name in namespaces), strict=True):
        pass
    began = time.monotonic()

    def are_same() -> bool:
        return all(told(bed.api, name) == undisturbed for name in namespaces)

    with contextlib.suppress(TimeoutError):
        wait_for("the same to be told", are_same, patience=20, pause=0.3)
    struck = [one.events for one in orders]
    evidence(seed=seed, events_struck=sum(struck), same_after_s=round(time.monotonic() - began, 1))
    assert min(struck) > 10
    time.sleep(0.5)
    for name in namespaces:
        assert told(bed.api, name) == undisturbed


def test_a_story_that_is_told_again_from_its_beginning_changes_nothing(
    bed: Bed, namespace: str, shared: Operator, undisturbed: Told
) -> None:
    beginning = shared.proxy.version()
    for _ in story(bed.api, namespace):
        time.sleep(0.3)
    wait_for("all to be told", lambda: told(bed.api, namespace) == undisturbed)
    since, events = len(shared.proxy.writes), shared.metric("watch_events_total")
    for plural in ("modeldeployments", "routingpolicies"):
        shared.proxy.add(Rule(StaleList(beginning), resource=plural))
        shared.proxy.add(Rule(GONE, verb="watch", resource=plural, count=1))
    wait_for("the story to be told again", lambda: shared.metric("watch_events_total") >= events + 20)
    time.sleep(1)
    assert told(bed.api, namespace) == undisturbed
    written = [write.path for write in shared.proxy.writes[since:] if write.subresource == "status"]
    assert [path for path in written if namespace in path] == []
