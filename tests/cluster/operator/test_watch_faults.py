"""Watches that fail: whatever comes out of one, or does not, the operator goes on and misses nothing."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.operator.objects import SERVED, hosted, make, status, wait_for_condition
from tests.cluster.operator.process import Operator
from tests.cluster.operator.sights import pair, sees_what_is_gone, sees_what_is_made, without_model
from tests.sizes import SOAK, scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed
from tests.testbed.faults import Close, CloseAfter, Freeze, InjectEvent, Rule, Status, Truncate
from tests.testbed.faults.actions import Action

OPTIONS = ("--resync=3600",)
"""What is told here has to come from the watches, and from what is done about their gaps."""

MODELS = "modeldeployments"
NOBODY: dict[str, Any] = {"type": "MODIFIED", "object": {"kind": "ModelDeployment"}}
ODD: dict[str, Any] = {"metadata": {"name": ["x"], "uid": {}, "resourceVersion": 7}, "kind": "ModelDeployment"}


def error(code: Any, **more: Any) -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "said the test", **more}}


EVENTS = {
    "500": error(500),
    "504": error(504),
    "429 with a date": error(429, details={"retryAfterSeconds": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    "403": error(403),
    "410": error(410),
    "no code": error(None),
    "no status": {"type": "ERROR", "object": "etcd is away"},
    "no such type": {"type": "NONSENSE", "object": {"metadata": {}}},
    "no metadata": NOBODY,
    "odd metadata": {"type": "ADDED", "object": ODD},
    "deletion of what never was": {"type": "DELETED", "object": {**ODD, "metadata": {"name": "x", "uid": "y"}}},
    "empty bookmark": {"type": "BOOKMARK", "object": {"metadata": {}}},
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_whatever_a_watch_says_the_next_change_is_told_within_seconds(
    bed: Bed, namespace: str, shared: Operator, event: dict[str, Any]
) -> None:
    struck = shared.proxy.add(Rule(InjectEvent(event), verb="watch", resource=MODELS, count=1))
    wait_for("the event", lambda: struck.hits == 1)
    assert sees_what_is_made(bed.api, namespace, patience=5) < 5


def test_errors_in_the_watches_of_all_kinds_at_once_end_in_watches_of_all_kinds(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    pair(bed.api, namespace)
    shared.proxy.add(Rule(InjectEvent(error(500)), verb="watch", count=2 * len(SERVED)))
    without_model(bed.api, namespace)
    sees_what_is_gone(bed.api, namespace)
    assert shared.metric("leader") == 1


def test_watches_that_are_cut_every_second_miss_nothing_and_lead_to_few_lists(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    make(bed.api, hosted("m", namespace))
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True")
    lists, began = shared.proxy.reads["lasting", "list", MODELS], time.monotonic()
    cutting = shared.proxy.add(Rule(CloseAfter(1), verb="watch"))
    slowest, changes = 0.0, 0
    for number in itertools.count():
        make(bed.api, hosted("m", namespace, model={"name": f"m{number}"}))
        changed = time.monotonic()
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=5)
        slowest, changes = max(slowest, time.monotonic() - changed), number
        if time.monotonic() - began > scale(4, 200):
            break
        time.sleep(0.2)
    lists = shared.proxy.reads["lasting", "list", MODELS] - lists
    evidence(changes=changes, slowest_s=round(slowest, 2), cuts=cutting.hits, lists=lists)
    assert cutting.hits >= len(SERVED) * scale(2, 100)
    assert lists <= 2 * max(1, (time.monotonic() - began) / 60)


@pytest.mark.parametrize("cut", [Truncate(1), Close(), Close(landed=True, reset=True), CloseAfter(0.02)], ids=repr)
def test_a_watch_that_always_ends_at_once_is_asked_for_more_and_more_seldom(
    bed: Bed, namespace: str, shared: Operator, cut: Action, evidence: Callable[..., None]
) -> None:
    with shared.proxy.rule(Rule(cut, verb="watch", resource=MODELS)) as cutting:
        shared.proxy.add(Rule(CloseAfter(0), verb="watch", resource=MODELS, count=1))
        make(bed.api, hosted("m", namespace))
        time.sleep(1.5)
        asked = cutting.matched
    evidence(asked_in_1500_ms=asked)
    assert 1 <= asked <= 15
    sees_what_is_made(bed.api, namespace)


def test_a_frozen_watch_shows_its_age_and_tells_of_the_change_when_it_goes_on(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    def age() -> float:
        return shared.metric("watch_age_seconds", kind="ModelDeployment")

    with shared.proxy.rule(Rule(Freeze(), verb="watch", resource=MODELS)):
        make(bed.api, hosted("m", namespace))
        wait_for("the watch to look old", lambda: age() > 2)
        assert status(bed.api, "ModelDeployment", namespace, "m") == {}
        assert shared.ask("/healthz")[0] == 200
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=5)
    wait_for("the watch to look young", lambda: age() < 2)


@pytest.mark.skipif(not SOAK, reason="takes more than a minute")
def test_a_watch_that_stays_silent_is_made_anew_within_70_seconds(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    shared.proxy.add(Rule(Freeze(), verb="watch", resource=MODELS, count=1))
    took = sees_what_is_made(bed.api, namespace, patience=85)
    evidence(healed_after_s=round(took, 1))
    assert took < 80


def test_changes_of_other_kinds_are_told_while_one_kind_cannot_be_watched(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    with shared.proxy.rule(Rule(Status(500), verb="watch", resource="hardwareclasses")):
        shared.proxy.add(Rule(CloseAfter(0), verb="watch", resource="hardwareclasses", count=1))
        assert sees_what_is_made(bed.api, namespace, patience=5) < 5
        assert shared.ask("/healthz")[0] == 200
