"""Values that people install the chart with, and for each what has to come of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chart.httpsets import MOSTLY, https, mostly_https
from tests.chart.rendering import NAMESPACE, Object, Rendered

XDS, OPERATOR, GATEWAY = "modelfleet-xds", "modelfleet-operator", "modelfleet-gateway-default"
CERT_MANAGER = "--api-versions=cert-manager.io/v1"
TAINT = {"key": "gateways", "operator": "Exists", "effect": "NoSchedule"}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "gateway"}},
}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "pool", "operator": "In", "values": ["edge"]}]}]
        }
    }
}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"a": "b"}}


@dataclass(frozen=True)
class Case:
    """Values, and what is true of what comes of them."""

    name: str
    holds: Callable[[Rendered], bool]
    values: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


def _spec(out: Rendered, kind: str, name: str) -> Object:
    found: Object = out.one(kind, name)["spec"]
    return found


def _gateway(out: Rendered, name: str = GATEWAY) -> Object:
    return out.pod(name)


def _has(out: Rendered, deployment: str, container: str, *arguments: str) -> bool:
    return set(arguments) <= set(out.arguments(deployment, container))


def _images(out: Rendered) -> set[str]:
    pods = [pod["spec"] for _, pod in out.pods()]
    return {one["image"] for pod in pods for one in (*pod.get("initContainers", ()), *pod["containers"])}


def _defaults(out: Rendered) -> bool:
    counts = {name: _spec(out, "Deployment", name)["replicas"] for name in (OPERATOR, XDS, GATEWAY)}
    return counts == {OPERATOR: 1, XDS: 2, GATEWAY: 2} and _has(
        out, XDS, "xds", f"--secrets-namespace={NAMESPACE}", "--tls-ca=/etc/modelfleet/tls/ca.crt"
    )


def _crds(out: Rendered) -> bool:
    found = out.all("CustomResourceDefinition")
    return len(found) == 3 and all(
        one["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for one in found
    )


def _crds_go(out: Rendered) -> bool:
    found = out.all("CustomResourceDefinition")
    return len(found) == 3 and not any("annotations" in one["metadata"] for one in found)


def _every_registry(out: Rendered) -> bool:
    return all(image.startswith("registry.example.com/mirror/") for image in _images(out))


def _pull_secrets(out: Rendered) -> bool:
    return all(pod["spec"]["imagePullSecrets"] == [{"name": "all"}, {"name": "ours"}] for _, pod in out.pods())


def _single(out: Rendered) -> bool:
    wide = [rule for one in out.all("ClusterRole") for rule in one["rules"]]
    return {name for rule in wide for name in rule["resources"]} == {"nodes", "hardwareclasses"} and _has(
        out, OPERATOR, "operator", "--namespace=team-a", "--namespace=team-b"
    )


def _secrets(out: Rendered) -> bool:
    roles = [one for one in out.all("Role") if one["metadata"]["name"].endswith("-secrets")]
    return {one["metadata"]["namespace"] for one in roles} == {"team-a"} and _has(
        out, XDS, "xds", "--secrets-namespace=team-a", "--secrets-namespace=team-c"
    )


def _unlisted_secrets(out: Rendered) -> bool:
    return not any("secrets" in rule["resources"] for one in out.all("Role") for rule in one["rules"])


def _two_fleets(out: Rendered) -> bool:
    edge = _spec(out, "Service", "modelfleet-gateway-edge")
    selects = {"modelfleet.dev/gateway": "edge"}
    listens = "--gateway=edge=0.0.0.0:9000,max-body=8Mi,records=/dev/stdout,roots=/etc/ssl/certs/ca-certificates.crt"
    return (
        edge["type"] == "LoadBalancer"
        and edge["selector"].items() >= selects.items()
        and _has(out, XDS, "xds", listens)
    )


def _helm_made(out: Rendered) -> bool:
    names = {one["metadata"]["name"] for one in out.all("Secret") if one["type"] == "kubernetes.io/tls"}
    return names == {"modelfleet-ca", "modelfleet-xds-tls", "modelfleet-gateway-default-tls"}


def _cert_manager(out: Rendered) -> bool:
    names = out.one("Certificate", "modelfleet-gateway-default-tls")["spec"]["dnsNames"]
    return names == ["default.gateway.modelfleet.dev"] and not out.all("Secret")


def _own_issuer(out: Rendered) -> bool:
    issuers = [one["spec"]["issuerRef"] for one in out.all("Certificate")]
    return issuers == [{"kind": "ClusterIssuer", "name": "platform"}] * 2 and not out.all("Issuer")


def _no_tls(out: Rendered) -> bool:
    told = [*out.arguments(XDS, "xds"), *out.arguments(GATEWAY, "relay")]
    return not out.all("Secret") and not any(argument.startswith("--tls") for argument in told)


def _autoscaled(out: Rendered) -> bool:
    scaler = _spec(out, "HorizontalPodAutoscaler", GATEWAY)
    source = scaler["metrics"][0]["containerResource"]
    return (
        (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 30)
        and source["container"] == "envoy"
        and ("replicas" not in _spec(out, "Deployment", GATEWAY))
    )


def _placed(out: Rendered) -> bool:
    pod = _gateway(out)
    return (
        pod["nodeSelector"] == {"pool": "edge"}
        and pod["tolerations"] == [TAINT]
        and pod["affinity"] == AFFINITY
        and pod["topologySpreadConstraints"] == [SPREAD]
        and pod["priorityClassName"] == "system-cluster-critical"
        and "nodeSelector" not in out.pod(XDS)
    )


def _pod_words(out: Rendered) -> bool:
    about = _spec(out, "Deployment", GATEWAY)["template"]["metadata"]
    return bool(about["annotations"] == {"a.example.com/b": "c"} and about["labels"]["team"] == "edge")


def _drains(out: Rendered) -> bool:
    pod = _gateway(out)
    told = out.container(GATEWAY, "relay")["lifecycle"]["preStop"]["exec"]["command"]
    assert told == ["modelfleet", "drain", "--admin=/run/modelfleet/admin.sock"]
    assert _has(out, GATEWAY, "envoy", "--drain-time-s", "300", "--drain-strategy", "immediate")
    assert _has(out, GATEWAY, "bootstrap", "--admin=/run/modelfleet/admin.sock")
    waits = out.container(GATEWAY, "envoy")["lifecycle"]["preStop"]["sleep"]["seconds"]
    return (waits, pod["terminationGracePeriodSeconds"]) == (300, 330)


def _quiet(out: Rendered) -> bool:
    return not out.all("PodDisruptionBudget") and not out.all("NetworkPolicy")


def _monitored(out: Rendered) -> bool:
    labels = out.one("PodMonitor", "modelfleet-gateway")["metadata"]["labels"]
    return (
        len(out.all("PodMonitor")) == 3
        and labels["release"] == "prometheus"
        and len(_spec(out, "PrometheusRule", "modelfleet")["groups"][0]["rules"]) >= 10
    )


def _dashboard(out: Rendered) -> bool:
    return bool(out.one("ConfigMap", "modelfleet-dashboard")["metadata"]["labels"]["grafana_dashboard"] == "1")


def _no_rbac(out: Rendered) -> bool:
    return not {one["kind"] for one in out} & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def _accounts(out: Rendered) -> bool:
    used = {out.pod(name)["serviceAccountName"] for name in (OPERATOR, XDS)}
    return used == {"mine", XDS} and out.names("ServiceAccount") == {XDS, "modelfleet-gateway"}


def _account_words(out: Rendered) -> bool:
    return bool(out.one("ServiceAccount", OPERATOR)["metadata"]["annotations"] == {"cloud.example.com/role": "x"})


def _named(out: Rendered) -> bool:
    return out.names("Deployment") == {"fleet-operator", "fleet-xds", "fleet-gateway-default"} and (
        "--upstream=fleet-xds.fleet-system.svc:18000" in out.arguments("fleet-gateway-default", "relay")
    )


def _labelled(out: Rendered) -> bool:
    return all(one["metadata"]["labels"]["cost"] == "platform" for one in out if one["kind"] != "ConfigMap")


def _rights_less(out: Rendered) -> bool:
    rules = out.one("ClusterRole", f"{NAMESPACE}:modelfleet:operator")["rules"]
    groups = {group for rule in rules for group in rule["apiGroups"]}
    finalizers = [rule["verbs"] for rule in rules if "modeldeployments/finalizers" in rule["resources"]]
    return not groups & {"keda.sh", "resource.k8s.io"} and finalizers == [["update"]]


def _from_clients(out: Rendered) -> bool:
    first = _spec(out, "NetworkPolicy", "modelfleet-gateway")["ingress"][0]
    return bool(first["from"] == [{"namespaceSelector": {"matchLabels": {"llm": "yes"}}}])


def _free_egress(out: Rendered) -> bool:
    return bool(_spec(out, "NetworkPolicy", "modelfleet-gateway")["policyTypes"] == ["Ingress"])


def _extra(out: Rendered) -> bool:
    return bool(out.one("ConfigMap", "mine") and out.one("ConfigMap", "modelfleet-notes"))


def _on_disk(out: Rendered) -> bool:
    volumes = {one["name"]: one.get("emptyDir") for one in _gateway(out)["volumes"]}
    return bool(volumes["state"] == {"sizeLimit": "1Gi"})


def _node_port(out: Rendered) -> bool:
    spec = _spec(out, "Service", GATEWAY)
    return (spec["type"], spec["ports"][0]["nodePort"], spec["externalTrafficPolicy"]) == ("NodePort", 30080, "Local")


def _balancer(out: Rendered) -> bool:
    service = out.one("Service", GATEWAY)
    wanted = {key: value for key, value in INNER.items() if key != "annotations"}
    return bool(
        service["spec"].items() >= wanted.items() and service["metadata"]["annotations"] == INNER["annotations"]
    )


def _tiny(out: Rendered) -> bool:
    return all(
        one["resources"] == {"requests": {"cpu": "1m", "memory": "32Mi"}, "limits": {"memory": "1Gi"}}
        for name, container in ((OPERATOR, "operator"), (XDS, "xds"))
        for one in [out.container(name, container)]
    )


def _regional(out: Rendered) -> bool:
    return _has(out, GATEWAY, "bootstrap", "--region=eu-1", "--zone=eu-1a", "--to=/run/modelfleet/envoy.json")


def _talkative(out: Rendered) -> bool:
    return _has(out, XDS, "xds", "--log-format=text", "--log-level=debug") and _has(
        out, GATEWAY, "envoy", "--log-level", "info"
    )


SMALL = {"requests": {"cpu": "1m", "memory": "32Mi"}}
EDGE = {"port": 9000, "maxBody": "8Mi", "service": {"type": "LoadBalancer", "port": 443}}
PLACED = {
    "nodeSelector": {"pool": "edge"},
    "tolerations": [TAINT],
    "affinity": AFFINITY,
    "topologySpreadConstraints": [SPREAD],
    "priorityClassName": "system-cluster-critical",
}
TALKING = {"log": {"format": "text", "level": "debug"}, "envoy": {"logLevel": "info"}}
DIGEST = f"sha256:{'0' * 64}"
MONITORED = {"podMonitors": {"enabled": True, "labels": {"release": "prometheus"}}, "rules": {"enabled": True}}
TEXT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ include \"modelfleet.fullname\" . }}-notes'}"
INNER = {
    "type": "LoadBalancer",
    "loadBalancerClass": "example.com/inner",
    "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "annotations": {"example.com/inner": "true"},
}
NODE_PORT = {"type": "NodePort", "nodePort": 30080, "externalTrafficPolicy": "Local"}
OWN_ISSUER = {"mode": "certManager", "certManager": {"issuerRef": {"kind": "ClusterIssuer", "name": "platform"}}}


def _default(**values: Any) -> dict[str, Any]:
    """Values of the fleet that is there by itself."""
    return {"gateways": {"default": values}}


CASES = (
    Case("nothing said", _defaults),
    Case("kinds are kept", _crds, {"crds": {"install": True}}),
    Case("kinds go", _crds_go, {"crds": {"install": True, "keep": False}}),
    Case("kinds by somebody else", lambda out: not out.all("CustomResourceDefinition")),
    Case("a registry of one's own", _every_registry, {"global": {"imageRegistry": "registry.example.com/mirror"}}),
    Case(
        "an image by tag and no registry",
        lambda out: "modelfleet:dev" in _images(out) and _has(out, OPERATOR, "operator", "--image=modelfleet:dev"),
        {"image": {"registry": "", "repository": "modelfleet", "tag": "dev"}},
    ),
    Case(
        "images by digest",
        lambda out: _images(out) == {f"ghcr.io/modelfleet/modelfleet@{DIGEST}", f"docker.io/envoyproxy/envoy@{DIGEST}"},
        {"image": {"digest": DIGEST}, "envoy": {"image": {"digest": DIGEST}}},
    ),
    Case(
        "secrets for pulling",
        _pull_secrets,
        {"global": {"imagePullSecrets": [{"name": "all"}]}, "imagePullSecrets": [{"name": "ours"}]},
    ),
    Case("single namespaces", _single, {"watchNamespaces": ["team-a", "team-b"], "rbac": {"aggregate": False}}),
    Case(
        "secrets of some",
        _secrets,
        {"watchNamespaces": ["team-a", "team-b"], "secretsNamespaces": ["team-a", "team-c"]},
    ),
    Case("secrets of none", _unlisted_secrets, {"watchNamespaces": ["team-a"]}),
    Case("two fleets", _two_fleets, {"gateways": {"edge": EDGE}}),
    Case("HTTPS", https, {"gateways": {"edge": {"tls": {"secretName": "edge.tls", "minVersion": "TLSv1.3"}}}}),
    Case("HTTPS for all but one", mostly_https, MOSTLY),
    Case(
        "no gateway at all",
        lambda out: out.names("Deployment") == {XDS, OPERATOR},
        {"gateways": {"default": None}},
    ),
    Case("certificates of Helm", _helm_made, {"tls": {"mode": "helm"}}),
    Case("certificates of cert-manager", _cert_manager, {"tls": {"mode": "certManager"}}),
    Case("cert-manager is found", _cert_manager, {}, (CERT_MANAGER,)),
    Case("Helm's although cert-manager is there", _helm_made, {"tls": {"mode": "helm"}}, (CERT_MANAGER,)),
    Case("an issuer of one's own", _own_issuer, {"tls": OWN_ISSUER}),
    Case("no TLS", _no_tls, {"tls": {"mode": "none"}}),
    Case(
        "as load grows",
        _autoscaled,
        _default(autoscaling={"enabled": True, "minReplicas": 3, "maxReplicas": 30}),
    ),
    Case("gateways on nodes of their own", _placed, {"gatewayDefaults": PLACED}),
    Case(
        "words of the pods",
        _pod_words,
        _default(podAnnotations={"a.example.com/b": "c"}, podLabels={"team": "edge"}),
    ),
    Case("long answers", _drains, _default(drainSeconds=300)),
    # Kubernetes takes no sleep of nothing.
    Case("no drain", lambda out: "lifecycle" not in out.container(GATEWAY, "envoy"), _default(drainSeconds=0)),
    Case(
        "no budgets and no policies",
        _quiet,
        {
            "operator": {"podDisruptionBudget": {"enabled": False}},
            "xds": {"podDisruptionBudget": {"enabled": False}},
            "gatewayDefaults": {"podDisruptionBudget": {"enabled": False}},
            "networkPolicies": {"enabled": False},
        },
    ),
    Case("monitors and alerts", _monitored, {"monitoring": MONITORED}),
    Case("a dashboard", _dashboard, {"monitoring": {"dashboard": {"enabled": True}}}),
    Case("rights by somebody else", _no_rbac, {"rbac": {"create": False, "aggregate": False}}),
    Case("an account that is there", _accounts, {"operator": {"serviceAccount": {"create": False, "name": "mine"}}}),
    Case(
        "an account of a cloud",
        _account_words,
        {"operator": {"serviceAccount": {"annotations": {"cloud.example.com/role": "x"}}}},
    ),
    Case("another name", _named, {"fullnameOverride": "fleet"}),
    Case("labels of everything", _labelled, {"commonLabels": {"cost": "platform"}}),
    Case("other rights", _rights_less, {"rbac": {"keda": False, "deviceClasses": False, "finalizers": True}}),
    Case(
        "only some may ask",
        _from_clients,
        {"networkPolicies": {"clientsFrom": [{"namespaceSelector": {"matchLabels": {"llm": "yes"}}}]}},
    ),
    Case(
        "models that gateways alone reach",
        lambda out: {one["metadata"]["namespace"] for one in out.all("NetworkPolicy")} == {NAMESPACE, "team-a"},
        {"networkPolicies": {"models": {"namespaces": ["team-a"]}}},
    ),
    Case("gateways may reach everything", _free_egress, {"networkPolicies": {"restrictEgress": False}}),
    Case(
        "nobody reads metrics",
        lambda out: "ingress" not in _spec(out, "NetworkPolicy", OPERATOR),
        {"networkPolicies": {"metricsFrom": []}},
    ),
    Case("objects of one's own", _extra, {"extraObjects": [CONFIG_MAP, TEXT]}),
    Case("state on the disk", _on_disk, {"relay": {"cacheMedium": "", "cacheSize": "1Gi"}}),
    Case("a port of each node", _node_port, _default(service=NODE_PORT)),
    Case("a load balancer inside", _balancer, _default(service=INNER)),
    Case("a tiny cluster", _tiny, {"operator": {"resources": SMALL}, "xds": {"resources": SMALL, "replicas": 1}}),
    Case("a region", _regional, _default(region="eu-1", zone="eu-1a")),
    Case("much said", _talkative, TALKING),
    Case(
        "models that KEDA scales",
        lambda out: _has(out, OPERATOR, "operator", "--prometheus=http://prometheus.monitoring:9090"),
        {"operator": {"replicas": 2, "prometheus": "http://prometheus.monitoring:9090"}},
    ),
)
