"""The resources as users of a cluster meet them: explained, listed, applied, scaled, changed."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.api.resource import Resource
from tests.cluster.kubectl import kubectl, needs_kubectl
from tests.support.documents import document, merged
from tests.testbed.bed import Bed, expect

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))


def url(kind: str, namespace: str, name: str = "") -> str:
    described = KINDS[kind].KIND
    place = f"namespaces/{namespace}/" if described.namespaced else ""
    return f"/apis/{API_VERSION}/{place}{described.plural}" + (f"/{name}" if name else "")


@pytest.mark.parametrize("resource", KINDS.values(), ids=lambda resource: resource.KIND.name)
def test_the_served_manual_describes_every_field(bed: Bed, resource: type[Resource]) -> None:
    schemas = expect(bed.api.get(f"/openapi/v3/apis/{API_VERSION}"), HTTPStatus.OK)["components"]["schemas"]
    schema = schemas[f"dev.modelfleet.v1alpha1.{resource.KIND.name}"]["properties"]
    fields = [field for part in ("spec", "status") for field in _fields(part, schema[part])]
    assert len(fields) > 25
    assert [path for path, field in fields if not field.get("description", "").strip()] == []


def _fields(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from _fields(f"{path}.{name}", child)
    for holder in ("items", "additionalProperties"):
        for name, child in schema.get(holder, {}).get("properties", {}).items():
            yield from _fields(f"{path}[].{name}", child)


@needs_kubectl
def test_kubectl_explains_every_field_of_a_model(bed: Bed) -> None:
    shown = kubectl(bed, "explain", "modeldeployment.spec", "--recursive")
    for name in ("concurrencyPerReplica", "secretRef", "pendingTimeout", "inputPerMillionTokens"):
        assert f"{name}\t<" in shown
    assert "What callers write as model" in kubectl(bed, "explain", "rpol.spec.serves.models")


@needs_kubectl
def test_one_word_lists_all_three_kinds(bed: Bed, namespace: str) -> None:
    for kind in KINDS:
        made = document(kind, name=namespace, namespace=namespace if KINDS[kind].KIND.namespaced else "")
        expect(bed.api.create(url(kind, namespace), made), HTTPStatus.CREATED)
    listed = kubectl(bed, "get", "modelfleet", "-A")
    bed.api.delete(url("HardwareClass", "", namespace))
    for resource in KINDS.values():
        assert f"{resource.KIND.singular}.modelfleet.dev/{namespace}" in listed


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_applies_twice_and_the_second_time_changes_nothing(bed: Bed, sample: Path) -> None:
    for manifest in yaml.safe_load_all(sample.read_text()):
        path = _path_of(manifest)
        first = expect(bed.api.apply(path, manifest), HTTPStatus.OK, HTTPStatus.CREATED)
        second = expect(bed.api.apply(path, manifest), HTTPStatus.OK)
        if manifest["kind"] in KINDS:  # a Namespace has controllers that write to it meanwhile
            assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def _path_of(manifest: dict[str, Any]) -> str:
    kind, metadata = manifest["kind"], manifest["metadata"]
    if kind in KINDS:
        return url(kind, metadata.get("namespace", ""), metadata["name"])
    place = f"namespaces/{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"/api/v1/{place}{kind.lower()}s/{metadata['name']}"


def test_two_owners_neither_reorder_an_ordered_list_nor_bring_items_back(bed: Bed, namespace: str) -> None:
    path = url("RoutingPolicy", namespace, "shared")

    def tiers(*names: str) -> dict[str, Any]:
        made = document("RoutingPolicy", name="shared", namespace=namespace)
        listed = [{"name": name, "models": [{"name": f"model-{name}"}]} for name in names]
        return {**made, "spec": merged(made["spec"], {"tiers": listed})}

    def applied(manager: str, *names: str) -> list[str]:
        body = expect(bed.api.apply(path, tiers(*names), manager), HTTPStatus.OK, HTTPStatus.CREATED)
        return [tier["name"] for tier in body["spec"]["tiers"]]

    assert applied("first", "small", "large") == ["small", "large"]
    assert applied("second", "tiny", "small", "large") == ["tiny", "small", "large"]
    assert applied("first", "large") == ["large"]
    assert applied("second", "small", "large") == ["small", "large"]


def test_two_owners_each_keep_their_own_variables_of_an_engine(bed: Bed, namespace: str) -> None:
    path = url("ModelDeployment", namespace, "shared")

    def applied(manager: str, *names: str) -> set[str]:
        engine = {"name": "sim", "env": [{"name": name, "value": "1"} for name in names]}
        made = document("ModelDeployment", name="shared", namespace=namespace, engine=engine)
        body = expect(bed.api.apply(path, made, manager), HTTPStatus.OK, HTTPStatus.CREATED)
        return {variable["name"] for variable in body["spec"]["engine"]["env"]}

    assert applied("first", "A", "B") == {"A", "B"}
    assert applied("second", "C") == {"A", "B", "C"}
    assert applied("first", "A") == {"A", "C"}


def test_a_model_is_scaled_through_its_scale_subresource(bed: Bed, namespace: str) -> None:
    path = url("ModelDeployment", namespace, "scaled")
    made = document("ModelDeployment", name="scaled", namespace=namespace, scale={"replicas": 2})
    expect(bed.api.create(url("ModelDeployment", namespace), made), HTTPStatus.CREATED)
    expect(bed.api.merge(f"{path}/scale", {"spec": {"replicas": 5}}), HTTPStatus.OK)
    assert bed.api.get(path).body["spec"]["scale"]["replicas"] == 5


def test_a_model_cannot_move_between_engine_and_external(bed: Bed, namespace: str) -> None:
    path = url("ModelDeployment", namespace, "moved")
    made = document("ModelDeployment", name="moved", namespace=namespace)
    expect(bed.api.create(url("ModelDeployment", namespace), made), HTTPStatus.CREATED)
    refused = bed.api.merge(path, {"spec": {"engine": None, "external": {"url": "https://api.example.com/v1"}}})
    (transition,) = KINDS["ModelDeployment"].TRANSITIONS
    assert refused.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert transition.message in refused.message


def test_status_is_written_apart_from_the_spec_and_keeps_one_condition_of_a_type(bed: Bed, namespace: str) -> None:
    path = url("RoutingPolicy", namespace, "reported")
    made = document("RoutingPolicy", name="reported", namespace=namespace)
    expect(bed.api.create(url("RoutingPolicy", namespace), made), HTTPStatus.CREATED)

    def report(type_: str, status: str, manager: str) -> dict[str, str]:
        moment = "2026-01-01T00:00:00Z"
        condition = {"type": type_, "status": status, "reason": "Tested", "message": "so it is"}
        said = {**condition, "observedGeneration": 1, "lastTransitionTime": moment}
        wanted = {**{key: made[key] for key in ("apiVersion", "kind", "metadata")}, "status": {"conditions": [said]}}
        body = expect(bed.api.apply(f"{path}/status", wanted, manager), HTTPStatus.OK)
        return {one["type"]: one["status"] for one in body["status"]["conditions"]}

    assert report("Accepted", "True", "operator") == {"Accepted": "True"}
    assert report("Programmed", "False", "gateways") == {"Accepted": "True", "Programmed": "False"}
    assert report("Accepted", "False", "operator") == {"Accepted": "False", "Programmed": "False"}
