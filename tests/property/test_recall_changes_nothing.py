"""Who compiles again and again gets to the byte what a first compile of the same fleet would give."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.compiler import FleetPlan, InForce, compile_fleet
from modelfleet.findings import Key
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Endpoint, Gateway, Hidden, World
from tests.property.test_faults_stay_alone import NAMES, fleets
from tests.sizes import scale
from tests.support.documents import Document, fleet

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
