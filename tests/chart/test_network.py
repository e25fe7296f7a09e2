"""Who may speak to whom, as an enforcing network would read the policies: one line of a matrix for each pair."""

from dataclasses import replace

import pytest

from tests.chart.network import PODS, ROLES, Pod, is_in, may_speak, policies_of
from tests.chart.rendering import Rendered, template

METRICS = {("prometheus", role, port) for role, port in (("operator", 8081), ("xds", 9090), ("gateway", 9091))}
MAY = {
    ("gateway", "xds", 18000),
    ("operator", "xds", 9090),
    *METRICS,
    *((one, "gateway", 8080) for one in PODS),
}


def as_rendered(out: Rendered, role: str) -> Pod:
    """The pod of a role with the names that its ports have there."""
    if role != "gateway":
        return PODS[role]
    ports = out.container("modelfleet-gateway-default", "envoy")["ports"]
    return replace(PODS[role], ports={one["name"]: one["containerPort"] for one in ports})


@pytest.mark.parametrize("target", ROLES)
@pytest.mark.parametrize("secret", ["", "edge-tls"], ids=["HTTP", "HTTPS"])
def test_only_who_has_to_may_speak_to_a_role(target: str, secret: str) -> None:
    out = template({"gatewayDefaults": {"tls": {"secretName": secret}}})
    asked = as_rendered(out, target)
    assert policies_of(out, asked), f"nothing is said of {target}"
    found = {
        (source, target, port)
        for source, pod in PODS.items()
        for port in (8080, 8081, 9090, 9091, 9901, 18000)
        if may_speak(out, pod, asked, port)
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
    return any(is_in(address, block) for block in blocks)
