"""Kubernetes Events: one for each change of state, on the object; counted where they repeat, none for a restart."""

import time
from collections.abc import Callable
from http import HTTPStatus

from tests.cluster.operator.events import events, wait_for_event
from tests.cluster.operator.objects import condition, gone, hardware, hosted, make, routed, url, wait_for_condition
from tests.cluster.operator.process import Operator
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, Rule, Status, Write

BURST, TOGETHER, A_SECOND = 10, 50, 5
LONGEST = 1000


def told(operator: Operator, namespace: str) -> list[Write]:
    """The events in a namespace that were written, or of which a repetition was."""
    found = [write for write in operator.proxy.writes if (write.resource, write.namespace) == ("events", namespace)]
    return [write for write in found if write.status in (HTTPStatus.OK, HTTPStatus.CREATED)]


def test_a_change_of_state_is_one_event_and_names_what_to_do(bed: Bed, namespace: str, shared: Operator) -> None:
    make(bed.api, hosted("frontier", namespace), routed("chat", namespace, "frontierr", f"{namespace}/chat"))
    wait_for_event(bed.api, namespace, "chat", "Ready=False: spec.tiers[0].models[0].name: no ModelDeployment")
    make(bed.api, routed("chat", namespace, "frontier", f"{namespace}/chat"))
    wait_for_event(bed.api, namespace, "chat", "Ready=Unknown: no gateway has reported yet")
    first, *rest = events(bed.api, namespace, "chat")
    assert (first["type"], first["reason"], first["count"]) == ("Warning", "ModelNotFound", 1)
    assert {(one["type"], one["reason"], one["message"].partition(":")[0]) for one in rest} == {
        ("Normal", "ResolvedRefs", "ResolvedRefs=True"),
        ("Normal", "NoConflict", "Conflicted=False"),
        ("Normal", "AsWanted", "Degraded=False"),
        ("Normal", "NoGateway", "Ready=Unknown"),
    }
    (only,) = events(bed.api, namespace, "frontier")
    assert (only["type"], only["reason"], only["source"]["component"]) == ("Normal", "Ready", "modelfleet")
    assert only["reportingInstance"] in shared.log_text()


def test_an_event_belongs_to_one_object_and_not_to_the_next_of_its_name(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    uids = []
    for _ in range(2):
        make(bed.api, hosted("frontier", namespace))
        whole = expect(bed.api.get(url("ModelDeployment", namespace, "frontier")), HTTPStatus.OK)
        uids.append(whole["metadata"]["uid"])
        known = len(uids)
        wait_for("its own event", lambda known=known: len(events(bed.api, namespace, "frontier")) == known)
        gone(bed.api, "ModelDeployment", namespace, "frontier")
    found = [event["involvedObject"] for event in events(bed.api, namespace, "frontier")]
    assert [one["uid"] for one in found] == uids
    assert {(one["kind"], one["namespace"], one["apiVersion"]) for one in found} == {
        ("ModelDeployment", namespace, "modelfleet.dev/v1alpha1")
    }
    assert shared.metric("writes_total", kind="Event", outcome="ok") >= 2


def test_what_is_told_of_a_class_is_found_where_kubectl_looks_for_it(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    make(bed.api, hardware(namespace, {"pool": "nowhere"}))
    try:
        event = wait_for_event(
            bed.api, "default", namespace, "Ready=False: spec.nodes.selector: no node has pool=nowhere"
        )
        assert (event["type"], event["reason"]) == ("Warning", "NoMatchingNodes")
        assert "namespace" not in event["involvedObject"]
        assert shared.leads()
    finally:
        gone(bed.api, "HardwareClass", "", namespace)


def test_who_flaps_is_counted_and_fills_no_log(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    began, flaps = time.monotonic(), scale(6, 60)
    before = shared.metric("writes_total", kind="RoutingPolicy", outcome="ok")
    make(bed.api, routed("chat", namespace, "frontier", f"{namespace}/chat"))
    for _ in range(flaps):
        wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", "False")
        make(bed.api, hosted("frontier", namespace))
        wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", "True")
        gone(bed.api, "ModelDeployment", namespace, "frontier")
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", "False")
    changes = shared.metric("writes_total", kind="RoutingPolicy", outcome="ok") - before
    written = [write for write in told(shared, namespace) if write.name.startswith("chat.")]
    distinct = events(bed.api, namespace, "chat")
    evidence(flaps=flaps, events_written=len(written), distinct_events=len(distinct))
    assert changes >= 2 * flaps
    assert len(written) <= BURST + (time.monotonic() - began) / 60 + 1
    assert len(distinct) <= 8
    assert sum(event["count"] for event in distinct) == len(written)
    assert max(event["count"] for event in distinct) > 1


def test_an_event_that_is_refused_is_dropped_and_the_status_stands(bed: Bed, namespace: str, shared: Operator) -> None:
    with shared.proxy.rule(Rule(Status(403), resource="events", namespace=namespace)) as refused:
        make(bed.api, routed("chat", namespace, "nobody", f"{namespace}/chat"))
        wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "Ready", "False")
        wait_for("the refusal", lambda: refused.hits)
        time.sleep(1)
        assert refused.hits == 1
    assert shared.metric("writes_total", kind="Event", outcome="Forbidden") >= 1
    assert events(bed.api, namespace, "chat") == []
    assert condition(bed.api, "RoutingPolicy", namespace, "chat")["reason"] == "ModelNotFound"


def test_events_that_take_their_time_keep_no_status_waiting(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    names = [f"m-{number}" for number in range(scale(20, 100))]
    assert shared.leads()
    with shared.proxy.rule(Rule(Delay(2), verb="create", resource="events")):
        began = time.monotonic()
        make(bed.api, *(hosted(name, namespace) for name in names))
        for name in names:
            wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", "True")
        took = time.monotonic() - began
    evidence(statuses=len(names), seconds=round(took, 2))
    assert took < 2 + len(names) / 20


def test_a_long_story_is_cut_and_taken(bed: Bed, namespace: str, shared: Operator) -> None:
    tiers = [{"name": f"t{number}", "models": [{"name": "n" * 240 + str(number)}]} for number in range(8)]
    policy = routed("chat", namespace, "nobody", f"{namespace}/chat")
    policy["spec"]["tiers"] = tiers
    make(bed.api, policy)
    event = wait_for_event(bed.api, namespace, "chat", "Ready=False: spec.tiers[0]")
    assert len(event["message"]) == LONGEST
    assert condition(bed.api, "RoutingPolicy", namespace, "chat")["message"].endswith("; and 3 more")
    assert shared.metric("writes_total", kind="Event", outcome="ok") >= 1


def test_many_objects_at_once_say_only_so_much_and_each_has_its_status(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    # What the tests before this one had told counts, too, until as much may be told at once as ever.
    time.sleep(TOGETHER / A_SECOND)
    began, count = time.monotonic(), scale(120, 1000)
    names = [f"chat-{number}" for number in range(count)]
    make(bed.api, *(routed(name, namespace, "nobody", f"{namespace}/{name}") for name in names))
    for name in names:
        wait_for_condition(bed.api, "RoutingPolicy", namespace, name, "ResolvedRefs", "ModelNotFound")
    wait_for("much to be told", lambda: len(told(shared, namespace)) >= TOGETHER // 2)
    time.sleep(1)
    written = told(shared, namespace)
    evidence(objects=count, events_written=len(written), seconds=round(time.monotonic() - began, 1))
    assert len(written) <= TOGETHER + A_SECOND * (time.monotonic() - began) + 1
    assert shared.metric("statuses_waiting") == 0
