"""What an Envoy is started with: who it is, and where everything else comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from modelfleet.envoy.mtls import TlsFiles, transport_socket

XDS = "xds"
STATS = ("cluster_manager.", "control_plane.", "server.", "listener_manager.", "http.gateway.", "listener.")

BACK_OFF = {"base_interval": "0.5s", "max_interval": "1s"}
"""How long before the control plane is asked for again. By itself Envoy would wait up to half a minute: the wait grows
with each broken stream, and only a message shrinks it, which a replica with nothing new does not send."""
KEEPALIVE = {"interval": "10s", "timeout": "5s"}
"""A replica that fell silent is found out so, and one that rests is not."""
EJECTION = {
    "consecutive_5xx": 1,
    "enforcing_consecutive_5xx": 100,
    "enforcing_success_rate": 0,
    "interval": "1s",
    "base_ejection_time": "5s",
    "max_ejection_time": "5s",
    "max_ejection_percent": 100,
}
"""A replica that failed is passed over for long enough to try the others."""
PANIC_PERCENT = 1
"""While one replica is left no other is tried; where none is, any of them."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """One Envoy and the control plane that it joins. An address is a path of a socket, HOST:PORT or [V6]:PORT."""

    gateway: str
    node: str
    """No other Envoy has this name."""
    xds: tuple[str, ...]
    """The replicas of the control plane, which all say the same. Paths and names of hosts do not mix."""
    admin: str
    region: str = ""
    zone: str = ""
    tls: TlsFiles | None = None
    """With a server name. Without it the control plane is spoken to in clear."""
    secrets: str = ""
    """The folder where the files are that Envoy reads those of TLS by."""


def render_bootstrap(bootstrap: Bootstrap) -> dict[str, Any]:
    """The bootstrap as Envoy reads it, in JSON."""
    # Without a bound: an Envoy that stops to wait calls itself ready, and nobody listens there.
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    return {
        "node": _node(bootstrap),
        "admin": {"address": _address(bootstrap.admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": XDS, "retry_policy": {"retry_back_off": BACK_OFF}}}],
                "set_node_on_first_message_only": True,
            },
            "cds_config": source,
            "lds_config": source,
        },
        "static_resources": {"clusters": [_control_plane(bootstrap)]},
        "cluster_manager": {"enable_deferred_cluster_creation": False},
        # Counters for every cluster are what a large fleet's memory goes to.
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [{"prefix": name} for name in STATS]}}},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": 50_000,
                    },
                }
            ]
        },
    }


def is_path(address: str) -> bool:
    """Whether the address is that of a socket in the file system."""
    return address.startswith("/")


def is_literal(address: str) -> bool:
    """Whether the address can be used as it is, without asking anybody what it stands for."""
    if is_path(address):
        return True
    try:
        ip_address(_split(address)[0])
    except ValueError:
        return False
    return True


def _node(bootstrap: Bootstrap) -> Mapping[str, Any]:
    node: dict[str, Any] = {"id": bootstrap.node, "cluster": bootstrap.gateway}
    place = {"region": bootstrap.region, "zone": bootstrap.zone}
    if any(place.values()):
        node["locality"] = {name: value for name, value in place.items() if value}
    return node


def _control_plane(bootstrap: Bootstrap) -> Mapping[str, Any]:
    endpoints = [{"endpoint": {"address": _address(address)}} for address in bootstrap.xds]
    secured = {"transport_socket": transport_socket(bootstrap.tls, bootstrap.secrets)} if bootstrap.tls else {}
    return {
        "name": XDS,
        **_discovery(bootstrap.xds),
        **secured,
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": XDS, "endpoints": [{"lb_endpoints": endpoints}]},
        "outlier_detection": EJECTION,
        "common_lb_config": {"healthy_panic_threshold": {"value": PANIC_PERCENT}},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": KEEPALIVE}},
            }
        },
    }


def _discovery(addresses: tuple[str, ...]) -> Mapping[str, str]:
    if all(map(is_literal, addresses)):
        return {"type": "STATIC"}
    # A name stands for every address that it has, and a control plane may listen on those of one family only.
    return {"type": "STRICT_DNS", "dns_lookup_family": "ALL"}


def _address(address: str) -> Mapping[str, Any]:
    if is_path(address):
        return {"pipe": {"path": address}}
    host, port = _split(address)
    return {"socket_address": {"address": host, "port_value": port}}


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
