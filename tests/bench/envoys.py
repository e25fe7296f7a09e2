"""Envoys of a few lines: what every other target is compared with, and what reading a body costs in any script."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelfleet.local.binary import find_envoy
from modelfleet.local.ports import reserve
from tests.bench.served import served
from tests.bench.traffic import Target

PLAIN = "plain Envoy"
READER = "Envoy, body read by Lua"
TYPE = "type.googleapis.com/envoy.extensions.filters"
LOOKS = """
function envoy_on_request(handle)
  local body = handle:body(true)
  local text = body:getBytes(0, body:length())
end
"""


@contextmanager
def plain(folder: Path, engine: str) -> Iterator[Target]:
    """One route that takes everything: the unit of every ratio."""
    with _envoy(PLAIN, folder, engine, []) as target:
        yield target


@contextmanager
def reader(folder: Path, engine: str) -> Iterator[Target]:
    """The floor of whoever looks at the body in a script: it reads all of it, and does nothing."""
    config = {"@type": f"{TYPE}.http.lua.v3.Lua", "default_source_code": {"inline_string": LOOKS}}
    with _envoy(READER, folder, engine, [{"name": "lua", "typed_config": config}]) as target:
        yield target


@contextmanager
def _envoy(name: str, folder: Path, engine: str, filters: list[dict[str, Any]]) -> Iterator[Target]:
    envoy = find_envoy(None)
    with reserve("127.0.0.1", 0) as reserved:
        config = folder / "envoy.json"
        config.write_text(json.dumps(_bootstrap(reserved.port, engine, filters)))
        command = [str(envoy.path), "--config-path", str(config), "--concurrency", "1"]
        command += ["--disable-hot-restart", "--log-level", "error"]
        with served(command, folder, reserved.port) as pid:
            yield Target(name, f"127.0.0.1:{reserved.port}", pid)


def _bootstrap(port: int, engine: str, filters: list[dict[str, Any]]) -> dict[str, Any]:
    router = {"name": "router", "typed_config": {"@type": f"{TYPE}.http.router.v3.Router"}}
    # Streams of any length, as everywhere else in this bench.
    route = {"match": {"prefix": "/"}, "route": {"cluster": "engine", "timeout": "0s"}}
    manager = {
        "@type": f"{TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*filters, router],
    }
    listener = {
        "name": "bench",
        "address": _address("127.0.0.1", port),
        "enable_reuse_port": True,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    host, _, at = engine.rpartition(":")
    endpoints = [{"endpoint": {"address": _address(host, int(at))}}]
    cluster = {
        "name": "engine",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "engine", "endpoints": [{"lb_endpoints": endpoints}]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
