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
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.plan import GatewayPlan, PolicyPlan, TargetPlan


def render_gateway(plan: GatewayPlan, world: World, recall: Recall | None = None) -> list[XdsResource]:
    """Everything that this gateway is sent, by type and name."""
    recall = recall or Recall()
    resources = [*_common(plan), *_targets(plan, world, recall)]
    for policy in plan.policies:
        resources += recall.of(("policy", plan.gateway.name, policy.key), _policy, policy, plan.gateway)
    return sorted(resources, key=lambda resource: (resource.type_url, resource.name))


def _common(plan: GatewayPlan) -> Iterator[XdsResource]:
    hosts: dict[str, list[str]] = {}
    for host, model in sorted(claim for policy in plan.policies for claim in policy.claims if claim[0]):
        hosts.setdefault(host, []).append(model)
    yield render_listener(plan.gateway)
    yield render_gate()
    yield render_script(plan.gateway, hosts)
    yield from render_catalogues(plan.policies)


def _policy(policy: PolicyPlan, gateway: Gateway) -> tuple[XdsResource, ...]:
    return tuple(render_policy(policy, gateway))


def _target(target: TargetPlan, gateway: Gateway, owners: frozenset[Key]) -> tuple[XdsResource, ...]:
    return render_cluster(target, gateway, owners), render_way(target, owners)


def _targets(plan: GatewayPlan, world: World, recall: Recall) -> Iterator[XdsResource]:
    users = _users(plan)
    own, secrets = set[Key](), set[tuple[Key, str]]()
    for target in plan.targets:
        owners = users[target.name] | {target.model}
        yield from recall.of(("target", plan.gateway.name, target.name), _target, target, plan.gateway, owners)
        if target.host is None and target.model not in own:
            own.add(target.model)
            endpoints = world.endpoints.get(target.model, ()) if target.declared else ()
            yield recall.of(("endpoints", plan.gateway.name, target.model), render_endpoints, target.model, endpoints)
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
