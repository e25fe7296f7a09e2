"""Which resource a client asks for once it has been given another one."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.route.v3 import scoped_route_pb2
from google.protobuf.message import DecodeError

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, ROUTES, SCOPE

Reference = tuple[str, str]
"""Type and name."""


def reference_of(resource: XdsResource) -> Reference | None:
    """What the client will ask for by name. None also for bytes that make no message: the client will say so."""
    try:
        if resource.type_url == CLUSTER:
            return _endpoints_of(resource)
        if resource.type_url == SCOPE:
            scope = scoped_route_pb2.ScopedRouteConfiguration.FromString(resource.body)
            return (ROUTES, scope.route_configuration_name) if scope.route_configuration_name else None
    except DecodeError:
        pass
    return None


def _endpoints_of(resource: XdsResource) -> Reference | None:
    cluster = cluster_pb2.Cluster.FromString(resource.body)
    if cluster.WhichOneof("cluster_discovery_type") != "type" or cluster.type != cluster_pb2.Cluster.EDS:
        return None
    return ENDPOINTS, cluster.eds_cluster_config.service_name or cluster.name
