"""Small resources that close, to be broken one at a time."""

from collections.abc import Sequence
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2, scoped_route_pb2
from envoy.extensions.clusters.aggregate.v3 import cluster_pb2 as aggregate_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from modelfleet.envoy.check import without_defective
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.findings import Key

A = Key("RoutingPolicy", "default", "a")
B = Key("RoutingPolicy", "default", "b")
HCM = http_connection_manager_pb2.HttpConnectionManager
Match = route_components_pb2.RouteMatch
Route = route_components_pb2.Route
RouteAction = route_components_pb2.RouteAction


def cluster(name: str = "c", **fields: Any) -> Any:
    return cluster_pb2.Cluster(name=name, **fields)


def eds(name: str = "c", service: str = "") -> Any:
    made = cluster(name, type=cluster_pb2.Cluster.EDS)
    made.eds_cluster_config.service_name = service
    made.eds_cluster_config.eds_config.ads.SetInParent()
    return made


def endpoints(name: str = "c") -> Any:
    return endpoint_pb2.ClusterLoadAssignment(cluster_name=name)


def route(path: str = "/", **action: Any) -> Any:
    return Route(match=Match(prefix=path), route=RouteAction(**(action or {"cluster": "c"})))


def table(*routes: Any, name: str = "r", domains: Sequence[str] = ("*",)) -> Any:
    host = route_components_pb2.VirtualHost(name="v", domains=domains, routes=routes)
    return route_pb2.RouteConfiguration(name=name, virtual_hosts=[host])


def scope(name: str = "s", key: str = "k", routes: str = "r") -> Any:
    made = scoped_route_pb2.ScopedRouteConfiguration(name=name, route_configuration_name=routes)
    made.key.fragments.add(string_key=key)
    return made


def secret(name: str = "ca") -> Any:
    made = secret_pb2.Secret(name=name)
    made.validation_context.trusted_ca.inline_string = "x"
    return made


def listener(manager: Any) -> Any:
    made = listener_pb2.Listener(name="l")
    made.address.socket_address.address = "0.0.0.0"
    made.address.socket_address.port_value = 80
    manager.stat_prefix = "s"
    made.filter_chains.add().filters.append(listener_components_pb2.Filter(name="hcm"))
    made.filter_chains[0].filters[0].typed_config.Pack(manager)
    return made


def planned(plan: Any) -> Any:
    made = route()
    made.metadata.filter_metadata["modelfleet"].update({"plan": plan})
    return made


def resources(*messages: Any, owner: Key = A) -> list[XdsResource]:
    return [resource_of(getattr(one, "cluster_name", "") or one.name, one, [owner]) for one in messages]


def told(*messages: Any) -> list[str]:
    return [str(defect) for defect in without_defective(resources(*messages))[1]]


def left(*messages: Any) -> list[str]:
    kept, _ = without_defective(resources(*messages))
    return [resource.name for resource in kept]


def aggregate(*names: str) -> Any:
    made = cluster("all")
    made.cluster_type.name = "x"
    made.cluster_type.typed_config.Pack(aggregate_pb2.ClusterConfig(clusters=names))
    return made
