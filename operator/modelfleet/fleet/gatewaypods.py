"""The pods of gateways, and of the xds replicas that feed them, in what the API server lists."""

from typing import Any

from modelfleet.fleet.raw import condition, mapping, mappings, text

GATEWAY = "modelfleet.dev/gateway"
"""The label of a gateway's pods: which one they belong to."""
XDS = "app.kubernetes.io/part-of=modelfleet,app.kubernetes.io/component=xds"
"""The labels of the Service before the xds replicas."""
PORT = "metrics"
"""What it calls the port at which they tell what gateways acknowledged."""


def replica_addresses(slices: Any) -> tuple[str, ...]:
    """Where the xds replicas in a list of EndpointSlices tell, ready or not: who ends has still something to say."""
    found = set()
    for one in mappings(mapping(slices).get("items")):
        port = next((it.get("port") for it in mappings(one.get("ports")) if it.get("name") == PORT), None)
        for endpoint in mappings(one.get("endpoints")) if isinstance(port, int) else ():
            addresses = endpoint.get("addresses")
            # All of them are one and the same replica.
            for address in addresses[:1] if isinstance(addresses, list) else ():
                if text(address):
                    found.add(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
    return tuple(sorted(found))


def ready_pods(pods: Any) -> dict[str, frozenset[str]]:
    """The pods in a list that are ready and stay, by the gateway that they belong to. An Envoy is called as its pod."""
    found: dict[str, set[str]] = {}
    for one in mappings(mapping(pods).get("items")):
        metadata = mapping(one.get("metadata"))
        is_ready = condition(mapping(one.get("status")), "Ready").get("status") == "True"
        gateway, name = text(mapping(metadata.get("labels")).get(GATEWAY)), text(metadata.get("name"))
        if is_ready and gateway and name and not metadata.get("deletionTimestamp"):
            found.setdefault(gateway, set()).add(name)
    return {gateway: frozenset(names) for gateway, names in sorted(found.items())}
