"""The ready replicas of a model, grouped by where they are."""

from collections.abc import Iterable
from itertools import groupby

from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EndpointMessage
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from modelfleet.envoy.clusters import service_name, socket_address
from modelfleet.envoy.hosted import metadata_of
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.findings import Key
from modelfleet.fleet.world import Endpoint


def render_endpoints(model: Key, endpoints: Iterable[Endpoint]) -> XdsResource:
    """The endpoints of a model, also where there is none: a cluster waits for them to be named."""
    name = service_name(model)
    places = groupby(sorted(endpoints, key=_order), key=_place)
    localities = [_locality(region, zone, [*group]) for (region, zone), group in places]
    return resource_of(name, ClusterLoadAssignment(cluster_name=name, endpoints=localities), [model])


def _order(endpoint: Endpoint) -> tuple[str, str, str, int]:
    return endpoint.region, endpoint.zone, endpoint.address, endpoint.port


def _place(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.region, endpoint.zone


def _locality(region: str, zone: str, endpoints: list[Endpoint]) -> LocalityLbEndpoints:
    locality = LocalityLbEndpoints(lb_endpoints=[_endpoint(endpoint) for endpoint in endpoints])
    locality.locality.region, locality.locality.zone = region, zone
    locality.load_balancing_weight.value = len(endpoints)
    return locality


def _endpoint(endpoint: Endpoint) -> LbEndpoint:
    # What the engine hears as host. Envoy writes it once there is a connection, and so tells the script of it.
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    address = socket_address(endpoint.address, endpoint.port)
    message = EndpointMessage(address=address, hostname=f"{host}:{endpoint.port}")
    return LbEndpoint(endpoint=message, metadata=metadata_of(endpoint.hardware))
