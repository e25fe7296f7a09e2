"""The listener: what all policies of a gateway share. Nothing that a policy says changes it, since a change drains."""

from functools import cache
from typing import Any

from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.access_loggers.file.v3 import file_pb2 as _file
from envoy.extensions.compression.gzip.decompressor.v3 import gzip_pb2 as _gzip
from envoy.extensions.filters.http.decompressor.v3 import decompressor_pb2 as _decompressor
from envoy.extensions.filters.http.health_check.v3 import health_check_pb2 as _health
from envoy.extensions.filters.http.lua.v3 import lua_pb2 as _lua
from envoy.extensions.filters.http.router.v3 import router_pb2 as _router
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as _manager
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2 as _tls
from xds.type.v3 import typed_struct_pb2 as _struct

from modelfleet.envoy.attempt import attempt_filters, script
from modelfleet.envoy.callers import readiness, secured
from modelfleet.envoy.errors import local_replies
from modelfleet.envoy.names import NAMESPACE, SCOPE, TOLD
from modelfleet.envoy.record import access_logs
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.skipping import unless_answered_with
from modelfleet.envoy.typed import parse, struct_in_json
from modelfleet.envoy.types import PREFIX
from modelfleet.fleet.world import Gateway
from modelfleet.routing.stripped import NAMES, PREFIXES

# Imported for their descriptors: a message inside of a message is found by its name.
_NAMED = (_file, _gzip, _decompressor, _health, _lua, _router, _manager, _struct, _tls)

FILTERS = "envoy.extensions.filters"
FROM_ADS = {"ads": {}, "resource_api_version": "V3"}
MAX_HEADERS_KB = 64
MAX_RATIO = 1032
"""What gzip can pack at best. What comes out is held to the cap in any case."""


@cache
def render_listener(gateway: Gateway) -> XdsResource:
    """The listener of a gateway."""
    listener = {
        "name": gateway.name,
        "address": {"socket_address": {"address": gateway.address, "port_value": gateway.port}},
        # The script reads a body before there is a route, so the cap of all is the listener's.
        "per_connection_buffer_limit_bytes": gateway.buffer_bytes,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _http(gateway)}], **secured(gateway)}],
    }
    return resource_of(gateway.name, parse(listener, Listener()))


def _http(gateway: Gateway) -> dict[str, Any]:
    return {
        "@type": f"{PREFIX}{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "scoped_routes": {
            "name": "policies",
            "scope_key_builder": {"fragments": [{"header_value_extractor": {"name": SCOPE, "index": 0}}]},
            "rds_config_source": FROM_ADS,
            "scoped_rds": {"scoped_rds_config_source": FROM_ADS},
        },
        "early_header_mutation_extensions": [_strip()],
        "http_filters": [*readiness(gateway), *_chain()],
        "access_log": access_logs(gateway),
        "local_reply_config": local_replies(),
        "generate_request_id": True,
        "max_request_headers_kb": MAX_HEADERS_KB,
        # A stream that says nothing for long is a policy's business; one that nobody bounds still ends.
        "stream_idle_timeout": "3600s",
        "request_headers_timeout": "10s",
        # A body is held while it arrives, so who sends one may not take for ever.
        "request_timeout": "120s",
        "common_http_protocol_options": {"idle_timeout": "3600s", "headers_with_underscores_action": "ALLOW"},
        # An answer that broke off is seen to be so at once, and who reads slowly loses nothing of a whole one.
        "delayed_close_timeout": "0s",
        "normalize_path": True,
        "merge_slashes": True,
        # Else a path could step out of what a rule, or the address of a hosted model, holds it to.
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "http_protocol_options": {"accept_http_10": True},
        "server_header_transformation": "PASS_THROUGH",
    }


def _strip() -> dict[str, Any]:
    # Before anything looks at a request: what is taken off by a route is taken off too late.
    prefixes = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in PREFIXES]
    mutations = [*prefixes, *({"remove": name} for name in NAMES)]
    name = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {"name": "strip", "typed_config": struct_in_json(name, {"mutations": mutations})}


def _chain() -> list[dict[str, Any]]:
    gunzip = {
        "@type": f"{PREFIX}{FILTERS}.http.decompressor.v3.Decompressor",
        "decompressor_library": {
            "name": "gzip",
            "typed_config": {
                "@type": f"{PREFIX}envoy.extensions.compression.gzip.decompressor.v3.Gzip",
                "max_inflate_ratio": MAX_RATIO,
            },
        },
        "response_direction_config": {"common_config": {"enabled": {"default_value": False, "runtime_key": "none"}}},
    }
    return [
        {"name": "gunzip", "typed_config": gunzip},
        {"name": NAMESPACE, "config_discovery": _discovered()},
        unless_answered_with(*TOLD, script("tell")),
        {
            "name": "router",
            "typed_config": {
                "@type": f"{PREFIX}{FILTERS}.http.router.v3.Router",
                "suppress_envoy_headers": True,
                "upstream_http_filters": attempt_filters(),
            },
        },
    ]


def _discovered() -> dict[str, Any]:
    return {"config_source": FROM_ADS, "type_urls": [f"{PREFIX}{FILTERS}.http.lua.v3.Lua"]}
