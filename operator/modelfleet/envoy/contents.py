"""What a resource says that its proto has no rule for: the resources it needs, and what Envoy takes though it is wrong.

Envoy acknowledges a route to a cluster that does not exist, a match that another hides and a header that no request can
have, and then answers 404 or 503. Who asks here hears of it before.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from validate import validate_pb2 as pgv

from modelfleet.envoy.types import CLUSTER, ENDPOINTS, EXTENSION, ROUTES, SECRET
from modelfleet.envoy.walk import Fields, Look, Walk

MAX_ROUTES = 1000
"""In one route configuration. Envoy tries routes one after the other, and one changed route sends all of them again."""

PLAN = ("modelfleet", "plan")
"""The metadata of a route under which our script finds the clusters that it may send a request to."""

_HEADER_NAME = re.compile(r":?[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_PRINTABLE = re.compile(r"[ -~]*")
_FILES = ("path", "path_config_source")
_COMPOSITE = "envoy.extensions.clusters.composite.v3.ClusterConfig"
_PRIORITY_GROUP = "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"
_AGGREGATE = "envoy.extensions.clusters.aggregate.v3.ClusterConfig"


class Need(NamedTuple):
    """The name of another resource, without which the one that says it does not work."""

    type_url: str
    name: str


Said = tuple[str, Need | str]
"""A place, and what is needed or wrong there."""


def contents(message: Message) -> list[Said]:
    """All that the message and what is packed in it needs of others, and what is wrong in it, in its own order."""
    return _WALK.over(message)


def is_printable(text: str) -> bool:
    """Whether the text is ASCII without control characters, as logs and Envoy's admin pages want names."""
    return _PRINTABLE.fullmatch(text) is not None


def _look_of(descriptor: Descriptor) -> Look[Need | str] | None:
    looks = list(_looks_of(descriptor))
    if len(looks) < 2:  # noqa: PLR2004 - one look needs nobody who joins several
        return looks[0] if looks else None
    return lambda message, fields: [said for look in looks for said in look(message, fields)]


def _looks_of(descriptor: Descriptor) -> Iterator[Look[Need | str]]:
    if descriptor.full_name in _LOOKS:
        yield _LOOKS[descriptor.full_name]
    if descriptor.full_name in _CLUSTER_FIELDS:
        yield _clusters_of(descriptor, _CLUSTER_FIELDS[descriptor.full_name])
    if all(name in descriptor.fields_by_name for name in ("config_discovery", "name")):
        yield _discovered
    names = {field.number: field.name for field in descriptor.fields if _is_header_name(field.GetOptions())}
    if names:
        yield _headers_of(names)


def _is_header_name(options: Any) -> bool:
    rules = options.Extensions[pgv.rules]
    return pgv.KnownRegex.HTTP_HEADER_NAME in (
        rules.string.well_known_regex,
        rules.repeated.items.string.well_known_regex,
    )


def _headers_of(names: dict[int, str]) -> Look[Need | str]:
    def look(_: Message, fields: Fields) -> Iterable[Said]:
        said: list[Said] = []
        for number, name in names.items():
            value = fields.get(number, ())
            texts = [value] if isinstance(value, str) else value
            if not all(map(_HEADER_NAME.fullmatch, texts)):
                said.append((name, "is no name that a header can have"))
        return said

    return look


def _clusters_of(descriptor: Descriptor, name: str) -> Look[Need | str]:
    number = descriptor.fields_by_name[name].number

    def look(_: Message, fields: Fields) -> Iterable[Said]:
        value = fields.get(number)
        if not value:
            return ()
        if isinstance(value, str):
            return ((name, Need(CLUSTER, value)),)
        return [(f"{name}[{index}]", Need(CLUSTER, cluster)) for index, cluster in enumerate(value)]

    return look


_STRUCTS = {
    _COMPOSITE: ("clusters", "name"),
    _AGGREGATE: ("clusters",),
    _PRIORITY_GROUP: ("priority_groups", "clusters", "cluster_name"),
}
"""Where messages that are told by their fields' names name clusters: lists, and what to look at in each item."""

_CLUSTER_FIELDS = {
    "envoy.config.core.v3.ApiConfigSource": "cluster_names",
    "envoy.config.core.v3.GrpcService.EnvoyGrpc": "cluster_name",
    "envoy.config.core.v3.HttpUri": "cluster",
    "envoy.config.route.v3.RouteAction": "cluster",
    "envoy.config.route.v3.RouteAction.RequestMirrorPolicy": "cluster",
    "envoy.config.route.v3.WeightedCluster.ClusterWeight": "name",
    "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig": "cluster",
    "envoy.extensions.filters.http.gcp_authn.v3.GcpAuthnFilterConfig": "cluster",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy": "cluster",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight": "name",
    "envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig": "default_cluster",
    "envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction": "cluster",
    _AGGREGATE: "clusters",
}
"""Where Envoy's configuration names clusters, by message."""


def _comes_from_us(source: Any) -> bool:
    """Whether what is named comes over xDS. A file on the gateway's disk is not ours to look into."""
    return source.WhichOneof("config_source_specifier") not in _FILES


def _discovered(message: Any, _: Fields) -> Iterable[Said]:
    if message.HasField("config_discovery") and _comes_from_us(message.config_discovery.config_source):
        yield "config_discovery", Need(EXTENSION, message.name)


def _cluster(message: Any, _: Fields) -> Iterable[Said]:
    is_eds = message.WhichOneof("cluster_discovery_type") == "type" and message.type == message.EDS
    if is_eds and _comes_from_us(message.eds_cluster_config.eds_config):
        yield "eds_cluster_config", Need(ENDPOINTS, message.eds_cluster_config.service_name or message.name)


def _composite(message: Any, _: Fields) -> Iterable[Said]:
    seen = set[str]()
    for index, entry in enumerate(message.clusters):
        # Ours names one cluster for every attempt that there may be.
        if entry.name not in seen:
            seen.add(entry.name)
            yield f"clusters[{index}]", Need(CLUSTER, entry.name)


def _typed_struct(message: Any, _: Fields) -> Iterable[Said]:
    """Messages that our protos lack, and others that somebody wrote this way."""
    name = message.type_url.rpartition("/")[2]
    named = _STRUCTS.get(name)
    if named:
        for path, value in _below(message.value, named):
            yield path, Need(CLUSTER, value.string_value)


def _below(struct: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """What stands in a list of structs, at the path, which names a list with each step but the last."""
    first, *rest = path
    entry = struct.fields.get(first)
    for index, value in enumerate(entry.list_value.values if entry else ()):
        place = f"{first}[{index}]"
        if len(rest) > 1:
            yield from ((f"{place}.{below}", found) for below, found in _below(value.struct_value, tuple(rest)))
        else:
            found = value.struct_value.fields.get(rest[0]) if rest else value
            yield place, found if found is not None else Value()


def _rds(message: Any, _: Fields) -> Iterable[Said]:
    if _comes_from_us(message.config_source):
        yield "route_config_name", Need(ROUTES, message.route_config_name)


def _scope(message: Any, _: Fields) -> Iterable[Said]:
    if message.route_configuration_name:
        yield "route_configuration_name", Need(ROUTES, message.route_configuration_name)


def _sds(message: Any, _: Fields) -> Iterable[Said]:
    if _comes_from_us(message.sds_config):
        yield "name", Need(SECRET, message.name)


def _route(message: Any, _: Fields) -> Iterable[Said]:
    if not is_printable(message.name):
        yield "name", "must be printable ASCII"
    namespace, key = PLAN
    # A look into a map of upb's makes what it does not find, so it is asked first.
    if namespace in message.metadata.filter_metadata:
        fields = message.metadata.filter_metadata[namespace].fields
        if key in fields:
            yield from _planned(fields[key], f"metadata.filter_metadata[{namespace}].{key}")


def _planned(value: Any, path: str) -> Iterator[Said]:
    """The clusters of a plan: what stands under the key `cluster`, at any depth."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        for index, item in enumerate(value.list_value.values):
            yield from _planned(item, f"{path}[{index}]")
    elif kind == "struct_value":
        for key, item in sorted(value.struct_value.fields.items()):
            if key != "cluster":
                yield from _planned(item, f"{path}.{key}")
            elif item.WhichOneof("kind") == "string_value":
                yield f"{path}.{key}", Need(CLUSTER, item.string_value)
            else:
                yield f"{path}.{key}", "must be the name of a cluster"


def _route_table(message: Any, _: Fields) -> Iterable[Said]:
    count = sum(len(host.routes) for host in message.virtual_hosts)
    if count > MAX_ROUTES:
        yield "", f"has {count} routes, and {MAX_ROUTES} are the most"
    plugins = {plugin.extension.name for plugin in message.cluster_specifier_plugins}
    domains: set[str] = set()
    for index, host in enumerate(message.virtual_hosts):
        place = f"virtual_hosts[{index}]"
        yield from _domains(host, place, domains)
        for at, route in enumerate(host.routes):
            plugin = route.route.cluster_specifier_plugin
            if plugin and plugin not in plugins:
                yield f"{place}.routes[{at}].route.cluster_specifier_plugin", "is the name of no plugin of this table"


def _domains(host: Any, place: str, taken: set[str]) -> Iterator[Said]:
    for at, domain in enumerate(host.domains):
        path = f"{place}.domains[{at}]"
        # As Envoy compares them, which refuses the whole table.
        if domain.lower() in taken:
            yield path, "is a domain of this table already"
        taken.add(domain.lower())
        if not is_printable(domain) or " " in domain:
            yield path, "must be printable ASCII without spaces"


def _virtual_host(message: Any, _: Fields) -> Iterable[Said]:
    if not is_printable(message.name):
        yield "name", "must be printable ASCII"
    first: dict[bytes, int] = {}
    for index, route in enumerate(message.routes):
        before = first.setdefault(_identity(route.match), index)
        if before != index:
            yield f"routes[{index}].match", f"is that of routes[{before}], which takes every request before it"


def _identity(match: Any) -> bytes:
    """The match as bytes, the same for conditions in another order, which all have to hold anyway."""
    if len(match.headers) > 1 or len(match.query_parameters) > 1:
        ordered = type(match)()
        ordered.CopyFrom(match)
        for conditions in (ordered.headers, ordered.query_parameters):
            conditions.sort(key=lambda condition: condition.SerializeToString(deterministic=True))
        match = ordered
    return bytes(match.SerializeToString(deterministic=True))


_LOOKS: dict[str, Callable[[Any, Fields], Iterable[Said]]] = {
    "envoy.config.cluster.v3.Cluster": _cluster,
    "envoy.config.route.v3.Route": _route,
    "envoy.config.route.v3.RouteConfiguration": _route_table,
    "envoy.config.route.v3.ScopedRouteConfiguration": _scope,
    "envoy.config.route.v3.VirtualHost": _virtual_host,
    "envoy.extensions.filters.network.http_connection_manager.v3.Rds": _rds,
    "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig": _sds,
    "udpa.type.v1.TypedStruct": _typed_struct,
    "xds.type.v3.TypedStruct": _typed_struct,
    _COMPOSITE: _composite,
}

_WALK: Walk[Need | str] = Walk(_look_of)
