"""One route configuration for each policy, found by scopes: an edit sends that policy and nothing else."""

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, Route, RouteAction, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration

from modelfleet.envoy.names import ANY_HOST, NAMESPACE, OURS, SAID, SCOPE, STREAM, TARGET, UPSTREAM
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.typed import milliseconds, struct_of
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import PolicyPlan, StreamPlan

ATTEMPT = "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOST% %UPSTREAM_METADATA(modelfleet:hardware)%"
CREATED = 1_700_000_000
"""Clients expect a time; that of a name that may stand for many models is nobody's, so it is one for all."""


def render_policy(policy: PolicyPlan, gateway: Gateway) -> Iterator[XdsResource]:
    """The routes of a policy and the scopes that lead to them."""
    name = f"{policy.key.namespace}/{policy.key.name}"
    routes = RouteConfiguration(name=name)
    host = routes.virtual_hosts.add(name=name, domains=["*"])
    host.routes.append(_route(policy, gateway, policy.stream))
    host.routes.append(_route(policy, gateway, None))
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


def _route(policy: PolicyPlan, gateway: Gateway, stream: StreamPlan | None) -> Route:
    action = RouteAction(cluster_header=TARGET, timeout=milliseconds(0))
    action.auto_host_rewrite.value = True
    if stream:
        action.max_stream_duration.max_stream_duration.CopyFrom(milliseconds(stream.whole_ms))
        action.idle_timeout.CopyFrom(milliseconds(stream.gap_ms))
    route = Route(
        name="stream" if stream else "answer",
        route=action,
        request_headers_to_remove=[SCOPE, TARGET, STREAM],
        response_headers_to_add=[_header(UPSTREAM, ATTEMPT)],
        response_headers_to_remove=[*(OURS + name for name in SAID), SCOPE, TARGET, STREAM],
    )
    route.match.prefix = "/"
    if stream:
        route.match.headers.append(HeaderMatcher(name=STREAM, present_match=True))
    route.request_body_buffer_limit.value = gateway.buffer_bytes
    route.metadata.filter_metadata[NAMESPACE].CopyFrom(struct_of(_metadata(policy)))
    return route


def _metadata(policy: PolicyPlan) -> dict[str, object]:
    name = f"{policy.key.namespace}/{policy.key.name}"
    text = json.dumps(policy.numbers, sort_keys=True, separators=(",", ":"))
    revision = blake2b(text.encode(), digest_size=6).hexdigest()
    return {"policy": name, "revision": revision, "plan": policy.numbers}


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
