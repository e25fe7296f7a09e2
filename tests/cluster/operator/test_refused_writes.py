"""Statuses that cannot be written, or that others write, too: tried again at a pace of their own, in the end right."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.api.kinds import KINDS
from modelfleet.sources.kinds import AROUND, MADE
from tests.cluster.operator.objects import (
    condition,
    gone,
    hosted,
    is_ending,
    make,
    routed,
    status,
    url,
    wait_for_condition,
)
from tests.cluster.operator.process import LEASE, Operator
from tests.cluster.operator.sights import sees_what_is_made
from tests.cluster.operator.writers import churn, cpu_seconds, on_objects, wait_until_still
from tests.sizes import scale
from tests.testbed.__main__ import crds
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, FaultProxy, Rule, Status, Write

MODELS = "modeldeployments"
STATUSES = [f"{kind.KIND.plural}/status" for kind in KINDS.values()]
LOOK, WRITE = ["get", "list", "watch"], ["patch", "update"]
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/operator-of-the-tests"
STORM_S, MANY, AGAIN = scale(3, 60), scale(25, 300), scale(3, 50)
HEALED_S = 4 * STORM_S + 10
"""Who was refused for so long is tried again after as long once more, and a little on a busy machine."""


def rights(*without: str) -> dict[str, Any]:
    """What the operator of a fleet that runs elsewhere needs, less the right to write these statuses."""
    granted = [
        ("modelfleet.dev", [kind.KIND.plural for kind in KINDS.values()], LOOK),
        ("modelfleet.dev", [name for name in STATUSES if name not in without], WRITE),
        *((watched.group, [watched.plural], LOOK) for watched in (*AROUND, *MADE)),
        ("", ["secrets", "configmaps"], ["get"]),
        ("", ["events"], ["get", "create", "patch"]),
        ("coordination.k8s.io", ["leases"], ["get", "create", "update"]),
    ]
    rules = [{"apiGroups": [group], "resources": names, "verbs": verbs} for group, names, verbs in granted]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE.rpartition("/")[2]},
        "rules": rules,
    }


def account(bed: Bed) -> str:
    """The token of a service account that has these rights and no others."""
    accounts, name = "/api/v1/namespaces/default/serviceaccounts", "operator"
    bed.api.create(accounts, {"metadata": {"name": name}})
    expect(bed.api.apply(ROLE, rights()), HTTPStatus.OK, HTTPStatus.CREATED)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "operator-of-the-tests"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE.rpartition("/")[2]},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }
    expect(
        bed.api.apply(ROLE.replace("clusterroles", "clusterrolebindings"), binding), HTTPStatus.OK, HTTPStatus.CREATED
    )
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token: str = expect(bed.api.create(f"{accounts}/{name}/token", asked), HTTPStatus.CREATED)["status"]["token"]
    return token


@pytest.fixture(scope="module")
def lasting(bed: Bed) -> Iterator[Operator]:
    """An operator with a service account, which may do what it needs and nothing else."""
    # Models of others may run here, and here none does.
    wait_for("other tests' namespaces to be gone", lambda: not is_ending(bed.api), patience=90)
    bed.api.delete(LEASE)
    with FaultProxy(bed) as proxy:
        operator = Operator(proxy, "lasting")
        settings = json.loads(operator.kubeconfig.read_text())
        settings["users"][0]["user"] = {"token": account(bed)}
        operator.kubeconfig.write_text(json.dumps(settings))
        operator.start()
        operator.wait_until_ready()
        operator.wait_until_leading()
        yield operator
        operator.stop()


def tries(operator: Operator, name: str, since: int = 0) -> list[Write]:
    """The writes of the status of an object of this name."""
    writes = on_objects(operator.proxy.writes[since:], operator.client)
    return [write for write in writes if write.subresource == "status" and write.name == name]


def lines(operator: Operator) -> list[str]:
    """What it has complained of so far."""
    return [line for line in operator.log_text().splitlines() if "was not written" in line]


def edit(bed: Bed, namespace: str, name: str) -> None:
    make(bed.api, hosted(name, namespace, external={"url": f"https://{time.monotonic_ns()}.example.com"}))


def is_current(bed: Bed, namespace: str, name: str) -> bool:
    """Whether its status is about the object as it is."""
    whole = expect(bed.api.get(url("ModelDeployment", namespace, name)), HTTPStatus.OK)
    return bool(whole.get("status", {}).get("observedGeneration") == whole["metadata"]["generation"])


def test_a_status_that_the_server_finds_invalid_is_tried_ever_more_seldom_and_holds_nobody_up(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    name, invalid = f"p-{namespace}", shared.metric("writes_total", kind="RoutingPolicy", outcome="Unprocessable")
    strict = copy.deepcopy(next(crd for crd in crds() if "routingpolicies" in str(crd["metadata"])))
    in_status = strict["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]  # type: ignore[index]
    in_status["conditions"]["items"]["properties"]["message"]["maxLength"] = 5
    bed.install([strict])
    try:
        make(bed.api, routed(name, namespace, "nothing"))
        wait_for("the refusal", lambda: [write.served for write in tries(shared, name)[:2]] == [422, 422])
        slowest = sees_what_is_made(bed.api, namespace)
        time.sleep(STORM_S)
        assert 2 <= len(tries(shared, name)) < 6 + STORM_S
    finally:
        bed.install(crds())
    wait_for_condition(bed.api, "RoutingPolicy", namespace, name, "ResolvedRefs", "ModelNotFound", patience=HEALED_S)
    assert shared.metric("writes_total", kind="RoutingPolicy", outcome="Unprocessable") > invalid
    (said,) = [line for line in lines(shared) if name in line]
    assert "422" in said
    assert "message" in said
    evidence(tries=len(tries(shared, name)), seconds=STORM_S, seconds_until_another_was_told=round(slowest, 2))
    assert slowest < 2


def test_conflicts_are_tried_again_at_once_and_then_ever_more_seldom(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    name = f"m-{namespace}"
    storm = shared.proxy.add(Rule(Status(409), verb="write", resource=f"{MODELS}/status", name=name))
    make(bed.api, hosted(name, namespace))
    wait_for("the tries at once", lambda: storm.hits >= 5, patience=2)
    assert sees_what_is_made(bed.api, namespace) < 2
    time.sleep(STORM_S)
    assert storm.hits < 10 + STORM_S
    evidence(conflicts=storm.hits, seconds=STORM_S)
    shared.proxy.remove(storm)
    wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", "True", patience=HEALED_S)


def test_an_object_that_somebody_edits_fifty_times_a_second_costs_a_write_now_and_then(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    name = f"m-{namespace}"
    make(bed.api, hosted(name, namespace))
    wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", "True")
    before, cpu, began = len(shared.proxy.writes), cpu_seconds(shared.pid), time.monotonic()
    with churn(bed, namespace, name, pause=0.015):
        slowest = sees_what_is_made(bed.api, namespace)
        time.sleep(STORM_S)
    took = time.monotonic() - began
    load, writes = (cpu_seconds(shared.pid) - cpu) / took, len(tries(shared, name, before))
    wait_for("the last word", lambda: is_current(bed, namespace, name), patience=5)
    generation = status(bed.api, "ModelDeployment", namespace, name)["observedGeneration"]
    evidence(edits=generation, writes=writes, cores=round(load, 2), seconds_until_another_was_told=round(slowest, 2))
    assert generation > 30 * STORM_S
    assert writes < 12 + 1.2 * took  # ten at once, and then one in a second
    assert load < 0.8
    assert slowest < 3


def test_who_fights_over_a_status_keeps_nobody_else_from_being_served(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    name = f"m-{namespace}"
    path = url("ModelDeployment", namespace, name) + "/status"
    make(bed.api, hosted(name, namespace))
    ready = wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", "True")
    before, cpu, began = len(shared.proxy.writes), cpu_seconds(shared.pid), time.monotonic()
    wrong, edits = {**ready, "status": "False", "reason": "Sabotage", "message": "it is not"}, 0
    while time.monotonic() < began + STORM_S:
        body = {"status": {"conditions": [wrong], "observedGeneration": 0, "phase": str(edits)}}
        expect(bed.api.merge(path, body), HTTPStatus.OK)
        edits += 1
        time.sleep(0.015)
    load, writes = (cpu_seconds(shared.pid) - cpu) / (time.monotonic() - began), len(tries(shared, name, before))
    wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", "True", patience=5)
    evidence(edits=edits, writes=writes, cores=round(load, 2))
    assert sees_what_is_made(bed.api, namespace) < 2
    assert edits > 20 * STORM_S
    assert writes < 12 + 1.2 * STORM_S
    assert load < 0.8


def test_a_right_that_is_missing_is_counted_and_said_once_and_missed_no_more_when_it_comes_back(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    names = [f"m{number}-{namespace}" for number in range(MANY)]
    make(bed.api, *(hosted(name, namespace) for name in names))
    wait_until_still(shared.proxy)
    before, said = len(shared.proxy.writes), len(lines(shared))
    expect(bed.api.apply(ROLE, rights(f"{MODELS}/status")), HTTPStatus.OK)
    for name in names:
        edit(bed, namespace, name)
    try:
        wait_for("every one to be refused", lambda: all(tries(shared, name, before) for name in names))
        make(bed.api, routed("p", namespace, names[0]))
        wait_for_condition(bed.api, "RoutingPolicy", namespace, "p", "ResolvedRefs", "True", patience=5)
        denied = shared.metric("rbac_denied_total", verb="patch", resource=f"{MODELS}/status")
        assert denied >= MANY
        assert 1 <= len(lines(shared)) - said <= 3, "who may not write need not be told of each object"
    finally:
        expect(bed.api.apply(ROLE, rights()), HTTPStatus.OK)
    began = time.monotonic()
    wait_for("every one to be told", lambda: all(is_current(bed, namespace, name) for name in names), patience=30)
    evidence(objects=MANY, denied=denied, seconds_until_all_was_said=round(time.monotonic() - began, 1))


def test_a_server_that_asks_for_time_is_given_it(bed: Bed, namespace: str, shared: Operator) -> None:
    name = f"m-{namespace}"
    busy = Status(429, {"Retry-After": "2"})
    shared.proxy.add(Rule(busy, verb="write", resource=f"{MODELS}/status", name=name, count=2))
    make(bed.api, hosted(name, namespace))
    wait_for("the first try", lambda: tries(shared, name))
    assert sees_what_is_made(bed.api, namespace) < 2
    wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", "True", patience=12)
    first, second, third = tries(shared, name)
    assert second.at - first.at >= 2
    assert third.at - second.at >= 2


@pytest.mark.parametrize("code", [403, 500])
def test_a_call_in_five_may_fail_and_every_status_is_right_in_the_end(
    bed: Bed, namespace: str, shared: Operator, code: int, evidence: Callable[..., None]
) -> None:
    before = len(shared.proxy.writes)
    faults = shared.proxy.add(Rule(Status(code), share=0.2, seed=code))
    names = [f"m{number}-{namespace}" for number in range(MANY)]
    make(bed.api, *(hosted(name, namespace) for name in names), routed("p", namespace, names[0]))
    for name in names:
        edit(bed, namespace, name)
    wait_for("every one to be told", lambda: all(is_current(bed, namespace, name) for name in names), patience=30)
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "p", "ResolvedRefs", "True")
    written = [write for name in (*names, "p") for write in tries(shared, name, before)]
    evidence(failed=faults.hits, statuses=len(names) + 1, writes=len(written))
    assert len(written) < 6 * MANY


@pytest.mark.parametrize("wrong", [None, {"conditions": None, "observedGeneration": 7}, {"conditions": []}])
def test_a_status_that_somebody_wiped_or_edited_is_written_again_within_five_seconds(
    bed: Bed, namespace: str, shared: Operator, wrong: Any
) -> None:
    make(bed.api, hosted("m", namespace))
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True")
    wait_until_still(shared.proxy, still=0.5)
    before = status(bed.api, "ModelDeployment", namespace, "m")
    spoiled = bed.api.merge(url("ModelDeployment", namespace, "m") + "/status", {"status": wrong})
    assert expect(spoiled, HTTPStatus.OK).get("status") != before
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=5)
    after = status(bed.api, "ModelDeployment", namespace, "m")
    assert [one["type"] for one in after["conditions"]] == [one["type"] for one in before["conditions"]]
    assert after["observedGeneration"] == 1


def made_again(bed: Bed, namespace: str, operator: Operator) -> float:
    """Makes a model anew while a write about the old one is on its way. Seconds until the new one has a status."""
    make(bed.api, hosted("m", namespace))
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True")
    time.sleep(1.1)  # so that times tell the two apart
    edit(bed, namespace, "m")
    late = Rule(Delay(0.2, landed=False), verb="write", resource=f"{MODELS}/status", name="m")
    with operator.proxy.rule(late) as held:
        wait_for("a write", lambda: held.hits)
        gone(bed.api, "ModelDeployment", namespace, "m")
        make(bed.api, hosted("m", namespace))
        began = time.monotonic()
        time.sleep(0.3)
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=5)
    return time.monotonic() - began


def test_a_model_that_is_made_again_under_its_name_gets_a_status_of_its_own(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    slowest, before = 0.0, len(shared.proxy.writes)
    for _ in range(AGAIN):
        slowest = max(slowest, made_again(bed, namespace, shared))
        made = expect(bed.api.get(url("ModelDeployment", namespace, "m")), HTTPStatus.OK)
        assert made["status"]["observedGeneration"] == 1
        times = [one["lastTransitionTime"] for one in made["status"]["conditions"]]
        assert min(times) >= made["metadata"]["creationTimestamp"], "a time of the one that is gone"
        gone(bed.api, "ModelDeployment", namespace, "m")
    late = [write for write in tries(shared, "m", before) if write.served == HTTPStatus.CONFLICT]
    evidence(times=AGAIN, too_late=len(late), slowest_seconds_until_the_new_one_was_told=round(slowest, 2))
    assert len(late) >= AGAIN / 2


def test_a_condition_of_somebody_else_stays_beside_ours(bed: Bed, namespace: str, shared: Operator) -> None:
    foreign: dict[str, Any] = {
        "type": "example.com/Audited",
        "status": "True",
        "reason": "Seen",
        "message": "by the auditor",
    }
    foreign |= {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
    make(bed.api, hosted("m", namespace))
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True")
    before = len(shared.proxy.writes)
    theirs = {**hosted("m", namespace), "status": {"conditions": [foreign]}}
    expect(bed.api.apply(url("ModelDeployment", namespace, "m") + "/status", theirs, manager="auditor"), HTTPStatus.OK)
    wait_until_still(shared.proxy)
    assert tries(shared, "m", before) == [], "it is none of our business"
    edit(bed, namespace, "m")
    wait_for("our write", lambda: is_current(bed, namespace, "m"))
    assert condition(bed.api, "ModelDeployment", namespace, "m", foreign["type"]) == foreign


def test_no_write_has_annotations_finalizers_or_anything_of_kopf(bed: Bed, namespace: str, shared: Operator) -> None:
    make(bed.api, hosted("m", namespace), routed("p", namespace, "m"), routed("q", namespace, "n"))
    edit(bed, namespace, "m")
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "p", "ResolvedRefs", "True")
    wait_for("the model's status", lambda: is_current(bed, namespace, "m"))
    written = on_objects(shared.proxy.writes)
    assert {write.resource for write in written} <= {"events", *(kind.KIND.plural for kind in KINDS.values())}
    assert all(write.subresource == "status" for write in written if write.resource != "events")
    assert [write.path for write in written if "kopf" in json.dumps(write.body).lower()] == []
    assert [
        write.path for write in written if {"annotations", "finalizers"} & write.body.get("metadata", {}).keys()
    ] == []
    for kind, name in (("ModelDeployment", "m"), ("RoutingPolicy", "p")):
        metadata = expect(bed.api.get(url(kind, namespace, name)), HTTPStatus.OK)["metadata"]
        assert {"annotations", "finalizers"} & metadata.keys() == set()
