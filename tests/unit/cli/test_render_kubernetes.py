import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from tests.support.documents import Document, hardware_class, model, policy

KEDA = "{scale: {max: 4, concurrencyPerReplica: 2, autoscaler: keda}}"


def render(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["render", "kubernetes", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def rendered(*documents: Document, options: tuple[str, ...] = ()) -> tuple[Result, list[Any]]:
    """What comes of these documents, by JSON."""
    result = render("-", "-o", "json", *options, stdin=yaml.safe_dump_all(documents))
    return result, json.loads(result.stdout)["items"]


def kinds(items: list[Any]) -> list[str]:
    return [item["kind"] for item in items]


def deployment(items: list[Any]) -> Any:
    return next(item for item in items if item["kind"] == "Deployment")


def test_a_model_becomes_objects_in_the_order_of_making_them() -> None:
    result, items = rendered(model())
    assert (result.exit_code, result.stderr) == (0, "")
    assert kinds(items) == ["Service", "PodDisruptionBudget", "Deployment"]


def test_json_is_a_list_that_kubectl_reads_and_says_what_the_yaml_says() -> None:
    text = yaml.safe_dump_all([model(name="a"), model(name="b")])
    shown = json.loads(render("-", "-o", "json", stdin=text).stdout)
    assert (shown["apiVersion"], shown["kind"]) == ("v1", "List")
    assert list(yaml.safe_load_all(render("-", stdin=text).stdout)) == shown["items"]


def test_no_document_refers_to_what_another_says() -> None:
    assert "&id" not in render("-", stdin=yaml.safe_dump_all([model()])).stdout


def test_every_replica_is_on_the_preferred_class() -> None:
    placed = "{placement: {classes: [{name: a}, {name: b}]}, scale: {replicas: 3}}"
    _, items = rendered(model(placed), hardware_class(name="a"), hardware_class(name="b"))
    assert kinds(items).count("Deployment") == 1
    made = deployment(items)
    assert made["metadata"]["labels"]["modelfleet.dev/hardware-class"] == "a"
    assert made["spec"]["replicas"] == 3


def test_a_class_whose_nodes_are_made_on_demand_is_not_preferred_for_that() -> None:
    placed, on_demand = "{placement: {classes: [{name: a}, {name: b}]}}", "{capacity: {provision: true}}"
    _, items = rendered(model(placed), hardware_class(name="a"), hardware_class(on_demand, name="b"))
    assert deployment(items)["metadata"]["labels"]["modelfleet.dev/hardware-class"] == "a"


def test_no_class_is_given_more_than_it_may_have() -> None:
    placed = "{placement: {classes: [{name: a, units: 2}, {name: b}]}, scale: {replicas: 3}}"
    _, items = rendered(model(placed), hardware_class("{capacity: {maxUnits: 5}}", name="a"), hardware_class(name="b"))
    assert [item["spec"]["replicas"] for item in items if item["kind"] == "Deployment"] == [2, 1]


@pytest.mark.parametrize(
    "first",
    ["{capacity: {maxUnits: 1}}", "{allowedNamespaces: [elsewhere]}"],
    ids=["too small for a replica", "for others only"],
)
def test_a_class_that_cannot_be_used_is_passed_over(first: str) -> None:
    placed = "{placement: {classes: [{name: a, units: 2}, {name: b}]}}"
    _, items = rendered(model(placed), hardware_class(first, name="a"), hardware_class(name="b"))
    assert deployment(items)["metadata"]["labels"]["modelfleet.dev/hardware-class"] == "b"


def test_a_class_that_is_missing_is_told_and_passed_over() -> None:
    placed = "{placement: {classes: [{name: a}, {name: b}]}}"
    result, items = rendered(model(placed), hardware_class(name="b"))
    assert result.exit_code == 1
    assert 'error: spec.placement.classes[0].name: no HardwareClass "a" is declared' in result.stderr
    assert deployment(items)["metadata"]["labels"]["modelfleet.dev/hardware-class"] == "b"


def test_where_no_class_is_there_nothing_can_run() -> None:
    result, items = rendered(model("{placement: {classes: [{name: a}]}}"))
    assert result.exit_code == 1
    assert kinds(items) == ["Service", "PodDisruptionBudget"]


def test_what_no_child_could_do_is_refused_and_the_rest_is_rendered() -> None:
    bad = model("{engine: {name: ollama}, model: {name: m, source: 's3://bucket/a'}}", name="bad")
    result, items = rendered(bad, model(name="good"))
    assert result.exit_code == 1
    said = "ModelDeployment default/bad: error: spec.model.source: ollama cannot take s3://: give hf:// or pvc://"
    assert result.stderr.startswith(said)
    assert {item["metadata"]["name"].partition("-")[0] for item in items} == {"good"}


def test_the_installer_s_part_is_given_by_options() -> None:
    result, _ = rendered(model(KEDA))
    assert result.exit_code == 1
    assert "spec.scale.autoscaler: KEDA has to ask a Prometheus" in result.stderr
    options = ("--prometheus", "http://prometheus:9090", "--image", "registry.example.com/modelfleet:9")
    result, items = rendered(model(KEDA), options=options)
    assert result.exit_code == 0
    (trigger,) = next(item for item in items if item["kind"] == "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["serverAddress"] == options[1]
    assert deployment(items)["spec"]["template"]["spec"]["containers"][0]["image"] == options[3]


def test_policies_are_not_looked_at() -> None:
    refused = policy("affinity: {prefixBytes: 512}")
    broken = policy(name="broken", tiers=[{"name": "a", "models": [{"name": "missing"}]}])
    result, items = rendered(model(), refused, broken)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(items) == 3


def test_an_error_is_told_as_lint_tells_it_and_the_rest_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump_all([model(), model("{scale: {replicas: -1}}", name="bad")]))
    result = render(tmp_path)
    assert (result.exit_code, result.stderr) == (1, CliRunner().invoke(main, ["lint", str(tmp_path)]).stdout)
    assert result.stdout.count("kind: Deployment") == 1


def test_a_namespace_is_given_to_what_names_none() -> None:
    result, items = rendered(model(), options=("-n", "team"))
    assert {item["metadata"]["namespace"] for item in items} == {"team"}
    assert result.exit_code == 0
    assert render("-n", "a b", "-", stdin="").exit_code == 2


def test_an_absent_path_exits_2_and_the_rest_is_rendered_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(model()))
    result = render(tmp_path, tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr == f"modelfleet render: {tmp_path}/nowhere: does not exist\n"
    assert "kind: Deployment" in result.stdout


def test_a_fleet_of_hosted_models_becomes_nothing() -> None:
    hosted = model("{engine: null, external: {url: 'https://api.example.com/v1'}}")
    result, items = rendered(hosted)
    assert (result.exit_code, items) == (0, [])
    assert render("-", stdin=yaml.safe_dump(hosted)).stdout == ""
