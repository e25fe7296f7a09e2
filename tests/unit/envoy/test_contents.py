"""What resources need of each other and what is wrong inside them, as a check of a whole snapshot tells it."""

import importlib
import pkgutil
from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2, extension_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.filters.http.credential_injector.v3 import credential_injector_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.http.injected_credentials.generic.v3 import generic_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from xds.type.v3 import typed_struct_pb2

from modelfleet.envoy import contents, newer
from modelfleet.envoy.check import without_defective
from modelfleet.envoy.contents import MAX_ROUTES
from modelfleet.envoy.typed import any_of
from modelfleet.envoy.types import CLUSTER
from modelfleet.envoy.walk import known_type
from tests.unit.envoy.snapshots import (
    HCM,
    RouteAction,
    aggregate,
    cluster,
    listener,
    planned,
    resources,
    route,
    scope,
    secret,
    table,
    told,
)

MIRROR = RouteAction.RequestMirrorPolicy(cluster="d")
WEIGHTED = route_components_pb2.WeightedCluster(clusters=[{"name": "c"}, {"name": "d"}])


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        (route(cluster="d"), "route.cluster"),
        (route(cluster="c", request_mirror_policies=[MIRROR]), "route.request_mirror_policies[0].cluster"),
        (route(weighted_clusters=WEIGHTED), "route.weighted_clusters.clusters[1].name"),
        (planned({"cluster": "d"}), "metadata.filter_metadata[modelfleet].plan.cluster"),
        (planned({"t": [{}, {"x": {"cluster": "d"}}]}), "metadata.filter_metadata[modelfleet].plan.t[1].x.cluster"),
    ],
)
def test_a_route_needs_its_clusters_wherever_it_names_them(bad: Any, path: str) -> None:
    place = f"virtual_hosts[0].routes[0].{path}"
    assert told(cluster(), table(bad)) == [f'RouteConfiguration "r": {place}: there is no Cluster "d"']
    assert told(cluster(), cluster("d"), table(bad)) == []


def test_what_is_no_name_is_no_cluster_of_a_plan() -> None:
    assert "plan.cluster: must be the name of a cluster" in told(cluster(), table(planned({"cluster": 3})))[0]


def test_only_our_plan_is_read() -> None:
    made = route()
    made.metadata.filter_metadata["other"].update({"plan": {"cluster": "d"}})
    made.metadata.filter_metadata["modelfleet"].update({"other": {"cluster": "d"}})
    assert told(cluster(), table(made)) == []


def test_clusters_of_the_bootstrap_are_there() -> None:
    made = resources(table(route(cluster="own")))
    assert without_defective(made, bootstrap_clusters=["own"]) == (tuple(made), ())


def composite(of: str, clusters: Any) -> Any:
    struct = typed_struct_pb2.TypedStruct(
        type_url=f"type.googleapis.com/envoy.extensions.clusters.{of}.v3.ClusterConfig"
    )
    struct.value.update({"clusters": clusters})
    made = cluster("all")
    made.cluster_type.name = "x"
    made.cluster_type.typed_config.Pack(struct)
    return made


@pytest.mark.parametrize(
    "made",
    [
        aggregate("c", "d"),
        composite("aggregate", ["c", "d"]),
        composite("composite", [{"name": "c"}, {"name": "d"}]),
    ],
)
def test_a_cluster_of_clusters_needs_all_of_them(made: Any) -> None:
    place = "cluster_type.typed_config.clusters[1]"
    assert told(cluster(), made) == [f'Cluster "all": {place}: there is no Cluster "d"']
    assert told(cluster(), cluster("d"), made) == []


def grouped(groups: Any) -> Any:
    """A route whose clusters stand in groups, by a message that the published protos lack."""
    name = "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"
    struct = typed_struct_pb2.TypedStruct(type_url=f"type.googleapis.com/{name}")
    struct.value.update({"priority_groups": groups})
    made = route_components_pb2.Route(match=route_components_pb2.RouteMatch(prefix="/"))
    extension = made.route.inline_cluster_specifier_plugin.extension
    extension.name = "way"
    extension.typed_config.Pack(struct)
    return made


def in_group(*names: str) -> dict[str, Any]:
    return {"name": "g", "clusters": [{"cluster_name": name, "weight": 1} for name in names]}


def test_a_route_needs_the_clusters_of_each_of_its_groups() -> None:
    made = grouped([in_group("c"), in_group("c", "d")])
    place = (
        "virtual_hosts[0].routes[0].route.inline_cluster_specifier_plugin.extension.typed_config"
        ".priority_groups[1].clusters[1]"
    )
    assert told(cluster(), table(made)) == [f'RouteConfiguration "r": {place}: there is no Cluster "d"']
    assert told(cluster(), cluster("d"), table(made)) == []


@pytest.mark.parametrize("groups", [[], [{}], [{"name": "g"}], [{"name": "g", "clusters": []}]])
def test_a_group_without_clusters_needs_none(groups: Any) -> None:
    assert told(table(grouped(groups))) == []


def test_a_cluster_without_a_name_is_one_that_nobody_has() -> None:
    (text,) = told(cluster(), table(grouped([{"name": "g", "clusters": [{}]}])))
    assert text.endswith('priority_groups[0].clusters[0]: there is no Cluster ""')


def of_ours(*names: str) -> Any:
    made = cluster("all")
    made.cluster_type.name = "x"
    made.cluster_type.typed_config.CopyFrom(any_of(newer.composite(list(names))))
    return made


def test_a_way_needs_its_replicas_once_however_often_it_names_them_and_the_gate() -> None:
    made = of_ours(*["c"] * 25, "d", "c")
    place = 'Cluster "all": cluster_type.typed_config'
    assert told(made) == [
        f'{place}.clusters[0]: there is no Cluster "c"',
        f'{place}.clusters[25]: there is no Cluster "d"',
    ]
    assert told(made, cluster()) == [f'{place}.clusters[25]: there is no Cluster "d"']
    assert told(made, cluster(), cluster("d")) == []


def with_tls() -> Any:
    context = tls_pb2.UpstreamTlsContext()
    context.common_tls_context.validation_context_sds_secret_config.name = "ca"
    context.common_tls_context.validation_context_sds_secret_config.sds_config.ads.SetInParent()
    made = cluster()
    made.transport_socket.name = "tls"
    made.transport_socket.typed_config.Pack(context)
    return made


def with_credential(source: str = "ads") -> Any:
    credential = generic_pb2.Generic()
    credential.credential.name = "ca"
    if source == "ads":
        credential.credential.sds_config.ads.SetInParent()
    else:
        credential.credential.sds_config.path_config_source.path = "/x"
    injector = credential_injector_pb2.CredentialInjector()
    injector.credential.name = "x"
    injector.credential.typed_config.Pack(credential)
    options = http_protocol_options_pb2.HttpProtocolOptions()
    options.explicit_http_config.http_protocol_options.SetInParent()
    options.http_filters.add(name="inject").typed_config.Pack(injector)
    made = cluster()
    made.typed_extension_protocol_options["http"].Pack(options)
    return made


@pytest.mark.parametrize("made", [with_tls(), with_credential()])
def test_a_cluster_needs_its_secrets(made: Any) -> None:
    (text,) = told(made)
    assert text.endswith('there is no Secret "ca"')
    assert told(made, secret()) == []


def test_secrets_in_a_file_are_not_asked_for() -> None:
    assert told(with_credential("file")) == []


def test_a_listener_needs_its_discovered_filters_and_its_routes() -> None:
    manager = HCM()
    found = manager.http_filters.add(name="keys").config_discovery
    found.config_source.ads.SetInParent()
    found.type_urls.append("type.googleapis.com/x.Y")
    manager.rds.route_config_name = "r"
    manager.rds.config_source.ads.SetInParent()
    assert [text.split(": ")[2] for text in told(listener(manager))] == [
        'there is no RouteConfiguration "r"',
        'there is no TypedExtensionConfig "keys"',
    ]
    config = extension_pb2.TypedExtensionConfig(name="keys")
    config.typed_config.Pack(header_mutation_pb2.HeaderMutation())
    assert told(listener(manager), config, cluster(), table(route())) == []


def test_a_route_that_another_hides_is_told() -> None:
    (text,) = told(cluster(), table(route("/a"), route("/b"), route("/a")))
    assert text.endswith("virtual_hosts[0].routes[2].match: is that of routes[0], which takes every request before it")


def test_conditions_in_another_order_are_the_same_match() -> None:
    one, other = route(), route()
    for made, names in ((one, "ab"), (other, "ba")):
        for name in names:
            made.match.headers.add(name=name, present_match=True)
    assert len(told(cluster(), table(one, other))) == 1
    other.match.headers[0].invert_match = True
    assert told(cluster(), table(one, other)) == []


def test_matches_of_two_hosts_hide_nothing() -> None:
    made = table(route(), domains=["a"])
    made.virtual_hosts.add(name="w", domains=["b"]).routes.append(route())
    assert told(cluster(), made) == []


@pytest.mark.parametrize("domains", [("a.b", "A.B"), ("*", "*")])
def test_a_domain_is_there_once_whatever_its_letters(domains: tuple[str, str]) -> None:
    for made in (table(route(), domains=domains), table(route(), domains=domains[:1])):
        if len(made.virtual_hosts[0].domains) == 1:
            made.virtual_hosts.add(name="w", domains=domains[1:])
        (text,) = told(cluster(), made)
        assert text.endswith("is a domain of this table already")


@pytest.mark.parametrize("domain", ["ä.b", "a b"])
def test_a_domain_is_printable_ascii(domain: str) -> None:
    (text,) = told(cluster(), table(route(), domains=[domain]))
    assert "domains[0]: must be printable ASCII without spaces" in text


def test_names_inside_a_table_are_printable_ascii() -> None:
    made = table(route())
    made.virtual_hosts[0].name = "ä"
    made.virtual_hosts[0].routes[0].name = "b\n"
    assert [text.split('"r": ')[1] for text in told(cluster(), made)] == [
        "virtual_hosts[0].name: must be printable ASCII",
        "virtual_hosts[0].routes[0].name: must be printable ASCII",
    ]


def header_cases() -> list[Any]:
    added, matched, removed, hashed = route(), route(), route(), route()
    added.request_headers_to_add.append(base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key="a b", value="c")))
    matched.match.headers.add(name="a b", present_match=True)
    removed.response_headers_to_remove.extend(["a", "a b"])
    hashed.route.hash_policy.add().header.header_name = "a:b"
    mutation = header_mutation_pb2.HeaderMutationPerRoute()
    mutation.mutations.request_mutations.add().append.header.key = "ä"
    mutated = route()
    mutated.typed_per_filter_config["m"].Pack(mutation)
    return [added, matched, removed, hashed, mutated, route(cluster_header="a b")]


@pytest.mark.parametrize("made", header_cases())
def test_a_header_has_a_name_that_a_request_can_have(made: Any) -> None:
    (text,) = told(cluster(), table(made))
    assert text.endswith("is no name that a header can have")


def test_pseudo_headers_have_names() -> None:
    made = route()
    made.match.headers.add(name=":path", present_match=True)
    assert told(cluster(), table(made)) == []


def test_a_table_has_at_most_a_thousand_routes() -> None:
    routes = [route(f"/{index}") for index in range(MAX_ROUTES + 1)]
    assert told(cluster(), table(*routes[:-1])) == []
    (text,) = told(cluster(), table(*routes))
    assert text == 'RouteConfiguration "r": has 1001 routes, and 1000 are the most'


def test_a_route_to_a_plugin_needs_the_plugin() -> None:
    made = table(route(cluster_specifier_plugin="p"))
    (text,) = told(made)
    assert text.endswith("is the name of no plugin of this table")
    plugin = made.cluster_specifier_plugins.add()
    plugin.extension.name = "p"
    plugin.extension.typed_config.Pack(header_mutation_pb2.HeaderMutation())
    assert told(made) == []


def test_a_scope_may_bring_its_routes_with_it() -> None:
    made = scope(routes="")
    made.route_configuration.CopyFrom(table(route()))
    assert told(cluster(), made) == []


NAMES_CLUSTERS = (
    "envoy.config.core.v3.ApiConfigSource.cluster_names",
    "envoy.config.core.v3.GrpcService.EnvoyGrpc.cluster_name",
    "envoy.config.core.v3.HttpUri.cluster",
    "envoy.config.route.v3.RouteAction.RequestMirrorPolicy.cluster",
    "envoy.config.route.v3.RouteAction.cluster",
    "envoy.config.route.v3.WeightedCluster.ClusterWeight.name",
    "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig.cluster",
    "envoy.extensions.clusters.aggregate.v3.ClusterConfig.clusters",
    "envoy.extensions.filters.http.gcp_authn.v3.GcpAuthnFilterConfig.cluster",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight.name",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.cluster",
    "envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig.default_cluster",
    "envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction.cluster",
)


@pytest.mark.parametrize("field", NAMES_CLUSTERS)
def test_a_cluster_is_needed_wherever_one_is_named(field: str) -> None:
    of, _, name = field.rpartition(".")
    package = importlib.import_module(of.partition(".v3.")[0] + ".v3")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    message_class = known_type(of)
    assert message_class is not None
    made: Any = message_class()
    if message_class.DESCRIPTOR.fields_by_name[name].is_repeated:
        getattr(made, name).append("x")
        name += "[0]"
    else:
        setattr(made, name, "x")
    assert contents.contents(made) == [(name, contents.Need(CLUSTER, "x"))]


@pytest.mark.parametrize(
    "made",
    [table(route()), table(planned({})), table(grouped([{}])), of_ours("c"), composite("composite", []), cluster()],
)
def test_a_look_changes_nothing(made: Any) -> None:
    before = made.SerializeToString(deterministic=True)
    contents.contents(made)
    assert made.SerializeToString(deterministic=True) == before
