"""The only place that knows in which order a fleet is looked at, and what becomes of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from modelfleet.api.resource import Resource
from modelfleet.envoy.check import Defect, Seen, without_defective
from modelfleet.envoy.gateway import render_gateway
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.routes import revision_of
from modelfleet.findings import Finding, Key, Reason, keeps_out
from modelfleet.fleet.inforce import InForce, Version
from modelfleet.fleet.readable import check_readable, keyless
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.references import check_references
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import World
from modelfleet.placement.fit import check_fit
from modelfleet.placement.overlap import check_overlap
from modelfleet.placement.plan import plan_placement
from modelfleet.placement.result import FleetPlacement
from modelfleet.placement.suits import check_suits
from modelfleet.routing.claims import check_claims
from modelfleet.routing.facts import check_facts
from modelfleet.routing.gateways import plan_gateways
from modelfleet.routing.isolation import check_isolation
from modelfleet.routing.looks import check_looks
from modelfleet.routing.nearby import check_nearby, nearby
from modelfleet.routing.plan import GatewayPlan
from modelfleet.routing.reach import check_reach
from modelfleet.routing.shadow import check_shadows
from modelfleet.routing.size import check_size
from modelfleet.routing.times import check_times
from modelfleet.routing.transport import check_transport
from modelfleet.routing.unseen import check_unseen
from modelfleet.routing.unsupported import check_support
from modelfleet.workloads.check import check_children
from modelfleet.workloads.options import Options
from modelfleet.workloads.recipe import Recipe, recipe_of

ALONE: tuple[Callable[[FleetSnapshot], Iterable[Finding]], ...] = (
    check_references,
    check_fit,
    check_suits,
    check_overlap,
    check_reach,
    check_shadows,
    check_facts,
    check_unseen,
    check_looks,
    check_size,
    check_times,
    check_isolation,
    check_transport,
    check_nearby,
    check_support,
)
"""What is said of an object whatever else policies claim."""
CHECKS = (*ALONE, check_claims)

PLACED = frozenset({Reason.HARDWARE_CLASS_NOT_FOUND, Reason.REF_NOT_PERMITTED, Reason.DOES_NOT_FIT})
"""What is wrong with one class of a model: placement has the others, and keeps what runs."""

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a fleet comes to."""

    gateways: Mapping[str, tuple[XdsResource, ...]]
    revisions: Mapping[Key, str]
    """The revision of each policy that some gateway serves, as it stands in decision records."""
    in_force: InForce
    findings: tuple[Finding, ...]
    defects: tuple[Defect, ...]
    """Mistakes of ours: what they touch is left out."""


def check_fleet(snapshot: FleetSnapshot) -> tuple[Finding, ...]:
    """What is to be said of objects that are each valid by themselves, once they stand side by side."""
    return tuple(finding for check in CHECKS for finding in check(snapshot))


def compile_fleet(
    snapshot: FleetSnapshot, before: InForce | None = None, seen: dict[str, Seen] | None = None
) -> FleetPlan:
    """The plan of a fleet. An object with an error keeps the version that was in force before, where there was one.

    Who compiles again and again hands in one dict each time: what has been looked into is then not looked into again.
    """
    before = before or InForce()
    findings = list(_found(snapshot))
    wrong = {finding.subject for finding in findings if keeps_out(finding)}
    models = dict(_settled(snapshot.models, before.models, wrong, before.malformed))
    # A version can be kept; a key that is gone cannot, and who leads a gateway to itself must not.
    usual = replace(snapshot, models=models)
    locked = [models.pop(key) for key in keyless(usual).union(nearby(usual))]
    policies = dict(_settled(snapshot.policies, before.policies, wrong, before.malformed))
    settled = replace(snapshot, models=models, policies=policies)
    findings += check_claims(settled)  # among those that serve: who is left out takes no name from anybody
    recall = Recall(before.recall)
    plans = tuple(plan_gateways(settled, recall))
    gateways, defects = _render(plans, settled.world, {} if seen is None else seen, recall)
    idle = {**before.idle, **{one.key: Version(one.metadata.generation, one) for one in locked}}
    without = snapshot.declared - models.keys() - policies.keys()
    in_force = InForce(models, policies, recall, {key: idle[key] for key in idle if key in without})
    return FleetPlan(gateways, _revisions(plans, recall), in_force, tuple(findings), defects)


@dataclass(frozen=True, slots=True)
class ChildrenPlan:
    """What the models of a fleet come to on hardware of one's own."""

    placement: FleetPlacement
    recipes: Mapping[Key, Recipe]
    """What is to be made for each model. Of one that is not named, all is left as it is."""
    findings: tuple[Finding, ...]


def compile_children(
    snapshot: FleetSnapshot, findings: Iterable[Finding], options: Options, recall: Recall | None = None
) -> ChildrenPlan:
    """Where each model is to run, and what is made for it. `findings` are those of the fleet."""
    more = tuple(check_children(snapshot, options, recall or Recall()))
    wrong = {one.subject for one in (*findings, *more) if keeps_out(one) and one.reason not in PLACED}
    placement = plan_placement(snapshot)
    recipes = {
        key: recipe_of(snapshot.models[key], placed, snapshot)
        for key, placed in placement.models.items()
        if key not in wrong
    }
    return ChildrenPlan(placement, recipes, more)


def _found(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """What is said of each object alone, and of a reference once: what does not close cannot be read either."""
    told = set()
    for finding in (finding for check in ALONE for finding in check(snapshot)):
        told.add((finding.subject, finding.reason))
        yield finding
    yield from (finding for finding in check_readable(snapshot) if (finding.subject, finding.reason) not in told)


def _settled(
    now: Mapping[Key, R], before: Mapping[Key, R], wrong: set[Key], malformed: frozenset[Key]
) -> Iterator[tuple[Key, R]]:
    missing = malformed & before.keys() - now.keys()
    for key in sorted((*now, *missing)) if missing else now:
        if key in now and key not in wrong:
            yield key, now[key]
        elif key in before:
            yield key, before[key]


def _render(
    plans: Iterable[GatewayPlan], world: World, seen: dict[str, Seen], recall: Recall
) -> tuple[dict[str, tuple[XdsResource, ...]], tuple[Defect, ...]]:
    gateways: dict[str, tuple[XdsResource, ...]] = {}
    defects: list[Defect] = []
    for plan in plans:
        facts = seen.setdefault(plan.gateway.name, {})
        kept, found = without_defective(render_gateway(plan, world, recall), seen=facts)
        gateways[plan.gateway.name] = tuple(kept)
        defects += found
    return gateways, tuple(defects)


def _revisions(plans: Iterable[GatewayPlan], recall: Recall) -> dict[Key, str]:
    policies = {policy.key: policy for plan in plans for policy in plan.policies}
    return {key: recall.of(("revision", key), revision_of, policy) for key, policy in sorted(policies.items())}
