"""Statuses on a real API server: taken as they are, settled by one write, in the words of real controllers."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from modelfleet.api.meta import API_VERSION
from modelfleet.compiler import compile_fleet
from modelfleet.findings import Key
from modelfleet.fleet.nodes import parse_node
from modelfleet.fleet.parse import Foreign, parse_object
from modelfleet.fleet.pods import parse_pod
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.fleet.standings import parse_standings
from modelfleet.fleet.times import seconds
from modelfleet.fleet.workloads import parse_workload
from modelfleet.placement.plan import plan_placement
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from modelfleet.statuses.times import same, settle, with_others
from tests.support.documents import Document, hardware_class, model, policy
from tests.support.statuses import Said, said
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect

NOW = "2026-01-31T12:00:00Z"
PLURALS = {
    "HardwareClass": "hardwareclasses",
    "ModelDeployment": "modeldeployments",
    "RoutingPolicy": "routingpolicies",
}
LABELS = {"modelfleet.dev/model": "m", "modelfleet.dev/hardware-class": "cpu"}
CPU = {"modelfleet.example.com/pool": "cpu-large"}


def path(key: Key) -> str:
    place = f"namespaces/{key.namespace}/" if key.namespace else ""
    return f"/apis/{API_VERSION}/{place}{PLURALS[key.kind]}/{key.name}"


def listed(bed: Bed, path: str) -> list[Document]:
    items: list[Document] = expect(bed.api.get(path), HTTPStatus.OK)["items"]
    return items


def create(bed: Bed, raw: Document, namespace: str) -> Document:
    key = Key(raw["kind"], "" if raw["kind"] == "HardwareClass" else namespace, raw["metadata"]["name"])
    made: Document = expect(bed.api.create(path(key).rpartition("/")[0], raw), HTTPStatus.CREATED)
    return made


def deploy(bed: Bed, namespace: str, owner: Document, replicas: int = 1, hardware: str = "cpu", **spec: Any) -> None:
    labels = {**LABELS, "modelfleet.dev/hardware-class": hardware}
    units = {"modelfleet.dev/units": "1"}
    container = {"name": "engine", "image": "engine", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}
    reference = {"apiVersion": API_VERSION, "kind": "ModelDeployment", "name": "m", "uid": owner["metadata"]["uid"]}
    made = {
        "metadata": {"name": "m-cpu", "labels": labels, "ownerReferences": [reference]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": {**labels, **units}},
                "spec": {"nodeSelector": CPU, "containers": [container], **spec},
            },
        },
    }
    expect(bed.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", made), HTTPStatus.CREATED)


def judge(bed: Bed, namespace: str, *objects: Document, plan: bool = False) -> dict[Key, dict[str, Any]]:
    """The statuses of these objects, by what the API server shows at this moment."""
    parsed = [one for raw in objects if not isinstance(one := parse_object(raw), Foreign)]
    pods = [parse_pod(raw) for raw in listed(bed, f"/api/v1/namespaces/{namespace}/pods")]
    made = [parse_workload(raw) for raw in listed(bed, f"/apis/apps/v1/namespaces/{namespace}/deployments")]
    key = Key("ModelDeployment", namespace, "m")
    status = next((raw.get("status") for raw in objects if raw["kind"] == key.kind), None)
    snapshot = replace(
        snapshot_of(parsed, {}),
        nodes=tuple(node for raw in listed(bed, "/api/v1/nodes") if (node := parse_node(raw))),
        pods={key: tuple(pod for pod in pods if pod)},
        workloads={key: tuple(one for one in made if one)},
        standing={key: parse_standings(status)},
        now=seconds(NOW),
    )
    placement = plan_placement(snapshot) if plan else None
    return summarise(snapshot, map(judged_of, parsed), compile_fleet(snapshot).findings, placement)


def write(bed: Bed, key: Key, wanted: Document) -> Document:
    """Writes a status, and shows that nothing is left to write; the object as it is then."""
    settled = settle(wanted, expect(bed.api.get(path(key)), HTTPStatus.OK).get("status"), NOW)
    body = {"apiVersion": API_VERSION, "kind": key.kind, "status": settled}
    expect(bed.api.apply(f"{path(key)}/status", body, manager="modelfleet"), HTTPStatus.OK)
    found: Document = expect(bed.api.get(path(key)), HTTPStatus.OK)
    current = found["status"]
    assert same(settle(wanted, current, "2026-02-01T00:00:00Z"), current), (key, settled, current)
    return found


def comes_to(bed: Bed, namespace: str, raw: Document, type_: str, reason: str) -> Said:
    """What the model says of a condition, once it gives this reason."""
    key = Key("ModelDeployment", namespace, "m")
    found = dict[str, Said]()

    def holds() -> bool:
        status = judge(bed, namespace, raw)[key]
        found.update({one["type"]: said(status, one["type"]) for one in status["conditions"]})
        return found[type_].reason == reason

    wait_for(f"{type_}: {reason}", holds)
    return found[type_]


def test_the_api_server_takes_a_status_as_it_is_and_one_write_settles_it(bed: Bed, namespace: str) -> None:
    name = f"cpu-{namespace}"
    broken = policy(name="q", tiers=[{"name": "light", "models": [{"name": "gone"}]}])
    objects = [
        create(
            bed, hardware_class(name=name, nodes={"selector": CPU}, family="cpu", unit={"resources": {"cpu": "1"}}), ""
        ),
        create(bed, model(name="m", placement={"classes": [{"name": name}]}), namespace),
        *(create(bed, raw, namespace) for raw in (policy(), broken, policy(name="r"))),
    ]
    deploy(bed, namespace, objects[1])
    comes_to(bed, namespace, objects[1], "Available", "Available")
    for key, wanted in judge(bed, namespace, *objects).items():
        write(bed, key, wanted)
    bed.api.delete(path(Key("HardwareClass", "", name)))


def test_units_costs_and_classes_are_taken_as_they_are_and_another_order_of_them_as_well(
    bed: Bed, namespace: str
) -> None:
    names = [f"none-{namespace}", f"cpu-{namespace}"]
    fields: dict[str, Any] = {"unit": {"resources": {"cpu": "1"}}, "price": {"perUnitHour": "0.34"}}
    classes = [
        create(bed, hardware_class(name=name, nodes={"selector": selector}, family="cpu", **fields), "")
        for name, selector in zip(names, ({"pool": "nowhere"}, CPU), strict=True)
    ]
    choices = [{"name": name} for name in names]
    raw = create(bed, model(name="m", placement={"classes": choices}, scale={"replicas": 2}), namespace)
    deploy(bed, namespace, raw, 2, names[1])
    comes_to(bed, namespace, raw, "Progressing", "UpToDate")
    found = {key: write(bed, key, wanted) for key, wanted in judge(bed, namespace, *classes, raw, plan=True).items()}
    key, hardware = Key("ModelDeployment", namespace, "m"), Key("HardwareClass", "", names[1])
    status, units = found[key]["status"], found[hardware]["status"]
    assert [(one["name"], one["reason"], one["replicas"]) for one in status["classes"]] == [
        (names[0], "NoMatchingNodes", 0),
        (names[1], "Chosen", 2),
    ]
    assert (status["placedOn"], status["costPerHour"], units["costPerHour"]) == (names[1], "0.68 USD", "0.68 USD")
    assert said(status, "Ready").message.startswith(f"2 of 2 replicas are ready; {names[0]}: no node has the labels of")
    assert units["models"] == [{"namespace": namespace, "name": "m", "units": 2}]
    assert units["units"]["used"] == 2
    assert sum(region["total"] for region in units["regions"]) == units["units"]["total"]
    patch = {"spec": {"placement": {"classes": choices[::-1]}}}
    turned = expect(bed.api.merge(path(key), patch), HTTPStatus.OK)
    again = write(bed, key, judge(bed, namespace, *classes, turned, plan=True)[key])
    assert [one["name"] for one in again["status"]["classes"]] == names[::-1]
    for name in names:
        bed.api.delete(path(Key("HardwareClass", "", name)))


def test_what_somebody_wrote_into_a_status_stays_after_an_apply_and_not_after_an_update(
    bed: Bed, namespace: str
) -> None:
    raw = create(bed, policy(), namespace)
    ((key, wanted),) = judge(bed, namespace, raw).items()
    stray = {"revision": "x", "lostNames": [{"model": "a", "to": "b"}]}
    expect(bed.api.merge(f"{path(key)}/status", {"status": stray}), HTTPStatus.OK)
    settled = settle(wanted, None, NOW)
    body = {"apiVersion": API_VERSION, "kind": key.kind, "status": settled}
    current = expect(bed.api.apply(f"{path(key)}/status", body, manager="modelfleet"), HTTPStatus.OK)
    assert not same(settled, current["status"])
    whole = {**current, "status": with_others(settled, current["status"])}
    updated = expect(bed.api.request("PUT", f"{path(key)}/status", whole), HTTPStatus.OK)
    assert same(settled, updated["status"])


def test_a_model_whose_pods_run_is_ready_with_its_regions(bed: Bed, namespace: str) -> None:
    raw = create(bed, model(name="m", scale={"replicas": 2}), namespace)
    deploy(bed, namespace, raw, 2)
    assert comes_to(bed, namespace, raw, "Progressing", "UpToDate").status == "False"
    status = judge(bed, namespace, raw)[Key("ModelDeployment", namespace, "m")]
    assert said(status, "Ready") == Said("True", "Ready", "2 of 2 replicas are ready")
    assert sum(region["readyReplicas"] for region in status["regions"]) == 2
    assert {region["name"] for region in status["regions"]} <= {"eu-west-1", "us-east-1"}


def test_a_replica_without_a_node_speaks_with_the_words_of_the_scheduler(bed: Bed, namespace: str) -> None:
    raw = create(bed, model(name="m"), namespace)
    deploy(bed, namespace, raw, nodeSelector={"pool": "nowhere"})
    found = comes_to(bed, namespace, raw, "Placed", "Unschedulable")
    assert "didn't match Pod's node affinity/selector" in found.message


def test_a_volume_that_is_not_there_is_told_from_a_lack_of_room(bed: Bed, namespace: str) -> None:
    raw = create(bed, model(name="m"), namespace)
    volume = {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}
    deploy(bed, namespace, raw, volumes=[volume])
    assert (
        'persistentvolumeclaim "weights" not found' in comes_to(bed, namespace, raw, "Placed", "VolumePending").message
    )


def test_a_quota_that_is_used_up_speaks_with_its_own_words(bed: Bed, namespace: str) -> None:
    quota = {"metadata": {"name": "compute"}, "spec": {"hard": {"requests.cpu": "0"}}}
    expect(bed.api.create(f"/api/v1/namespaces/{namespace}/resourcequotas", quota), HTTPStatus.CREATED)
    raw = create(bed, model(name="m"), namespace)
    deploy(bed, namespace, raw)
    found = comes_to(bed, namespace, raw, "Placed", "QuotaExceeded")
    assert found.message.startswith("no pod can be made: exceeded quota: compute, requested: requests.cpu=1")
    assert "lower scale.replicas" in found.message


def test_pod_security_that_refuses_a_pod_is_told(bed: Bed, namespace: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    expect(bed.api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}}), HTTPStatus.OK)
    raw = create(bed, model(name="m"), namespace)
    deploy(bed, namespace, raw)
    found = comes_to(bed, namespace, raw, "Placed", "AdmissionDenied")
    assert found.message.startswith('no pod can be made: violates PodSecurity "restricted:latest"')


def test_a_webhook_that_cannot_be_asked_is_told(bed: Bed, namespace: str) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    hook = {
        "name": "policy.example.com",
        "rules": [rule],
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    where = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    expect(bed.api.create(where, {"metadata": {"name": namespace}, "webhooks": [hook]}), HTTPStatus.CREATED)
    try:
        raw = create(bed, model(name="m"), namespace)
        deploy(bed, namespace, raw)
        assert "policy.example.com" in comes_to(bed, namespace, raw, "Placed", "AdmissionDenied").message
    finally:
        bed.api.delete(f"{where}/{namespace}")


def test_a_priority_class_that_is_not_there_is_told(bed: Bed, namespace: str) -> None:
    raw = create(bed, model(name="m"), namespace)
    deploy(bed, namespace, raw, priorityClassName=f"nobody-made-{namespace}")
    assert "PriorityClass" in comes_to(bed, namespace, raw, "Placed", "CreateFailed").message
