"""What the API server refuses, or cannot do now: said on the model where it lasts, in no other object's way, and over
when it is over.
"""

import time
from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.controllers import children as module
from tests.cluster.writing import (
    Desk,
    Object,
    budget,
    deployment,
    live,
    path_of,
    scaled_object,
    service,
    wait_until_made,
)
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Close, Rule, Status
from tests.testbed.faults.actions import Garbage

POLICIES = "/apis/admissionregistration.k8s.io/v1"
Said = tuple[str, str]


@pytest.fixture(autouse=True)
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 1.0)


def family(namespace: str) -> tuple[Object, ...]:
    return service(namespace), budget(namespace), deployment(namespace)


def told(desk: Desk) -> Said:
    """The only trouble, once there is one."""
    wait_for("a trouble", desk.troubles, 10)
    (only,) = desk.troubles()
    return only


def wait_until_well(bed: Bed, desk: Desk, *objects: Object) -> None:
    wait_until_made(bed.api, *objects)
    wait_for("the trouble to be over", lambda: desk.troubles() == [], 10)


def test_a_quota_is_said_in_its_words_and_the_rest_is_made(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/deployments.apps": "0"}}}
    expect(bed.api.create(path, quota), HTTPStatus.CREATED)
    wait_for("the quota to be counted", lambda: bed.api.get(f"{path}/few").body.get("status", {}).get("used"))
    objects = family(namespace)
    desk.want(uid, *objects)
    reason, message = told(desk)
    assert reason == "QuotaExceeded"
    assert message.startswith('the Deployment "chat-cpu" cannot be made: exceeded quota: few, requested: count/deploy')
    assert message.endswith("; lower scale.replicas or units, or have the ResourceQuota raised")
    wait_until_made(bed.api, *objects[:2])
    expect(bed.api.delete(f"{path}/few"), HTTPStatus.OK)
    wait_until_well(bed, desk, *objects)
    assert desk.heard == 2


def test_a_policy_of_the_cluster_is_said_in_its_words(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    name = f"no-{namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["services"]}
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    says = {"expression": "false", "message": "services are made by the platform team"}
    spec: dict[str, Any] = {"matchConstraints": {"resourceRules": [rule], "namespaceSelector": chosen}}
    kind, binding = "validatingadmissionpolicies", "validatingadmissionpolicybindings"
    expect(
        bed.api.create(f"{POLICIES}/{kind}", {"metadata": {"name": name}, "spec": {**spec, "validations": [says]}}),
        HTTPStatus.CREATED,
    )
    bound = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
    expect(bed.api.create(f"{POLICIES}/{binding}", bound), HTTPStatus.CREATED)
    try:
        probe = service(namespace)
        probe["metadata"]["name"] = "probe"
        collection = path_of(probe).rpartition("/")[0]
        wait_for("the policy", lambda: "platform" in bed.api.create(collection, probe, "dryRun=All").message, 20)
        objects = family(namespace)
        desk.want(uid, *objects)
        reason, message = told(desk)
        assert reason == "AdmissionDenied"
        assert "services are made by the platform team" in message
        wait_until_made(bed.api, *objects[1:])
    finally:
        for plural in (binding, kind):
            bed.api.delete(f"{POLICIES}/{plural}/{name}")
    wait_until_well(bed, desk, *objects)


def test_what_is_not_valid_is_said_with_the_field(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    objects = family(namespace)
    objects[2]["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    desk.want(uid, *objects)
    reason, message = told(desk)
    assert reason == "CreateFailed"
    assert message.startswith(
        'the Deployment "chat-cpu" cannot be made: spec.template.spec.containers[0].image: Required'
    )
    desk.want(uid, *family(namespace))
    wait_until_well(bed, desk, *objects)


def test_a_field_that_this_kubernetes_does_not_have_is_said(desk: Desk, uid: str, namespace: str) -> None:
    objects = family(namespace)
    objects[0]["spec"]["fromTheFuture"] = True
    desk.want(uid, *objects)
    reason, message = told(desk)
    assert reason == "CreateFailed"
    assert "fromTheFuture" in message


def test_a_kind_that_is_not_there_is_said_with_what_to_install(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    objects = family(namespace)
    desk.want(uid, *objects, scaled_object(namespace))
    fix = "the cluster has no such kind; install KEDA, or choose another scale.autoscaler"
    assert told(desk) == ("CreateFailed", f'the ScaledObject "chat" cannot be made: {fix}')
    wait_until_made(bed.api, *objects)
    desk.want(uid, *objects)
    wait_until_well(bed, desk)


def test_a_right_that_is_missing_is_named(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    words = 'deployments.apps "chat-cpu" is forbidden: User "operator" cannot patch resource "deployments" in API group'
    body = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": f'{words} "apps" in the namespace "x"'}
    with desk.proxy.rule(Rule(Status(403, body=body), client="writer", verb="write", resource="deployments")):
        objects = family(namespace)
        desk.want(uid, *objects)
        why = "the operator may not patch deployments.apps; grant it the right"
        assert told(desk) == ("CreateFailed", f'the Deployment "chat-cpu" cannot be made: {why}')
        wait_until_made(bed.api, *objects[:2])
    wait_until_well(bed, desk, *objects)


@pytest.mark.parametrize(
    "fault",
    [Status(409), Status(429, headers={"Retry-After": "1"}), Status(500), Status(503), Close(reset=True), Garbage()],
    ids=["409", "429", "500", "503", "a reset", "garbage"],
)
def test_what_passes_is_tried_again_and_not_said(bed: Bed, desk: Desk, uid: str, namespace: str, fault: Any) -> None:
    objects = family(namespace)
    with desk.proxy.rule(Rule(fault, client="writer", resource="deployments")) as struck:
        desk.want(uid, *objects)
        wait_until_made(bed.api, *objects[:2])
        time.sleep(1.5)
        assert desk.troubles() == []
        assert 2 <= struck.hits <= 25
        assert not live(bed.api, objects[2])
    wait_until_well(bed, desk, *objects)


def test_an_answer_that_was_lost_does_no_harm(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    objects = family(namespace)
    with desk.proxy.rule(Rule(Close(landed=True), client="writer", verb="patch", count=3)) as struck:
        desk.want(uid, *objects)
        wait_until_well(bed, desk, *objects)
        wait_for("the lost answers", lambda: struck.hits == 3)
    time.sleep(1.0)
    made = {write.name for write in desk.writes() if write.served == HTTPStatus.CREATED}
    assert made == {one["metadata"]["name"] for one in objects}


def test_a_namespace_that_goes_away_is_no_trouble_and_no_storm(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    objects = family(namespace)
    desk.want(uid, *objects)
    wait_until_made(bed.api, *objects)
    expect(bed.api.delete(f"/api/v1/namespaces/{namespace}"), HTTPStatus.OK)
    wait_for("it to be gone", lambda: bed.api.get(f"/api/v1/namespaces/{namespace}").status == HTTPStatus.NOT_FOUND, 60)
    assert desk.troubles() == []
    assert len(desk.writes()) < 25
