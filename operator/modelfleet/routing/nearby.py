"""Addresses at which a gateway in a cluster would find itself, its pod, or its node's cloud, and no model."""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Finding, Key, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.external import plan_host


def check_nearby(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Hosted models in a cluster that are said to be in the gateway's own pod, or on its link.

    A request to the gateway's own port would come in again, as another one, for as long as its time lasts. Names are
    not looked up: what they lead to is the business of who bounds what gateways may reach.
    """
    message = "in a cluster this is the gateway's own pod, or its node: name a host that pods reach"
    for key in nearby(snapshot):
        yield Finding(key, ("spec", "external", "url"), Reason.INVALID_VALUE, message)


def nearby(snapshot: FleetSnapshot) -> tuple[Key, ...]:
    """These models. A version of them that was in force once is no better, and is not kept."""
    models = snapshot.models.values() if snapshot.world.in_cluster else ()
    return tuple(model.key for model in models if _leads_nearby(model))


def _leads_nearby(model: ModelDeployment) -> bool:
    external = model.spec.external
    return external is not None and _is_nearby(plan_host(model.key, external).host)


def _is_nearby(host: str) -> bool:
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", host):  # whoever resolves it reads 127.000.000.1 as 127.0.0.1
        host = ".".join(str(int(part)) for part in host.split("."))
    try:
        address = ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return name == "localhost" or name.endswith(".localhost")
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_link_local or address.is_unspecified
