"""A gateway's plan in Envoy's words: every resource that it is sent, sorted."""

from collections.abc import Iterator

from modelfleet.envoy.clusters import render_cluster
from modelfleet.envoy.endpoints import render_endpoints
from modelfleet.envoy.listener import render_listener
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.routes import render_catalogues, render_policy
from modelfleet.envoy.script import render_script
from modelfleet.envoy.secrets import render_secret
from modelfleet.envoy.ways import render_gate, render_way
from modelfleet.findings import Key
from modelfleet.fleet.world import World
from modelfleet.routing.plan import GatewayPlan, TargetPlan


def render_gateway(plan: GatewayPlan, world: World) -> list[XdsResource]:
    """Everything that this gateway is sent, by type and name."""
    resources = [*_common(plan), *_targets(plan, world)]
    for policy in plan.policies:
        resources += render_policy(policy, plan.gateway)
    return sorted(resources, key=lambda resource: (resource.type_url, resource.name))


def _common(plan: GatewayPlan) -> Iterator[XdsResource]:
    hosts = {host for policy in plan.policies for host, _ in policy.claims if host}
    yield render_listener(plan.gateway)
    yield render_gate()
    yield render_script(plan.gateway, sorted(hosts))
    yield from render_catalogues(plan.policies)


def _targets(plan: GatewayPlan, world: World) -> Iterator[XdsResource]:
    users = _users(plan)
    own, secrets = set[Key](), set[tuple[Key, str]]()
    for target in plan.targets:
        owners = users[target.name] | {target.model}
        yield render_cluster(target, plan.gateway, owners)
        yield render_way(target, owners)
        if target.host is None and target.model not in own:
            own.add(target.model)
            yield render_endpoints(target.model, world.endpoints.get(target.model, ()))
        yield from _secret(target, world, secrets)


def _secret(target: TargetPlan, world: World, seen: set[tuple[Key, str]]) -> Iterator[XdsResource]:
    reference = target.host.secret if target.host else None
    if reference and reference not in seen:
        seen.add(reference)
        secret = render_secret(*reference, world, target.model)
        if secret:
            yield secret


def _users(plan: GatewayPlan) -> dict[str, frozenset[Key]]:
    users: dict[str, set[Key]] = {}
    for policy in plan.policies:
        for target in policy.targets:
            users.setdefault(target, set()).add(policy.key)
    return {target: frozenset(keys) for target, keys in users.items()}
