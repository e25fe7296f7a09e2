"""Pods come and go in every way there is while users send requests: nobody asks one that is gone, and nobody fails."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.gateways.census import Census
from tests.cluster.gateways.churning import Churn, Field
from tests.cluster.gateways.engines import Engines
from tests.cluster.gateways.field import MOST_REPEATS, Straight, declare, put_up, settle, slices, sweep
from tests.cluster.gateways.load import Users
from tests.cluster.gateways.scene import Scene
from tests.cluster.gateways.verdict import Verdict, percentiles, shown
from tests.cluster.placement.fleet import Fleet, corner
from tests.dataplane.support.records import Records
from tests.sizes import SOAK, scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed

SEED = int(os.environ.get("MODELFLEET_SEED", "20"))
LONE = {"lone": 1}
"""Where its only replica is gone nobody can answer: what fails then is nobody's loss."""
MANY = dict(zip("abcdefghijkl", (260, 130, 110, 100, 90, 80, 70, 60, 40, 30, 20, 9), strict=True))
REPLICAS = (MANY if SOAK else {"a": 24, "b": 18, "c": 12, "d": 5}) | LONE
LARGEST = "a"
NODES = scale(6, 39)
LOST = "lost nodes"
RATE = scale(150, 300)
CHURN_S = scale(16, 240)
EVERY_S = {
    "updates": scale(2, 6),
    "scalings": scale(3, 6),
    "deletions": 0.3,
    "crash loops": scale(1, 4),
    "drains": scale(2, 10),
    LOST: scale(4, 20),
}
"""A pause of about so long follows each."""
CHURNED = scale(60, 400)
"""So many pods at least have come, besides those that are there at a time."""


@pytest.fixture
def scene(bed: Bed) -> Iterator[Scene]:
    """With nothing between the processes and the API server."""
    with Scene(bed, Straight(bed)) as made:
        yield made


@pytest.fixture
def fleet(bed: Bed, namespace: str) -> Iterator[Fleet]:
    """A corner of the cluster."""
    with corner(bed, namespace) as made:
        yield made
        sweep(made)


@pytest.mark.skipif(not SOAK, reason="who is ready when is judged to the second, which wants a machine of its own")
@pytest.mark.parametrize("repeats", [None, MOST_REPEATS], ids=["one at a time", "whole nodes, too"])
def test_no_request_is_lost_while_pods_come_and_go(
    scene: Scene, engines: Engines, fleet: Fleet, evidence: Callable[..., None], repeats: int | None
) -> None:
    every_s = {act: pause for act, pause in EVERY_S.items() if repeats or act != LOST}
    engines.delay_s = 0.03
    nodes = put_up(fleet, NODES)
    for start in (scene.start_xds, scene.start_operator, scene.start_envoy):
        start()
    with Census(scene.bed, fleet.namespace, engines) as census:
        declare(scene, fleet, census, REPLICAS, repeats)
        field = Field(scene.bed, fleet.namespace, census, REPLICAS, nodes)
        with Users(scene.address(), REPLICAS, RATE, SEED) as users:
            with Churn(field, every_s, SEED) as churn:
                churn.run(CHURN_S)
            settle(scene, fleet, census, REPLICAS)
    records = Records(scene.folder / "default.jsonl")
    wait_for("the records", lambda: len(records.all()) >= len(users.noted))
    verdict = Verdict(census.lives.values(), [*engines.asked, *engines.late], users.noted, records.all())
    figures = {
        "requests": f"{len(users.noted)}, {users.achieved:.0f}/s",
        "pods": f"{len(census.lives)} in all, {sum(REPLICAS.values())} at a time, slices {slices(fleet, LARGEST)}",
        "done": dict(churn.done) | {"breaks of our own watch": census.breaks},
        "failed": f"{len(verdict.failed)}, of which somebody else was ready for {len(verdict.lost())}",
        "tries": dict(sorted(verdict.tries().items())),
        **{
            f"last request after {why}, ms (p50/p99/max)": percentiles(delays)
            for why, delays in verdict.delays().items()
        },
    }
    evidence(**figures)
    assert not (late := verdict.late()), shown(late)
    assert not (lost := verdict.lost()), shown(lost)
    assert not (unrecorded := verdict.unrecorded()), shown(unrecorded)
    assert all(churn.done[act] for act in every_s), churn.done
    assert len(census.lives) > sum(REPLICAS.values()) + CHURNED
    assert all(verdict.delays().values()), "each way to go was taken"
    assert len(slices(fleet, LARGEST)) > REPLICAS[LARGEST] // 100
