"""What people install the chart with: each set of values comes to what it is for, and to nothing that is unsafe."""

import json
import re
from typing import Any

import click
import pytest
import yaml

from modelfleet.cli.main import main
from modelfleet.workloads.options import OURS
from tests.chart.rendering import CHART, NAMESPACE, ROOT, Object, Rendered, containers, run, template
from tests.chart.valuesets import CASES, Case
from tools.chart.writing import render_schema

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
SAFE = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
WITH_TOKEN = {"operator", "xds"}


def out_of(case: Case) -> Rendered:
    return template(case.values, *case.options)


def test_there_are_enough_sets_and_lint_finds_nothing() -> None:
    assert len(CASES) >= 30
    assert "0 chart(s) failed" in run("lint", "--strict", str(CHART))


@each_case
def test_values_come_to_what_they_are_for(case: Case) -> None:
    assert case.holds(out_of(case))


@each_case
def test_pods_are_restricted_and_ask_for_little(case: Case) -> None:
    for name, pod in out_of(case).pods():
        spec = pod["spec"]
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), name
        assert security["runAsUser"] > 0
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & spec.keys()
        assert {key for volume in spec.get("volumes", ()) for key in volume} <= {"name", "emptyDir", "secret"}
        for one in containers(spec):
            assert one["securityContext"] == SAFE
            assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
            assert "memory" in one["resources"]["limits"]
            assert one["imagePullPolicy"] == "IfNotPresent"
            assert not any("hostPort" in port for port in one.get("ports", ()))


@each_case
def test_only_who_speaks_to_the_api_server_has_a_token(case: Case) -> None:
    out = out_of(case)
    for _, pod in out.pods():
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        assert pod["spec"]["automountServiceAccountToken"] is (component in WITH_TOKEN)
    assert all(account["automountServiceAccountToken"] is False for account in out.all("ServiceAccount"))
    bound = {
        one["name"] for kind in ("RoleBinding", "ClusterRoleBinding") for it in out.all(kind) for one in it["subjects"]
    }
    assert "modelfleet-gateway" not in bound


@each_case
def test_rights_hold_nothing_that_leads_to_more(case: Case) -> None:
    for kind in ("Role", "ClusterRole"):
        for rule in (rule for one in out_of(case).all(kind) for rule in one["rules"]):
            resources, verbs = set(rule["resources"]), set(rule["verbs"])
            assert "*" not in resources | verbs | set(rule["apiGroups"])
            assert not verbs & {"escalate", "bind", "impersonate"}
            assert not resources & {"pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token", "roles"}
            assert "nodes" not in resources or verbs == {"list", "watch"}
            if "secrets" in resources:
                assert (kind, verbs) == ("Role", {"get"})


@each_case
def test_everything_is_labelled_and_in_a_namespace_that_was_named(case: Case) -> None:
    mine = {"mine", "modelfleet-notes"}
    named = {NAMESPACE, *case.values.get("watchNamespaces", ()), *case.values.get("secretsNamespaces", ())}
    named |= set(case.values.get("networkPolicies", {}).get("models", {}).get("namespaces", ()))
    for one in out_of(case):
        about = one["metadata"]
        if about["name"] in mine and one["kind"] == "ConfigMap":
            continue
        labels = about["labels"]
        assert labels["app.kubernetes.io/instance"] == "modelfleet"
        assert labels["app.kubernetes.io/part-of"] == "modelfleet"
        # What carries this name instead would count as the replica of a model.
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert about.get("namespace", NAMESPACE) in named


def selected(out: Rendered, selector: Object) -> set[str]:
    """The Deployments whose pods it selects."""
    return {name for name, pod in out.pods() if pod["metadata"]["labels"].items() >= selector.items()}


@each_case
def test_what_selects_pods_selects_those_of_one_role(case: Case) -> None:
    out = out_of(case)
    for one in out.all("Deployment"):
        assert selected(out, one["spec"]["selector"]["matchLabels"]) == {one["metadata"]["name"]}
    for one in out.all("Service"):
        (name,) = selected(out, one["spec"]["selector"])
        ports = {
            port[key]
            for it in containers(out.pod(name))
            for port in it.get("ports", ())
            for key in ("name", "containerPort")
        }
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
    for one in out.all("PodDisruptionBudget"):
        assert selected(out, one["spec"]["selector"]["matchLabels"]) == {one["metadata"]["name"]}
    for one in out.all("NetworkPolicy"):
        role = one["metadata"]["name"].rpartition("-")[2]
        hit = selected(out, one["spec"]["podSelector"]["matchLabels"])
        assert hit == {name for name, _ in out.pods() if f"-{role}" in name}


@each_case
def test_our_programs_know_every_option_that_they_are_given(case: Case) -> None:
    out = out_of(case)
    ours = [one["args"] for _, pod in out.pods() for one in containers(pod["spec"]) if one["name"] != "envoy"]
    for command, *arguments in ours:
        found = main.get_command(click.Context(main), command)
        assert found, command
        known = {option for parameter in found.params for option in parameter.opts}
        assert {argument.partition("=")[0] for argument in arguments} <= known


@each_case
def test_every_secret_that_is_mounted_is_made(case: Case) -> None:
    out = out_of(case)
    made = out.names("Secret") | {one["spec"]["secretName"] for one in out.all("Certificate")}
    mounted = {
        volume["secret"]["secretName"]
        for _, pod in out.pods()
        for volume in pod["spec"].get("volumes", ())
        if "secret" in volume
    }
    # What callers are shown is made by the user.
    assert mounted - {"edge.tls", "all"} <= made


def test_the_operator_finds_xds_and_gateways_by_their_labels() -> None:
    out = template({})
    found = [one for one in out.all("Service") if one["metadata"]["labels"]["app.kubernetes.io/component"] == "xds"]
    assert [one["metadata"]["name"] for one in found] == ["modelfleet-xds"]
    assert {port["name"] for port in found[0]["spec"]["ports"]} == {"grpc", "metrics"}
    labels = out.one("Deployment", "modelfleet-gateway-default")["spec"]["template"]["metadata"]["labels"]
    assert labels["modelfleet.dev/gateway"] == "default"
    for container in ("bootstrap", "relay"):
        (variable,) = out.container("modelfleet-gateway-default", container)["env"]
        assert (variable["name"], variable["valueFrom"]["fieldRef"]["fieldPath"]) == ("POD_NAME", "metadata.name")


def test_the_chart_is_of_the_version_of_the_product() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    image = next(one for one in containers(template({}).pod("modelfleet-operator")))["image"]
    assert image == OURS
    assert OURS.rpartition(":")[2] == chart["version"] == chart["appVersion"]


def test_kinds_are_those_of_the_repository() -> None:
    for crd in template({"crds": {"install": True, "keep": False}}).all("CustomResourceDefinition"):
        crd["metadata"].pop("labels")
        assert crd == yaml.safe_load(
            (ROOT / "crds" / f"modelfleet.dev_{crd['spec']['names']['plural']}.yaml").read_text()
        )


def parts(node: Any, path: str = "") -> list[tuple[str, Object]]:
    """Every part of the schema that describes an object or a field."""
    if isinstance(node, dict):
        inner = [it for key, value in node.items() for it in parts(value, f"{path}/{key}")]
        return [(path, node), *inner] if "type" in node or "$ref" in node else inner
    return [it for value in node for it in parts(value, path)] if isinstance(node, list) else []


def test_every_field_of_the_schema_is_described_and_closed() -> None:
    schema = json.loads(render_schema())
    fields = [(path, part) for path, part in parts(schema) if re.search(r"/properties/\w+$", path)]
    assert len(fields) > 120
    said = {name: part["description"] for name, part in schema["$defs"].items()}
    silent = [path for path, part in fields if not (part.get("description") or said[part["$ref"].rpartition("/")[2]])]
    assert silent == []
    closed = [
        path for path, part in parts(schema) if "properties" in part and part.get("additionalProperties") is not False
    ]
    assert closed == ["/$defs/Global"]


def test_names_stay_short_enough_for_kubernetes() -> None:
    fleets: dict[str, Any] = {"gateways": {"b" * 14: {}}}
    text = run("template", "a" * 53, str(CHART), "--values=-", standard_input=json.dumps(fleets))
    longest = max(len(one["metadata"]["name"]) for one in yaml.safe_load_all(text) if one["kind"] == "Service")
    assert longest == 63
