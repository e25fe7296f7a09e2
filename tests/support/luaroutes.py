"""Where our scripts find a policy: the route tables that the operator renders, looked up as Envoy looks them up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelfleet.envoy.display import display_resource
from modelfleet.envoy.routes import render_catalogues, render_policy
from modelfleet.routing.plan import GatewayPlan
from tests.support.luavalues import to_lua

SCOPE, OURS = "x-modelfleet-scope", "modelfleet"


@dataclass
class Route:
    """One route of a table. `wants` are the values of headers, or None where any will do."""

    name: str = ""
    wants: Mapping[str, str | None] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    clusters: Sequence[str] = ()

    def takes(self, headers: Mapping[str, str]) -> bool:
        return all(name in headers and wanted in (None, headers[name]) for name, wanted in self.wants.items())


@dataclass
class Table:
    """A table of routes, and what its virtual host carries."""

    host: dict[str, Any] = field(default_factory=dict)
    routes: Sequence[Route] = (Route(),)

    def of(self, **host: Any) -> "Table":
        """The same table of another policy, or of another revision of it."""
        carried = {**self.host, **host}
        version = {"version": f"{carried['policy']} {carried['revision']}"}
        return Table(carried, [replace(route, metadata=version) for route in self.routes])


Tables = dict[str, Table]


def tables_of(plan: GatewayPlan) -> Tables:
    """The tables of a gateway, each under every scope that leads to it."""
    made = [display_resource(it) for it in render_catalogues(plan.policies)]
    made += [display_resource(it) for policy in plan.policies for it in render_policy(policy, plan.gateway)]
    tables = {it["name"]: _table(it["resource"]) for it in made if it["type"].endswith(".RouteConfiguration")}
    scopes = [it["resource"] for it in made if it["type"].endswith(".ScopedRouteConfiguration")]
    return {it["key"]["fragments"][0]["string_key"]: tables[it["route_configuration_name"]] for it in scopes}


def _table(shown: Any) -> Table:
    (host,) = shown["virtual_hosts"]
    return Table(_metadata(host), [_route(it) for it in host["routes"]])


def _metadata(shown: Any) -> dict[str, Any]:
    found: dict[str, Any] = shown.get("metadata", {}).get("filter_metadata", {}).get(OURS, {})
    return found


def _route(shown: Any) -> Route:
    wants = {it["name"]: it.get("string_match", {}).get("exact") for it in shown["match"].get("headers", [])}
    plugin = shown.get("route", {}).get("inline_cluster_specifier_plugin", {})
    groups = plugin.get("extension", {}).get("typed_config", {}).get("priority_groups", [])
    return Route(shown.get("name", ""), wants, _metadata(shown), clusters_of(groups))


def _sent(name: bytes, value: Any) -> Any:
    """As Envoy has it: a plan is a text there."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if name == b"plan" and value else value


def clusters_of(groups: Sequence[Any]) -> list[str]:
    """The clusters to which Envoy's attempts go by such groups, the first of all first."""
    return [group["clusters"][0]["cluster_name"] if "clusters" in group else group["name"] for group in groups]


class Looks:
    """The looks for a route of one request. A host is that of the last look, whatever has been cleared since."""

    def __init__(self, tables: Tables) -> None:
        self._tables, self._known = tables, False
        self.table: Table | None = None
        self.route: Route | None = None

    def clear(self) -> None:
        self._known = False

    def look(self, headers: Mapping[str, str]) -> Route | None:
        if not self._known:
            self._known = True
            self.table = self._tables.get(headers.get(SCOPE, ""))
            found = (it for it in (self.table.routes if self.table else ()) if it.takes(headers))
            self.route = next(found, None)
        return self.route

    def for_lua(self, lua: Any) -> Any:
        """What the handle of a script calls: each gives a function from a name to what is carried under it."""

        def carried(metadata: Mapping[str, Any]) -> Any:
            return lambda name: to_lua(lua, _sent(name, metadata.get(name.decode())))

        def look(pairs: Any) -> Any:
            headers = {
                pair[1].decode(errors="surrogateescape"): pair[2].decode(errors="replace") for pair in pairs.values()
            }
            route = self.look(headers)
            return carried(route.metadata if route else {})

        def host() -> Any:
            return carried(self.table.host if self.table else {})

        return lua.table_from({b"look": look, b"host": host, b"clear": self.clear})
