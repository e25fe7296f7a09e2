"""Resources as a compiler would make them, in numbered variants, and a short way to talk with a stream."""

from collections.abc import Iterable, Mapping
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2, scoped_route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SCOPE, SECRET
from modelfleet.findings import Key
from modelfleet.xds.state import gateway_resources
from modelfleet.xds.stream import AdsStream


def policy(name: str) -> Key:
    return Key("RoutingPolicy", "shop", name)


def cluster(name: str, variant: int = 0, eds: str = "", owners: Iterable[Key] = ()) -> XdsResource:
    made = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.EDS)
    made.connect_timeout.seconds = variant + 1
    made.eds_cluster_config.service_name = eds
    return resource_of(name, made, owners)


def static_cluster(name: str) -> XdsResource:
    return resource_of(name, cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.STATIC))


def endpoints(name: str, variant: int = 0, owners: Iterable[Key] = ()) -> XdsResource:
    made = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    made.policy.overprovisioning_factor.value = 100 + variant
    return resource_of(name, made, owners)


def secret(name: str, variant: int = 0) -> XdsResource:
    made = secret_pb2.Secret(name=name)
    made.generic_secret.secret.inline_string = f"hunter{variant}"
    return resource_of(name, made)


def listener(name: str, variant: int = 0, owners: Iterable[Key] = ()) -> XdsResource:
    return resource_of(name, listener_pb2.Listener(name=name, stat_prefix=str(variant)), owners)


def extension(name: str) -> XdsResource:
    return resource_of(name, extension_pb2.TypedExtensionConfig(name=name))


def routes(name: str, clusters: Iterable[str] = (), variant: int = 0, owners: Iterable[Key] = ()) -> XdsResource:
    made = route_pb2.RouteConfiguration(name=name)
    made.max_direct_response_body_size_bytes.value = 1000 + variant
    for target in clusters:
        made.virtual_hosts.add(name=target, domains=[target]).routes.add().route.cluster = target
    return resource_of(name, made, owners)


def clusters_of(body: bytes) -> set[str]:
    made = route_pb2.RouteConfiguration.FromString(body)
    return {route.route.cluster for host in made.virtual_hosts for route in host.routes}


def scope(name: str, route: str, variant: int = 0, owners: Iterable[Key] = ()) -> XdsResource:
    made = scoped_route_pb2.ScopedRouteConfiguration(name=name, route_configuration_name=route)
    made.key.fragments.add(string_key=f"{name}{variant}")
    return resource_of(name, made, owners)


def request(
    type_url: str,
    subscribe: Iterable[str] = (),
    *,
    have: Mapping[str, str] | None = None,
    unsubscribe: Iterable[str] = (),
    nonce: str = "",
    refusal: str = "",
) -> Any:
    made = discovery_pb2.DeltaDiscoveryRequest(
        type_url=type_url,
        resource_names_subscribe=subscribe,
        resource_names_unsubscribe=unsubscribe,
        initial_resource_versions=have or {},
        response_nonce=nonce,
    )
    if refusal:
        made.error_detail.message = refusal
    return made


def names(response: Any) -> list[str]:
    return [it.name for it in response.resources]


class Talk:
    """A stream and the responses that it gave last."""

    def __init__(self, *resources: XdsResource) -> None:
        self.stream = AdsStream()
        self.events: list[Any] = []
        self.last: list[Any] = []
        if resources:
            self.publish(*resources)

    def publish(self, *resources: XdsResource) -> list[tuple[str, list[str], list[str]]]:
        return self._heard(self.stream.on_resources(gateway_resources(resources)))

    def ask(self, type_url: str, *subscribe: str, **more: Any) -> list[tuple[str, list[str], list[str]]]:
        return self._heard(self.stream.on_request(request(type_url, subscribe, **more)))

    def ack(self, response: Any, **more: Any) -> list[tuple[str, list[str], list[str]]]:
        return self.ask(response.type_url, nonce=response.nonce, **more)

    def nack(self, response: Any, refusal: str = "no") -> list[tuple[str, list[str], list[str]]]:
        return self.ask(response.type_url, nonce=response.nonce, refusal=refusal)

    def ack_all(self) -> list[tuple[str, list[str]]]:
        """Until there is nothing more to take. What was removed, in order."""
        waiting, removed = self.last, []
        while waiting:
            response = waiting.pop(0)
            if response.removed_resources:
                removed.append((response.type_url, list(response.removed_resources)))
            self.ack(response)
            waiting += self.last
        return removed

    def take(self, type_url: str, *subscribe: str) -> None:
        """Ask as a client does that has just started, and take all."""
        self.ask(type_url, *subscribe)
        self.ack_all()

    def _heard(self, responses: list[Any]) -> list[tuple[str, list[str], list[str]]]:
        self.last = responses
        self.events += self.stream.take_events()
        return [(it.type_url, names(it), list(it.removed_resources)) for it in responses]


def started(*resources: XdsResource) -> Talk:
    """A client that has all of it."""
    talk = Talk(*resources)
    by_type = gateway_resources(resources)
    for type_url in (CLUSTER, ENDPOINTS, SECRET, LISTENER, EXTENSION, SCOPE, ROUTES):
        if type_url in (CLUSTER, LISTENER, SCOPE):
            talk.take(type_url)
        elif of_type := by_type.of_type(type_url):
            talk.take(type_url, *of_type)
    return talk


def fleet(variant: int, *names: str) -> list[XdsResource]:
    """Everything for policies of these names."""
    made = [listener("l"), extension("e")]
    for name in names:
        made += [cluster(name, variant), endpoints(name, variant), secret(name, variant)]
        made += [routes(name, [name], variant), scope(name, name, variant)]
    return made
