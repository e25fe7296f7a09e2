"""One route configuration for each policy, found by scopes: an edit sends that policy and nothing else."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from google.protobuf.wrappers_pb2 import UInt32Value

from modelfleet.envoy.names import (
    AGAIN,
    ANY_HOST,
    GATE,
    MOST_ATTEMPTS,
    NAMESPACE,
    STREAM,
    TARGET,
    WAY,
)
from modelfleet.envoy.newer import refresh_on_retry
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.typed import any_of, milliseconds, struct_of, typed_struct
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import PolicyPlan, way_to

PRIORITY_GROUP = "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"
LONGEST_HELD = 33 << 20
"""Bytes of an answer that waits in the gateway until it is whole; the script knows the same number, less some room."""
OTHER_REPLICAS = 16
"""How often a repeat looks for a replica that was not asked yet, before it takes one that was."""
CREATED = 1_700_000_000
"""Clients expect a time; that of a name that may stand for many models is nobody's, so it is one for all."""


def render_policy(policy: PolicyPlan, gateway: Gateway) -> Iterator[XdsResource]:
    """The routes of a policy and the scopes that lead to them."""
    name = f"{policy.key.namespace}/{policy.key.name}"
    routes = RouteConfiguration(name=name)
    host = routes.virtual_hosts.add(name=name, domains=["*"], retry_policy=_retries())
    metadata = _metadata(policy)
    host.metadata.filter_metadata[NAMESPACE].CopyFrom(struct_of(metadata))
    host.request_body_buffer_limit.value = max(gateway.buffer_bytes, LONGEST_HELD)
    for way in map(way_to, policy.targets):
        host.routes.append(_route(policy, way, stream=True))
        host.routes.append(_route(policy, way, stream=False))
    # By this one the script reads the plan, before it has chosen; nothing is sent by it.
    host.routes.append(Route(name="plan", match=RouteMatch(prefix="/"), route=RouteAction(cluster=GATE)))
    # By which the script knows the plan again: to ask the host for it takes two objects of Envoy's more.
    version = struct_of({"version": f"{metadata['policy']} {metadata['revision']}"})
    for route in host.routes:
        route.metadata.filter_metadata[NAMESPACE].CopyFrom(version)
    yield resource_of(name, routes, [policy.key])
    # A scope that nobody can ask for, as it has no host: by it Envoy has the routes before a name moves to them.
    yield _scope(f"/{name}", name, [policy.key])
    for wanted, model in policy.claims:
        yield _scope(f"{wanted or ANY_HOST}|{model}", name, [policy.key])


def render_catalogues(policies: Iterable[PolicyPlan]) -> Iterator[XdsResource]:
    """GET /v1/models: for each host the names that are served on it, those of its own and those of every host."""
    names: dict[str, dict[str, Key]] = {ANY_HOST: {}}
    for policy in policies:
        for host, model in policy.claims:
            names.setdefault(host or ANY_HOST, {})[model] = policy.key
    for host, own in sorted(names.items()):
        models = {**names[ANY_HOST], **own}
        name = f"/v1/models/{host}"  # no namespace is empty, so no policy has such a name
        yield resource_of(name, _catalogue(name, models), [])
        yield _scope(f"{host}|", name, [])


def _scope(key: str, routes: str, owners: Iterable[Key]) -> XdsResource:
    scope = ScopedRouteConfiguration(name=key, route_configuration_name=routes)
    scope.key.fragments.add(string_key=key)
    return resource_of(key, scope, owners)


def _route(policy: PolicyPlan, way: str, *, stream: bool) -> Route:
    route = Route(name="stream" if stream else "answer", route=_action(policy, way, stream=stream))
    route.match.prefix = "/"
    route.match.headers.add(name=TARGET).string_match.exact = way
    if stream:
        route.match.headers.append(HeaderMatcher(name=STREAM, present_match=True))
    return route


def _action(policy: PolicyPlan, first: str, *, stream: bool) -> RouteAction:
    action = RouteAction(timeout=milliseconds(0))
    action.auto_host_rewrite.value = True
    # The first try goes where the route leads. Where a later one goes stands in the request's own notes, which cost
    # Envoy so much to read that no request should need them that is answered at once.
    groups = [
        {"name": name, "clusters": [{"cluster_name": cluster, "weight": 1}]}
        for name, cluster in (("first", first), (GATE, GATE))
    ]
    way = {"override_metadata_namespace": WAY, "priority_groups": groups}
    extension = action.inline_cluster_specifier_plugin.extension
    extension.name = "way"
    extension.typed_config.CopyFrom(typed_struct(PRIORITY_GROUP, way))
    if stream:
        action.max_stream_duration.max_stream_duration.CopyFrom(milliseconds(policy.stream_ms))
    return action


@cache
def _retries() -> RetryPolicy:
    """Every try that fails is followed by the gate, where the script decides whether there is another."""
    policy = RetryPolicy(
        retry_on="reset,connect-failure,retriable-headers",
        num_retries=UInt32Value(value=MOST_ATTEMPTS),
        retriable_headers=[HeaderMatcher(name=AGAIN, present_match=True)],
        host_selection_retry_max_attempts=OTHER_REPLICAS,
    )
    # A fall is to another model, which has nothing to recover from; the least that Envoy takes is a millisecond.
    policy.retry_back_off.base_interval.CopyFrom(milliseconds(1))
    policy.retry_back_off.max_interval.CopyFrom(milliseconds(1))
    predicate = policy.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    predicate.typed_config.CopyFrom(any_of(PreviousHostsPredicate()))
    refresh_on_retry(policy)
    return policy


def revision_of(policy: PolicyPlan) -> str:
    """What tells one version of a policy's plan from another: it stands in each decision record, and in the status."""
    return blake2b(_plan(policy).encode(), digest_size=6).hexdigest()


def _metadata(policy: PolicyPlan) -> dict[str, object]:
    name = f"{policy.key.namespace}/{policy.key.name}"
    return {"policy": name, "revision": revision_of(policy), "plan": _plan(policy)}


def _plan(policy: PolicyPlan) -> str:
    # As a text, since Envoy copies all of it for each request, and a worker reads it once in each revision.
    return json.dumps(policy.numbers, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _header(name: str, value: str) -> HeaderValueOption:
    action = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action)


def _catalogue(name: str, models: dict[str, Key]) -> RouteConfiguration:
    data = [
        {"id": model, "object": "model", "created": CREATED, "owned_by": key.namespace}
        for model, key in sorted(models.items())
    ]
    body = json.dumps({"object": "list", "data": data}, separators=(",", ":")) + "\n"
    routes = RouteConfiguration(name=name)
    routes.max_direct_response_body_size_bytes.value = max(len(body), 4096)
    host = VirtualHost(name=name, domains=["*"])
    route = host.routes.add(name="models")
    route.match.prefix = "/"
    route.direct_response.status = 200
    route.direct_response.body.inline_string = body
    route.response_headers_to_add.append(_header("content-type", "application/json"))
    route.metadata.filter_metadata[NAMESPACE].CopyFrom(struct_of({"catalogue": True}))
    routes.virtual_hosts.append(host)
    return routes
