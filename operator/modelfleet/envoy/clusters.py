"""Targets become clusters: endpoints by EDS for models of one's own, an address with TLS and a key for hosted ones."""

from ipaddress import ip_address

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.load_balancing_policies.common.v3.common_pb2 import SlowStartConfig
from envoy.extensions.load_balancing_policies.least_request.v3.least_request_pb2 import LeastRequest
from google.protobuf.wrappers_pb2 import UInt32Value

from modelfleet.envoy.hosted import metadata_of, protocol_of, tls_of
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.sources import ADS
from modelfleet.envoy.typed import any_of, milliseconds
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import BreakerPlan, HostPlan, TargetPlan

NO_LIMIT = 1_000_000_000
"""Envoy's own limits (1,024 of everything, 3 retries) would bind silently; those of a policy are declared."""
SWEEP_PARTS = 10
SHORTEST_SWEEP_MS = 100


def render_cluster(target: TargetPlan, gateway: Gateway, owners: frozenset[Key]) -> XdsResource:
    """The cluster of a target."""
    cluster = Cluster(
        name=target.name,
        connect_timeout=milliseconds(target.connect_ms),
        circuit_breakers=unlimited(),
        outlier_detection=_ejection(target.breaker),
    )
    cluster.common_lb_config.healthy_panic_threshold.value = 0
    _balance(cluster, target)
    if target.host is None:
        cluster.type = Cluster.EDS
        cluster.eds_cluster_config.eds_config.CopyFrom(ADS)
        cluster.eds_cluster_config.service_name = service_name(target.model)
        name, options = protocol_of(None)
        cluster.typed_extension_protocol_options[name].CopyFrom(options)
    else:
        _at_host(cluster, target.host, gateway)
    return resource_of(target.name, cluster, owners)


def service_name(model: Key) -> str:
    """Under which name the endpoints of a model go; targets of one model share them."""
    return f"{model.namespace}/{model.name}"


def socket_address(host: str, port: int) -> Address:
    """An address of TCP."""
    return Address(socket_address=SocketAddress(address=host, port_value=port))


def unlimited() -> CircuitBreakers:
    """No limit of Envoy's own, which nobody declared."""
    threshold = CircuitBreakers.Thresholds()
    for limit in ("max_connections", "max_pending_requests", "max_requests", "max_retries"):
        getattr(threshold, limit).value = NO_LIMIT
    return CircuitBreakers(thresholds=[threshold])


def _ejection(breaker: BreakerPlan) -> OutlierDetection:
    # The sweep is what brings a replica back, so it comes often in the time that an ejection lasts.
    return OutlierDetection(
        consecutive_5xx=UInt32Value(value=breaker.consecutive),
        enforcing_consecutive_5xx=UInt32Value(value=100),
        enforcing_success_rate=UInt32Value(value=0),
        interval=milliseconds(max(breaker.eject_ms // SWEEP_PARTS, SHORTEST_SWEEP_MS)),
        base_ejection_time=milliseconds(breaker.eject_ms),
        # As long each time as it is declared: by itself Envoy would add as much again with every ejection.
        max_ejection_time=milliseconds(breaker.eject_ms),
        max_ejection_percent=UInt32Value(value=100),
    )


def _balance(cluster: Cluster, target: TargetPlan) -> None:
    policy = LeastRequest()
    if target.slow_start_ms:
        policy.slow_start_config.CopyFrom(SlowStartConfig(slow_start_window=milliseconds(target.slow_start_ms)))
    entry = cluster.load_balancing_policy.policies.add().typed_extension_config
    entry.name = "envoy.load_balancing_policies.least_request"
    entry.typed_config.CopyFrom(any_of(policy))


def _at_host(cluster: Cluster, host: HostPlan, gateway: Gateway) -> None:
    # A literal address needs no resolver, and Envoy would refuse one as a name.
    cluster.type = Cluster.STATIC if _is_literal(host.host) else Cluster.LOGICAL_DNS
    if cluster.type == Cluster.LOGICAL_DNS:
        cluster.dns_lookup_family = Cluster.V4_PREFERRED
    endpoint = Endpoint(address=socket_address(host.host, host.port), hostname=authority(host))
    entry = LbEndpoint(endpoint=endpoint, metadata=metadata_of("external"))
    locality = LocalityLbEndpoints(lb_endpoints=[entry])
    locality.locality.region = host.region
    cluster.load_assignment.CopyFrom(ClusterLoadAssignment(cluster_name=cluster.name, endpoints=[locality]))
    name, options = protocol_of(host)
    cluster.typed_extension_protocol_options[name].CopyFrom(options)
    if host.secure:
        cluster.transport_socket.CopyFrom(tls_of(host, gateway))


def authority(host: HostPlan) -> str:
    """What the request names as its host: with a port where that is not the usual one."""
    name = f"[{host.host}]" if ":" in host.host else host.host
    return name if host.port == (443 if host.secure else 80) else f"{name}:{host.port}"


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
