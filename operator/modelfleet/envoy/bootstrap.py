"""What an Envoy is started with: who it is, and where everything else comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

XDS = "xds"
STATS = ("cluster_manager.", "control_plane.", "server.", "listener_manager.", "http.gateway.", "listener.")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """One Envoy and the control plane that it joins. An address is a path of a socket, or HOST:PORT."""

    gateway: str
    node: str
    xds: str
    admin: str


def render_bootstrap(bootstrap: Bootstrap) -> dict[str, Any]:
    """The bootstrap as Envoy reads it, in JSON."""
    source = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {"id": bootstrap.node, "cluster": bootstrap.gateway},
        "admin": {"address": _address(bootstrap.admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": XDS}}],
                "set_node_on_first_message_only": True,
            },
            "cds_config": source,
            "lds_config": source,
        },
        "static_resources": {"clusters": [_control_plane(bootstrap.xds)]},
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


def _control_plane(address: str) -> Mapping[str, Any]:
    http2 = {"connection_keepalive": {"interval": "30s", "timeout": "10s"}}
    return {
        "name": XDS,
        "type": "STATIC" if address.startswith("/") else "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": XDS,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(address)}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
    }


def _address(address: str) -> Mapping[str, Any]:
    if address.startswith("/"):
        return {"pipe": {"path": address}}
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
