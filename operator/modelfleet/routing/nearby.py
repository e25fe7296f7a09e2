"""Addresses at which a gateway in a cluster would find itself, its pod, or its node's cloud, and no model."""

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from modelfleet.findings import Finding, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.external import plan_host


def check_nearby(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Hosted models in a cluster that are said to be in the gateway's own pod, or on its link.

    A request to the gateway's own port would come in again, as another one, for as long as its time lasts. Names are
    not looked up: what they lead to is the business of who bounds what gateways may reach.
    """
    if not snapshot.world.in_cluster:
        return
    for model in snapshot.models.values():
        external = model.spec.external
        if external and _is_nearby(plan_host(model.key, external).host):
            message = "in a cluster this is the gateway's own pod, or its node: name a host that pods reach"
            yield Finding(model.key, ("spec", "external", "url"), Reason.INVALID_VALUE, message)


def _is_nearby(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return name == "localhost" or name.endswith(".localhost")
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_link_local or address.is_unspecified
