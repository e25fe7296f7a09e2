"""Who may speak to whom, as an enforcing network would read the policies: one line of a matrix for each pair."""

from ipaddress import ip_address, ip_network

import pytest

from tests.chart.rendering import NAMESPACE, Object, Rendered, template

OURS = {"app.kubernetes.io/name": "modelfleet", "app.kubernetes.io/instance": "modelfleet"}
PODS: dict[str, tuple[str, dict[str, str]]] = {
    **{role: (NAMESPACE, {**OURS, "app.kubernetes.io/component": role}) for role in ("operator", "xds", "gateway")},
    "prometheus": ("monitoring", {"app.kubernetes.io/name": "prometheus"}),
    "client": ("team-a", {"app": "chat"}),
    "neighbour": (NAMESPACE, {"app": "other"}),
    # Whoever may make pods elsewhere may label them as he likes.
    "impostor": ("team-a", {**OURS, "app.kubernetes.io/component": "gateway"}),
}
METRICS = {("prometheus", role, port) for role, port in (("operator", 8081), ("xds", 9090), ("gateway", 9091))}
MAY = {
    ("gateway", "xds", 18000),
    ("operator", "xds", 9090),
    *METRICS,
    *((one, "gateway", 8080) for one in PODS),
}


def matches(selector: Object | None, labels: dict[str, str]) -> bool:
    return selector is not None and labels.items() >= selector.get("matchLabels", {}).items()


def is_peer(peer: Object, pod: tuple[str, dict[str, str]]) -> bool:
    namespace, labels = pod
    place = {"kubernetes.io/metadata.name": namespace}
    if "namespaceSelector" in peer:
        return matches(peer["namespaceSelector"], place) and matches(peer.get("podSelector", {}), labels)
    return namespace == NAMESPACE and matches(peer.get("podSelector"), labels)


def may_speak(out: Rendered, source: str, target: str, port: int) -> bool:
    """Whether all policies of the target taken together let it in."""
    named = {it["name"]: it["containerPort"] for it in out.container("modelfleet-gateway-default", "envoy")["ports"]}
    own = [one["spec"] for one in out.all("NetworkPolicy") if matches(one["spec"]["podSelector"], PODS[target][1])]
    assert own, f"nothing is said of {target}"
    return any(
        port in [named.get(it["port"], it["port"]) for it in rule["ports"]]
        and ("from" not in rule or any(is_peer(peer, PODS[source]) for peer in rule["from"]))
        for spec in own
        for rule in spec.get("ingress", ())
    )


@pytest.mark.parametrize("target", ["operator", "xds", "gateway"])
@pytest.mark.parametrize("secret", ["", "edge-tls"], ids=["HTTP", "HTTPS"])
def test_only_who_has_to_may_speak_to_a_role(target: str, secret: str) -> None:
    out = template({"gatewayDefaults": {"tls": {"secretName": secret}}})
    found = {
        (source, target, port)
        for source in PODS
        for port in (8080, 8081, 9090, 9091, 9901, 18000)
        if may_speak(out, source, target, port)
    }
    assert found == {one for one in MAY if one[1] == target}


@pytest.mark.parametrize("address", ["10.0.0.7", "93.184.216.34", "2001:db8::1"])
def test_gateways_reach_models(address: str) -> None:
    assert is_reached(address)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "fe80::1"])
def test_gateways_reach_no_metadata_service(address: str) -> None:
    assert not is_reached(address)


def is_reached(address: str) -> bool:
    """Whether a gateway may connect there, at any port but that of names."""
    rules = template({}).one("NetworkPolicy", "modelfleet-gateway")["spec"]["egress"]
    open_to_all = [rule for rule in rules if "to" not in rule]
    assert [[port["port"] for port in rule["ports"]] for rule in open_to_all] == [[53, 53]]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule.get("to", ()) if "ipBlock" in peer]
    inside = [
        block
        for block in blocks
        if is_in(address, block["cidr"]) and not any(is_in(address, one) for one in block["except"])
    ]
    return bool(inside)


def is_in(address: str, network: str) -> bool:
    return ip_address(address) in ip_network(network)
