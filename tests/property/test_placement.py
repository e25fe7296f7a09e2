"""What holds of every placement: all replicas get a class, bounds are kept, and fleets come to rest."""

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.findings import Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.plan import plan_placement
from modelfleet.placement.result import FleetPlacement, Share
from tests.property.grounds import CLASSES, RETURN, TIMEOUT, _capacity, grounds, models, nodes
from tests.sizes import scale
from tests.support.placing import Ground, a_class, a_node, units_by_class
from tests.support.small_cluster import SmallCluster

STEP, LONG = 5.0, 6.0 * RETURN
SETTLED = frozenset({Reason.CHOSEN, Reason.NOT_NEEDED})


def at_its_bound(snapshot: FleetSnapshot, plan: FleetPlacement, share: Share) -> bool:
    """Whether pods and those that are planned leave no replica's units of what there may be of the class."""
    hardware = snapshot.classes[share.hardware]
    held = sum(pod.units for pods in snapshot.pods.values() for pod in pods if pod.hardware == share.hardware)
    every = (one for placement in plan.models.values() for one in placement.shares if one.hardware == share.hardware)
    planned = sum(one.target * one.units for one in every)
    most = hardware.spec.capacity.max_units
    return most is not None and held + planned + share.units > most


@settings(max_examples=scale(40, 5_000))
@given(grounds())
def test_every_replica_gets_a_class_unless_every_class_is_closed_to_it(ground: Ground) -> None:
    snapshot = ground.snapshot()
    plan = plan_placement(snapshot)
    for key, placement in plan.models.items():
        scaled = snapshot.models[key].spec.scale
        missing = (scaled.replicas if scaled else 1) - sum(share.target for share in placement.shares)
        assert missing >= 0
        for share in placement.shares if missing else ():
            closed = share.hardware not in snapshot.classes or share.reason is Reason.LEAVING
            assert closed or at_its_bound(snapshot, plan, share)


@settings(max_examples=scale(40, 5_000))
@given(grounds())
def test_no_class_is_given_more_than_its_bound(ground: Ground) -> None:
    for name, units in units_by_class(ground).items():
        most = ground.snapshot().classes[name].spec.capacity.max_units if name in ground.snapshot().classes else None
        assert most is None or units <= most


@settings(max_examples=scale(30, 2_000))
@given(grounds(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_seen_changes_nothing(ground: Ground, chance: Random) -> None:
    other = replace(
        ground,
        documents=tuple(chance.sample(ground.documents, len(ground.documents))),
        nodes=tuple(chance.sample(ground.nodes, len(ground.nodes))),
        pods=tuple(chance.sample(ground.pods, len(ground.pods))),
    )
    one, two = plan_placement(ground.snapshot()), plan_placement(other.snapshot())
    assert (one.models, one.wake_at) == (two.models, two.wake_at)


@settings(max_examples=scale(40, 5_000))
@given(grounds())
def test_a_class_has_no_more_replicas_than_it_is_to_have_or_has(ground: Ground) -> None:
    bound = Counter((pod.model, pod.hardware) for pod in ground.pods if pod.node)
    for key, placement in plan_placement(ground.snapshot()).models.items():
        for share in placement.shares:
            assert share.target <= share.replicas <= max(share.target, bound[key.name, share.hardware])


@settings(max_examples=scale(40, 5_000))
@given(grounds())
def test_who_is_refused_is_told_why_and_what_helps(ground: Ground) -> None:
    fixes = ("add ", "raise ", "lower ", "correct ", "remove ", "kubectl ", "name it", "may stay")
    for placement in plan_placement(ground.snapshot()).models.values():
        for share in placement.shares:
            assert share.reason in SETTLED or any(fix in share.message for fix in fixes), share
            assert share.since


@settings(max_examples=scale(40, 5_000))
@given(grounds())
def test_nothing_changes_before_the_time_that_is_told(ground: Ground) -> None:
    plan = plan_placement(ground.snapshot())
    end = plan.wake_at or ground.now + 10 * RETURN
    assert end > ground.now
    later = plan_placement(replace(ground, now=max(ground.now, end - 0.5)).snapshot())
    for key, placement in plan.models.items():
        assert [_lasting(share) for share in placement.shares] == [
            _lasting(share) for share in later.models[key].shares
        ]


def _lasting(share: Share) -> Share:
    return replace(share, since=0.0)


Event = tuple[str, str, int]


@st.composite
def clusters(draw: st.DrawFn) -> SmallCluster:
    documents = (
        *[a_class(name, capacity=_capacity(draw(st.none() | st.integers(1, 6)))) for name in CLASSES],
        *draw(models()),
    )
    cluster = SmallCluster(documents, draw(nodes()), seed=draw(st.integers(0, 9)))
    cluster.foreign.update({node.name: draw(st.integers(0, 2)) for node in cluster.nodes})
    return cluster


def happen(cluster: SmallCluster, event: Event) -> None:
    what, pool, number = event
    name = f"{pool}-{number}"
    match what:
        case "lose":
            cluster.remove(name)
        case "add" if name not in {node.name for node in cluster.nodes}:
            cluster.nodes.append(a_node(name, pool, gpus=number + 1))
        case "foreign":
            cluster.foreign[name] = number
        case "cordon":
            cluster.nodes = [replace(one, schedulable=one.name != name) for one in cluster.nodes]
        case _:
            pass  # it is there already


EVENTS = st.tuples(st.sampled_from(["lose", "add", "foreign", "cordon"]), st.sampled_from(CLASSES), st.integers(0, 3))


@settings(max_examples=scale(12, 1_000))
@given(clusters(), st.lists(st.tuples(EVENTS, st.integers(1, 20)), max_size=6))
def test_a_fleet_comes_to_rest_and_no_replica_goes_before_its_successor_is_ready(
    cluster: SmallCluster, events: list[tuple[Event, int]]
) -> None:
    for event, steps in events:
        happen(cluster, event)
        for _ in range(steps):
            cluster.step(STEP)
    for _ in range(int(8 * RETURN / STEP)):
        cluster.step(STEP)
    before, made = cluster.ready_pods(), Counter(cluster.made)
    for _ in range(int(LONG / STEP)):
        cluster.step(STEP)
    assert cluster.ready_pods() == before
    assert cluster.lost == []
    made = cluster.made - made
    assert [name for name in made if made[name] > most_tries(cluster, name)] == []


def most_tries(cluster: SmallCluster, name: str) -> float:
    """How many pods may be made for a model in a long time of rest."""
    wanted, classes = cluster.wanted()[name], len(cluster.classes()[name])
    if cluster.ready()[name] < wanted:
        # Who serves nowhere goes round as soon as it has waited too long.
        return wanted * (LONG / TIMEOUT + 1)
    # Who serves tries each better class, on which others hold what looks free, once in the time to come back after.
    return wanted * (classes - 1) * (LONG / (RETURN + TIMEOUT) + 1)
