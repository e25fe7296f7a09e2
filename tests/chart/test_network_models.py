"""Who may speak to model pods: gateways, who look at keys and limits, and a Prometheus that is told where it is."""

import re
from functools import cache
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from modelfleet.cli.main import main
from tests.chart.installing import helm
from tests.chart.network import PODS, Pod, may_speak, policies_of
from tests.chart.rendering import CHART, NAMESPACE, ROOT, Object, Rendered, run, template
from tests.testbed.bed import Bed

SERVED: dict[str, Any] = {"watchNamespaces": ["minimal"]}
MONITORING = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
PROMETHEUS = {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}
OTHERS = {
    **PODS,
    "a Prometheus that a tenant calls so": Pod("team-a", {"app.kubernetes.io/name": "prometheus"}),
    "a Prometheus of the release": Pod(NAMESPACE, {"app.kubernetes.io/name": "prometheus"}),
    "a pod beside the model": Pod("minimal", {"app": "chat"}),
    "a Prometheus beside the model": Pod("minimal", {"app.kubernetes.io/name": "prometheus"}),
    "a machine": Pod("", {}, address="192.0.2.7"),
}


@cache
def model_pod() -> Pod:
    """A pod of the first sample's model, as the operator makes it."""
    said = CliRunner().invoke(main, ["render", "kubernetes", str(ROOT / "manifests" / "samples" / "minimal.yaml")])
    (made,) = (one for one in yaml.safe_load_all(said.stdout) if one["kind"] == "Deployment")
    template_of_it = made["spec"]["template"]
    ports = template_of_it["spec"]["containers"][0]["ports"]
    labels = template_of_it["metadata"]["labels"]
    return Pod(made["metadata"]["namespace"], labels, ports={one["name"]: one["containerPort"] for one in ports})


def admitted(out: Rendered, *ports: int) -> set[str]:
    """Who may speak to the model at any of these ports."""
    return {name for name, pod in OTHERS.items() for port in ports if may_speak(out, pod, model_pod(), port)}


def metrics_from(*peers: Object) -> Rendered:
    return template({**SERVED, "networkPolicies": {"metricsFrom": list(peers)}})


def test_in_a_namespace_that_is_served_only_gateways_reach_a_model_and_only_at_its_port() -> None:
    (port,) = model_pod().ports.values()
    out = template(SERVED)
    assert len(policies_of(out, model_pod())) == 1
    assert admitted(out, port) == {"gateway"}
    assert admitted(out, 22, 80, 8081, 9090) == set()


@pytest.mark.parametrize(
    ("peer", "comes"),
    [
        ({"namespaceSelector": MONITORING, "podSelector": PROMETHEUS}, {"prometheus"}),
        # By itself it is of the namespace that a policy is in, which is the release's wherever values say so.
        ({"podSelector": PROMETHEUS}, {"a Prometheus of the release"}),
        ({"ipBlock": {"cidr": "192.0.2.0/24"}}, {"a machine"}),
        # Everybody may label a pod like this, and who reads metrics of a model can ask it, too.
        ({"namespaceSelector": {}, "podSelector": PROMETHEUS}, set()),
        ({"namespaceSelector": {"matchLabels": {}}, "podSelector": PROMETHEUS}, set()),
    ],
)
def test_who_reads_metrics_reaches_models_where_it_is_said_in_which_namespace_he_is(
    peer: Object, comes: set[str]
) -> None:
    (port,) = model_pod().ports.values()
    assert admitted(metrics_from(peer), port) == {"gateway", *comes}


def test_namespaces_are_those_that_are_served_or_those_that_are_named_or_none() -> None:
    assert places({}) == set()
    assert places({"watchNamespaces": ["team-a", "team-b"]}) == {"team-a", "team-b"}
    assert places({"networkPolicies": {"models": {"namespaces": ["team-c"]}}}) == {"team-c"}
    both = {"watchNamespaces": ["team-a"], "networkPolicies": {"models": {"namespaces": ["team-c"]}}}
    assert places(both) == {"team-c"}
    assert places({**SERVED, "networkPolicies": {"models": {"enabled": False}}}) == set()
    assert places({**SERVED, "networkPolicies": {"enabled": False}}) == set()


def places(values: dict[str, Any]) -> set[str]:
    """The namespaces that a policy for models is made in."""
    return {
        one["metadata"]["namespace"]
        for one in template(values).all("NetworkPolicy")
        if one["metadata"]["name"] == "modelfleet-models"
    }


def test_the_operator_gets_no_right_for_it() -> None:
    named = {**SERVED, "networkPolicies": {"models": {"namespaces": ["minimal"]}}}
    for kind in ("Role", "ClusterRole"):
        assert template(named).all(kind) == template(SERVED).all(kind)
        assert not any(
            "networking.k8s.io" in rule["apiGroups"] for one in template(named).all(kind) for rule in one["rules"]
        )


def test_the_policy_that_the_page_shows_is_the_one_that_the_chart_makes() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    (shown,) = re.findall(r"```yaml\n(apiVersion: networking\.k8s\.io/v1\n.*?)```", page, re.DOTALL)
    values = ["--set=networkPolicies.models.namespaces={team-a}", "--show-only=templates/networkpolicies.yaml"]
    text = run("template", "modelfleet", str(CHART), "--namespace=modelfleet", *values)
    (made,) = (one for one in yaml.safe_load_all(text) if one["metadata"].get("namespace") == "team-a")
    written = yaml.safe_load(shown)
    assert written["metadata"] == {key: made["metadata"][key] for key in ("name", "namespace")}
    assert {key: written[key] for key in ("apiVersion", "kind", "spec")} == {
        key: made[key] for key in ("apiVersion", "kind", "spec")
    }


def test_whoever_installs_it_is_told_that_his_prometheus_is_not_let_in(bed: Bed) -> None:
    word = "Gateways alone reach models in minimal."
    named = {"metricsFrom": [{"namespaceSelector": MONITORING}]}
    assert word in notes(bed, SERVED)
    assert word not in notes(bed, {**SERVED, "networkPolicies": named})
    assert "Gateways alone" not in notes(bed, {})


def notes(bed: Bed, values: dict[str, Any]) -> str:
    """What Helm says at the end of an installation."""
    return helm(bed, "install", "noted", str(CHART), "--dry-run=client", values=values).partition("\nNOTES:")[2]
