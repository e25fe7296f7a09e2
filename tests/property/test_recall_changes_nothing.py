"""Who compiles again and again gets to the byte what a first compile of the same fleet would give."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.compiler import FleetPlan, compile_children, compile_fleet
from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.world import Endpoint, Gateway, Hidden, World
from modelfleet.statuses.judged import Judged
from modelfleet.statuses.summary import summarise
from modelfleet.workloads.options import Options
from tests.property.drawn import NAMES, fleets
from tests.property.grounds import grounds
from tests.sizes import scale
from tests.support.documents import Document, fleet

Change = Callable[[FleetSnapshot], FleetSnapshot]

SECRET = Key("Secret", "default", "keys")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One or two gateways, replicas that come and go, and a key that is renewed."""
    size = draw(st.sampled_from([1024, 4096]))
    gateways = {name: Gateway(name, max_body_bytes=size) for name in draw(st.sampled_from(["x", "xy"]))}
    gateways["default"] = Gateway("default", max_body_bytes=size)
    ports = {name: draw(st.integers(1, 2)) for name in NAMES}
    return World(
        gateways=gateways,
        endpoints={Key("ModelDeployment", "default", name): (Endpoint("127.0.0.1", at),) for name, at in ports.items()},
        secrets={SECRET: {"key": Hidden(draw(st.sampled_from(["t", "u"])))}},
    )


def one_after_the_other(snapshots: list[FleetSnapshot], *, recalls: bool) -> list[FleetPlan]:
    plans: list[FleetPlan] = []
    before = InForce()
    for snapshot in snapshots:
        plans.append(compile_fleet(snapshot, before))
        before = plans[-1].in_force if recalls else replace(plans[-1].in_force, recall=Recall())
    return plans


@settings(max_examples=scale(10, 1_000))
@given(st.lists(st.tuples(fleets(), worlds()), min_size=2, max_size=4))
def test_what_is_recalled_changes_no_byte_of_a_plan(steps: list[tuple[list[Document], World]]) -> None:
    snapshots = [replace(fleet(*documents), world=world) for documents, world in steps]
    # Each of them twice, the second time with equal objects that are other ones.
    snapshots += [replace(fleet(*documents), world=world) for documents, world in steps]
    assert one_after_the_other(snapshots, recalls=True) == one_after_the_other(snapshots, recalls=False)


def _first_node_fails(snapshot: FleetSnapshot) -> FleetSnapshot:
    first, *others = snapshot.nodes or [None]
    return replace(snapshot, nodes=(replace(first, ready=not first.ready), *others) if first else ())


def _pods_go(snapshot: FleetSnapshot) -> FleetSnapshot:
    return replace(snapshot, pods={key: pods[1:] for key, pods in snapshot.pods.items()})


def _nothing_can_be_made(snapshot: FleetSnapshot) -> FleetSnapshot:
    trouble = Trouble(Condition.PLACED, Reason.NAME_TAKEN, "taken: rename it")
    return replace(snapshot, refused=dict.fromkeys(snapshot.models, (trouble,)))


def _a_class_is_gone(snapshot: FleetSnapshot) -> FleetSnapshot:
    return replace(snapshot, classes=dict(list(snapshot.classes.items())[1:]))


CHANGES: list[Change] = [
    _first_node_fails,
    _pods_go,
    _nothing_can_be_made,
    _a_class_is_gone,
    lambda snapshot: snapshot,
    lambda snapshot: replace(snapshot, unwritten=frozenset(snapshot.models)),
    lambda snapshot: replace(snapshot, unknown={"Pod": "403 Forbidden"}),
    lambda snapshot: replace(snapshot, now=snapshot.now + 3_600),
]


def told(snapshot: FleetSnapshot, recall: Recall) -> tuple[Any, ...]:
    """What is found in a fleet and said of it."""
    children = compile_children(snapshot, (), Options(), recall)
    judged = [Judged(key, "u", 1, one) for key, one in snapshot.models.items()]
    return children.findings, summarise(snapshot, judged, children.findings, children.placement, recall)


@settings(max_examples=scale(10, 1_000))
@given(grounds(), st.lists(st.sampled_from(CHANGES), min_size=1, max_size=6))
def test_what_is_recalled_changes_nothing_that_is_said(ground: Any, changes: list[Change]) -> None:
    first, recall = ground.snapshot(), Recall()
    for change in (lambda snapshot: snapshot, *changes):
        recall = Recall(recall)
        snapshot = change(first)
        assert told(snapshot, recall) == told(snapshot, Recall())
