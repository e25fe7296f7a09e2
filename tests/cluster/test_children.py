"""The children as the API server takes them: strict about fields, under the restricted level, and to the letter."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from modelfleet.cli.main import main
from modelfleet.sources.kinds import BY_KIND
from tests.cluster.keda import SCALED_OBJECT
from tests.support.documents import hardware_class, model
from tests.testbed.api import wait_for
from tests.testbed.bed import CRDS, Bed, expect

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "manifests/samples").glob("*.yaml"), *(ROOT / "tests/golden/cases/kubernetes").glob("*.yaml")])
OPTIONS = ("-o", "json", "--prometheus", "http://prometheus.monitoring:9090")
Child = dict[str, Any]


@pytest.fixture(scope="module")
def keda(bed: Bed) -> Iterator[None]:
    """A cluster that knows what KEDA's objects are."""
    bed.install([SCALED_OBJECT])
    yield
    bed.api.delete(f"{CRDS}/{SCALED_OBJECT['metadata']['name']}")


@pytest.fixture
def restricted(bed: Bed, namespace: str) -> str:
    """A namespace that takes no pod that may do more than it has to, and the priority that a sample asks for."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    expect(bed.api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}}), HTTPStatus.OK)
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
    bed.api.create("/apis/scheduling.k8s.io/v1/priorityclasses", {**priority, "metadata": {"name": "interactive"}})
    return namespace


def rendered(namespace: str, *arguments: str, stdin: str = "") -> list[Child]:
    """What `render kubernetes` prints, all of it in one namespace."""
    result = CliRunner().invoke(main, ["render", "kubernetes", *arguments, *OPTIONS], input=stdin)
    items: list[Child] = json.loads(result.stdout)["items"]
    return [{**item, "metadata": {**item["metadata"], "namespace": namespace}} for item in items]


def place(child: Child) -> str:
    metadata = child["metadata"]
    return f"{BY_KIND[child['kind']].path(metadata['namespace'])}/{metadata['name']}"


def differences(stored: Any, wanted: Any, at: str = "") -> Iterator[str]:
    """Where what is stored is not, letter by letter, what was sent; it may have more, but no longer lists."""
    if isinstance(wanted, dict) and isinstance(stored, dict):
        for name, part in wanted.items():
            yield from differences(stored.get(name), part, f"{at}.{name}")
    elif isinstance(wanted, list) and isinstance(stored, list) and len(stored) == len(wanted):
        for index, part in enumerate(wanted):
            yield from differences(stored[index], part, f"{at}[{index}]")
    elif stored != wanted or type(stored) is not type(wanted):
        yield f"{at}: {stored!r} is stored, {wanted!r} was sent"


def applied(bed: Bed, child: Child) -> Child:
    answer: Child = expect(bed.api.apply(place(child), child, "modelfleet"), HTTPStatus.OK, HTTPStatus.CREATED)
    return answer


def changes_nothing(bed: Bed, child: Child) -> bool:
    before = bed.api.get(place(child)).body["metadata"]["resourceVersion"]
    return bool(applied(bed, child)["metadata"]["resourceVersion"] == before)


def check(bed: Bed, children: list[Child]) -> None:
    """Each is taken, is stored as it was sent, and sent again changes nothing."""
    assert children
    for child in children:
        assert list(differences(applied(bed, child), child)) == []
    for child in children:
        # The controllers write to a Deployment that is new; once they are done, nothing else does.
        wait_for(f"{place(child)} to stay as it is", lambda child=child: changes_nothing(bed, child))


def refused_pod(bed: Bed, deployment: Child) -> str:
    """What the API server says of a pod of the Deployment; nothing where it takes it."""
    template, metadata = deployment["spec"]["template"], deployment["metadata"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "generateName": f"{metadata['name']}-"}
    answer = bed.api.create(
        f"/api/v1/namespaces/{metadata['namespace']}/pods", pod, "dryRun=All&fieldValidation=Strict"
    )
    return "" if answer.status == HTTPStatus.CREATED else f"{metadata['name']}: {answer.message}"


@pytest.mark.usefixtures("keda")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_child_is_taken_and_stored_as_it_was_sent_and_its_pods_are_let_in(
    bed: Bed, restricted: str, file: Path
) -> None:
    children = rendered(restricted, str(file))
    check(bed, children)
    deployments = [child for child in children if child["kind"] == "Deployment"]
    assert [said for child in deployments if (said := refused_pod(bed, child))] == []


ODD = {
    "cpu": "0.0015",
    "memory": "1.5Gi",
    "ephemeral-storage": "1000M",
    "hugepages-2Mi": "512Mi",
    "example.com/cards": "1000",
}


AMOUNTS = ("0.5Ki", "1e9", "123456789", "1024Ki", "1048577Ki", "2E", ".5Gi", "0.9765625Ki", "7m")


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("memory", AMOUNTS)
def test_odd_amounts_are_stored_as_they_were_sent(bed: Bed, restricted: str, memory: str, units: int) -> None:
    hardware = hardware_class(unit={"resources": {**ODD, "memory": memory}})
    placed = model(f"{{placement: {{classes: [{{name: gpu, units: {units}}}]}}}}")
    text = yaml.safe_dump_all([hardware, placed])
    (made,) = [child for child in rendered(restricted, "-", stdin=text) if child["kind"] == "Deployment"]
    assert list(differences(applied(bed, made), made)) == []


def test_names_of_any_form_make_objects_of_every_kind(bed: Bed, restricted: str) -> None:
    names = ["7b.chat", "m" * 253, "a.b", "a-b"]
    placed = "{placement: {classes: [{name: c.0}]}, scale: {max: 2, autoscaler: hpa}}"
    claims = "{family: accelerator, unit: {deviceClass: annealer.example.com, resources: null}}"
    text = yaml.safe_dump_all([hardware_class(claims, name="c.0"), *(model(placed, name=name) for name in names)])
    children = rendered(restricted, "-", stdin=text)
    assert len({place(child) for child in children}) == len(children) == len(names) * 5
    check(bed, children)


def test_replicas_of_a_model_without_placement_run_and_are_reached_by_its_service(bed: Bed, restricted: str) -> None:
    children = rendered(restricted, "-", stdin=yaml.safe_dump(model("{scale: {replicas: 2}}")))
    for child in children:
        applied(bed, child)
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{restricted}/endpointslices"

    def ports() -> set[tuple[str, int, int]]:
        items = bed.api.get(slices).body["items"]
        return {(port["name"], port["port"], len(item["endpoints"])) for item in items for port in item["ports"] or ()}

    wait_for("two endpoints", lambda: ports() == {("http", 8000, 2)})
