"""Replicas of the xds role agree without talking: on what is there, on what was, and on what is wrong with it."""

import random
from typing import Any

import pytest

from tests.cluster.gateways.roles import Xds
from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.objects import gone, hosted, make, routed
from tests.sizes import scale
from tests.testbed.api import wait_for

POLICIES = 6


def version(xds: Xds, gateway: str = "default") -> str:
    """A hash over all that the replica has for a gateway."""
    found = next(one for one in xds.acks()["gateways"] if one["name"] == gateway)
    return str(found["version"])


def have_equal_states(*replicas: Xds) -> bool:
    return len({version(one) for one in replicas}) == 1


def policies_of(xds: Xds) -> dict[str, Any]:
    """What the replica has for the gateway: by policy its generation and revision."""
    (found,) = xds.acks()["gateways"]
    return {one["name"]: (one["generation"], one["revision"]) for one in found["policies"]}


@pytest.fixture
def two(scene: Scene, namespace: str) -> tuple[Xds, Xds]:
    """Two replicas, an operator, and a few policies in force."""
    first, second = scene.start_xds(), scene.start_xds()
    scene.start_operator()
    make(scene.api, *(hosted(f"m{number}", namespace) for number in range(3)))
    make(scene.api, *(routed(f"p{number}", namespace, "m0") for number in range(POLICIES)))
    scene.start_envoy("gw-0")
    for number in range(POLICIES):
        # Those of the test before may be on their way out, and have the names until then.
        scene.becomes(f"p{number}", namespace, "Conflicted", "NoConflict")
        scene.is_programmed(f"p{number}", namespace)
    return first, second


def test_a_replica_that_starts_after_a_bad_edit_serves_what_was_good(
    scene: Scene, namespace: str, two: tuple[Xds, Xds]
) -> None:
    first, second = two
    before = policies_of(first)
    make(scene.api, routed("p0", namespace, "gone"))
    scene.becomes("p0", namespace, "ResolvedRefs", "ModelNotFound")
    kept = "generation 1 stays in force on 1 of 1 Envoy"
    wait_for("the status to say what stays", lambda: scene.says("p0", namespace)["message"] == kept)
    assert policies_of(first)["p0"] == before["p0"]
    second.stop()
    second.start()
    second.wait_until_ready()
    wait_for("both to have the same", lambda: have_equal_states(first, second))
    assert policies_of(second)["p0"] == before["p0"]


def test_so_does_one_after_everything_of_ours_was_restarted(scene: Scene, namespace: str, two: tuple[Xds, Xds]) -> None:
    before = policies_of(two[0])
    make(scene.api, routed("p0", namespace, "gone"))
    scene.becomes("p0", namespace, "ResolvedRefs", "ModelNotFound")
    gone(scene.api, "ModelDeployment", namespace, "m1")
    for one in (*two, *scene.operators):
        one.kill()
    for one in (*two, *scene.operators):
        one.start()
        one.wait_until_ready()
    wait_for("both to have what was good", lambda: [policies_of(one)["p0"] for one in two] == [before["p0"]] * 2)
    make(scene.api, routed("p0", namespace, "m2"))
    scene.is_programmed("p0", namespace)
    wait_for("both to have the mended one", lambda: have_equal_states(*two) and policies_of(two[0])["p0"][0] == 3)


def test_they_agree_after_each_of_many_edits_whatever_they_saw_of_it(
    scene: Scene, namespace: str, two: tuple[Xds, Xds]
) -> None:
    chance = random.Random(7)
    for step in range(scale(8, 200)):
        name, model = f"p{chance.randrange(POLICIES)}", chance.choice(("m0", "m1", "m2", "gone"))
        make(scene.api, routed(name, namespace, model, serves=f"{name}-{chance.randrange(3)}"))
        if chance.random() < 0.2:
            victim = chance.choice(two)
            victim.kill()
            victim.start()
            victim.wait_until_ready()
        wait_for(f"both to agree after step {step}", lambda: have_equal_states(*two), 10)


def test_an_envoy_that_moves_from_one_to_the_other_is_sent_nothing_again(
    scene: Scene, namespace: str, two: tuple[Xds, Xds]
) -> None:
    envoy = scene.envoys[0]
    updates = ("cluster_manager.cds.update_success", "listener_manager.lds.update_success")

    def counted() -> list[int]:
        return [envoy.stats(name.rpartition(".")[0]).get(name, 0) for name in updates]

    wait_for("the Envoy to be with one of them", lambda: sum("gw-0" in one.nodes() for one in two) == 1)
    before = counted()
    answers = sum(one.metric("xds_answers_total") for one in two)
    here, there = sorted(two, key=lambda one: "gw-0" in one.nodes(), reverse=True)
    told = there.metric("xds_answers_total")
    here.kill()
    wait_for("the Envoy to move", lambda: there.nodes().get("gw-0", {}).get("settled") is True, 20)
    assert there.metric("xds_answers_total") == told
    assert counted() == before
    assert answers >= told
    make(scene.api, routed("p1", namespace, "m2"))
    wait_for("an edit to arrive there", lambda: there.metric("xds_answers_total") > told)
