"""Values that are wrong are refused before anything is made, in words that name the field."""

import json
from typing import Any

import pytest

from tests.chart.helm import OLD
from tests.chart.rendering import Refused, template

WRONG: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"replicas": 2}, "", "additional properties 'replicas' not allowed"),
    ({"operator": {"replica": 2}}, "/operator", "'replica' not allowed"),
    ({"operator": {"replicas": "two"}}, "/operator/replicas", "got string, want integer"),
    ({"operator": {"replicas": -1}}, "/operator/replicas", "minimum"),
    ({"operator": {"replicas": 1.5}}, "/operator/replicas", "want integer"),
    ({"xds": {"replicas": None, "port": 1}}, "/xds", "'port' not allowed"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy", "'Always', 'IfNotPresent', 'Never'"),
    ({"image": {"digest": "sha256:short"}}, "/image/digest", "does not match pattern"),
    ({"image": {"repository": ""}}, "/image/repository", "minLength"),
    ({"image": "modelfleet:dev"}, "/image", "got string, want object"),
    ({"imagePullSecrets": ["mine"]}, "/imagePullSecrets/0", "want object"),
    ({"imagePullSecrets": [{}]}, "/imagePullSecrets/0", "missing property 'name'"),
    ({"watchNamespaces": "team-a"}, "/watchNamespaces", "want array"),
    ({"watchNamespaces": ["Team A"]}, "/watchNamespaces/0", "does not match pattern"),
    ({"secretsNamespaces": ["*"]}, "/secretsNamespaces/0", "does not match pattern"),
    ({"log": {"format": "xml"}}, "/log/format", "'text', 'json'"),
    ({"log": {"level": "chatty"}}, "/log/level", "'debug', 'info', 'warning', 'error'"),
    ({"crds": {"install": "yes"}}, "/crds/install", "want boolean"),
    ({"rbac": {"clusterAdmin": True}}, "/rbac", "'clusterAdmin' not allowed"),
    ({"tls": {"mode": "maybe"}}, "/tls/mode", "'auto', 'certManager', 'helm', 'none'"),
    ({"tls": {"helm": {"days": 0}}}, "/tls/helm/days", "minimum"),
    ({"tls": {"certManager": {"duration": "90d"}}}, "/tls/certManager/duration", "does not match pattern"),
    ({"gateways": {"Edge": {}}}, "/gateways", "'Edge' not allowed"),
    ({"gateways": {"default": {"listen": 80}}}, "/gateways/default", "'listen' not allowed"),
    ({"gateways": {"default": {"port": 80}}}, "/gateways/default/port", "minimum"),
    ({"gateways": {"default": {"port": 70000}}}, "/gateways/default/port", "maximum"),
    ({"gateways": {"default": {"maxBody": "4 MB"}}}, "/gateways/default/maxBody", "does not match pattern"),
    ({"gateways": {"default": {"service": {"type": "ExternalName"}}}}, "/gateways/default/service/type", "must be one"),
    ({"gateways": {"default": {"service": {"port": -1}}}}, "/gateways/default/service/port", "minimum"),
    ({"gateways": {"default": {"service": {"port": 65536}}}}, "/gateways/default/service/port", "maximum"),
    ({"gateways": {"default": {"tls": "edge"}}}, "/gateways/default/tls", "got string, want object"),
    ({"gateways": {"default": {"tls": {"secret": "edge"}}}}, "/gateways/default/tls", "'secret' not allowed"),
    ({"gateways": {"default": {"tls": {"secretName": "Edge"}}}}, "/gateways/default/tls/secretName", "pattern"),
    ({"gateways": {"default": {"tls": {"minVersion": 1.2}}}}, "/gateways/default/tls/minVersion", "want string"),
    (
        {"gatewayDefaults": {"tls": {"minVersion": "TLSv1.1"}}},
        "/gatewayDefaults/tls/minVersion",
        "'TLSv1.2', 'TLSv1.3'",
    ),
    ({"gateways": {"default": {"address": "localhost"}}}, "/gateways/default/address", "does not match pattern"),
    ({"gateways": {"default": {"records": "records.log"}}}, "/gateways/default/records", "does not match pattern"),
    ({"gateways": {"default": {"drainSeconds": "30s"}}}, "/gateways/default/drainSeconds", "want integer"),
    ({"gateways": {"default": {"concurrency": 0}}}, "/gateways/default/concurrency", "minimum"),
    ({"gateways": {"default": {"autoscaling": {"min": 2}}}}, "/gateways/default/autoscaling", "'min' not allowed"),
    ({"gatewayDefaults": {"tolerations": {}}}, "/gatewayDefaults/tolerations", "want array"),
    ({"xds": {"resources": {"requests": {"cpu": "half"}}}}, "/xds/resources/requests/cpu", "does not match pattern"),
    ({"xds": {"resources": {"limits": {"gpu": "1"}}}}, "/xds/resources/limits", "'gpu' not allowed"),
    ({"xds": {"podDisruptionBudget": {"maxUnavailable": 0}}}, "/xds/podDisruptionBudget/maxUnavailable", "minimum"),
    ({"operator": {"prometheus": "prometheus:9090"}}, "/operator/prometheus", "does not match pattern"),
    ({"operator": {"serviceAccount": {"token": True}}}, "/operator/serviceAccount", "'token' not allowed"),
    ({"relay": {"cacheMedium": "Disk"}}, "/relay/cacheMedium", "must be one of"),
    ({"envoy": {"logLevel": "loud"}}, "/envoy/logLevel", "must be one of"),
    ({"networkPolicies": {"enabled": 1}}, "/networkPolicies/enabled", "want boolean"),
    ({"networkPolicies": {"models": {"namespaces": "team-a"}}}, "/networkPolicies/models/namespaces", "want array"),
    ({"networkPolicies": {"models": {"namespaces": ["*"]}}}, "/networkPolicies/models/namespaces/0", "match pattern"),
    ({"networkPolicies": {"models": {"from": []}}}, "/networkPolicies/models", "'from' not allowed"),
    ({"monitoring": {"serviceMonitor": True}}, "/monitoring", "'serviceMonitor' not allowed"),
    ({"monitoring": {"podMonitors": {"interval": "often"}}}, "/monitoring/podMonitors/interval", "pattern"),
    ({"commonLabels": {"a": 1}}, "/commonLabels/a", "got number, want string"),
    ({"fullnameOverride": "a" * 41}, "/fullnameOverride", "maxLength"),
    # Known only when names are put together, so that no schema can say it.
    ({"gateways": {"g" * 60: {}}}, f"gateways.{'g' * 60}: ", "take a shorter one, or set fullnameOverride"),
)


def test_there_are_enough() -> None:
    assert len(WRONG) >= 30


@pytest.mark.parametrize(("values", "where", "words"), WRONG, ids=[json.dumps(values)[:60] for values, *_ in WRONG])
def test_it_is_refused_by_the_name_of_the_field(values: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        template(values)
    lines = str(refused.value).splitlines()
    if OLD and not where.endswith(": "):
        # In words of its own, and by another name of the place.
        where, words = f"- {where[1:].replace('/', '.') or '(root)'}: ", ""
    said = [line for line in lines if where in line and words in line]
    assert said, str(refused.value)


def test_a_cluster_that_is_too_old_is_refused() -> None:
    with pytest.raises(Refused, match=r"kubeVersion: >=1\.30\.0-0 which is incompatible with Kubernetes v1\.29"):
        template({}, "--kube-version=1.29.9")
