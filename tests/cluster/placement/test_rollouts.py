"""New versions: how they take over where a class is full, and what is said of them from the edit to the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from random import Random
from typing import Any

import pytest

from tests.cluster.placement.fleet import Fleet, Where
from tests.cluster.placement.history import History
from tests.cluster.placement.watching import watching
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect

ROUNDS, EDITS = 4, 5
BEYOND_GRACE_S = 12.0
FIRST = {"rollout": {"surge": 0}}


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """A node with two GPUs, one with CPUs, and a class for each."""
    return fleet.furnish()


def args(fleet: Fleet) -> list[list[str]]:
    """What the engine of each replica is started with."""
    return [pod["spec"]["containers"][0].get("args", []) for pod in fleet.pods()]


def test_a_new_version_for_which_a_full_class_has_no_room_says_so_and_goes_on_when_room_comes(
    bed: Bed, fleet: Fleet, evidence: Callable[..., None]
) -> None:
    fleet.model("m", "gpu", replicas=2)
    fleet.runs_on(gpu=2)
    with watching(bed, fleet) as course:
        began = time.monotonic()
        fleet.edit("m", engine={"args": ["--another"]})
        fleet.condition("Progressing", "RollingOut")
        message = fleet.condition("Progressing", "NoSurgeCapacity", patience=60)
        evidence(told_after_s=round(time.monotonic() - began, 1))
        assert message.startswith(f"{fleet.own('gpu')}: 2 of 2 replicas are of an older version")
        assert "Insufficient nvidia.com/gpu" in message
        assert "spec.rollout.surge: 0" in message
        assert "Insufficient nvidia.com/gpu" in fleet.condition("Placed", "True")
        fleet.condition("Available", "True")
        fleet.condition("Ready", "True")
        fleet.stays()
        fleet.nodes("gpu", gpu="1")
        fleet.condition("Progressing", "UpToDate")
    assert course.fewest == 2
    fleet.runs_on(gpu=2)
    assert all("--another" in one for one in args(fleet))


def test_a_single_replica_of_a_full_class_is_not_up_to_date_while_its_successor_waits(bed: Bed, fleet: Fleet) -> None:
    fleet.model("m", ("gpu", 2))
    fleet.runs_on(gpu=1)
    history = History(bed, fleet)
    fleet.edit("m", engine={"args": ["--another"]})
    fleet.condition("Progressing", "NoSurgeCapacity", patience=60)
    assert "UpToDate" not in [reason for reason, generation, _ in told(history.read()) if generation == 2]


@pytest.mark.parametrize(("replicas", "units"), [(2, 1), (1, 2)])
def test_on_a_full_class_a_new_version_takes_over_where_an_old_replica_goes_first(
    bed: Bed, fleet: Fleet, replicas: int, units: int
) -> None:
    patient: dict[str, Any] = {"placement": {"pendingTimeout": "2m"}}
    fleet.model("m", ("gpu", units), "cpu", replicas=replicas, **patient, **FIRST)
    fleet.runs_on(gpu=replicas)
    with watching(bed, fleet) as course:
        fleet.edit("m", engine={"args": ["--another"]})
        fleet.condition("Progressing", "UpToDate")
    assert all("--another" in one for one in args(fleet))
    fleet.runs_on(gpu=replicas)
    assert (course.fewest, course.most) == (replicas - 1, replicas)
    assert set(course.born.values()) == {fleet.own("gpu")}


def test_a_new_version_that_waits_for_room_takes_over_once_it_is_said_that_an_old_replica_may_go_first(
    bed: Bed, fleet: Fleet
) -> None:
    fleet.model("m", "gpu", replicas=2, placement={"pendingTimeout": "2m"})
    fleet.runs_on(gpu=2)
    fleet.edit("m", engine={"args": ["--another"]})
    fleet.condition("Progressing", "NoSurgeCapacity", patience=60)
    with watching(bed, fleet) as course:
        fleet.edit("m", **FIRST)
        fleet.condition("Progressing", "UpToDate")
    assert course.fewest == 1
    assert all("--another" in one for one in args(fleet))


def test_a_place_that_an_old_replica_is_about_to_leave_is_waited_for_and_nobody_says_that_there_is_none(
    bed: Bed, fleet: Fleet
) -> None:
    fleet.nodes("gpu", gpu="1")
    fleet.wait_until_up()
    fleet.model("m", "gpu", replicas=2, placement={"pendingTimeout": "2m"})
    fleet.runs_on(gpu=2)
    history = History(bed, fleet)
    with watching(bed, fleet) as course, lingering(fleet):
        fleet.edit("m", engine={"args": ["--another"]})
        # The first of the new version has the place to spare, and the second waits for the one that an old one leaves.
        wait_for("both to be made", lambda: sum("--another" in one for one in args(fleet)) == 2)
        fleet.comes_to(Where({"gpu": 2}, {"gpu": 1}))
        fleet.stays(BEYOND_GRACE_S)
    fleet.condition("Progressing", "UpToDate")
    assert (course.fewest, course.most) == (2, 3)
    assert {reason for reason, generation, _ in told(history.read()) if generation == 2} == {"RollingOut", "UpToDate"}


@contextmanager
def lingering(fleet: Fleet) -> Iterator[None]:
    """Those replicas that there are take their time to go, as who has streams to end."""
    paths = [f"/api/v1/namespaces/{fleet.namespace}/pods/{pod['metadata']['name']}" for pod in fleet.pods()]
    for path in paths:
        expect(fleet.api.merge(path, {"metadata": {"finalizers": ["modelfleet.dev/test"]}}), HTTPStatus.OK)
    try:
        yield
    finally:
        for path in paths:
            fleet.api.merge(path, {"metadata": {"finalizers": None}})


def test_no_edit_is_called_up_to_date_before_its_deployment_is_written_and_rolled_out(
    bed: Bed, fleet: Fleet, evidence: Callable[..., None]
) -> None:
    chance, claims = Random(9), 0
    fleet.model("m", "cpu", replicas=1, engine={"name": "sim", "args": ["--edit=0"]})
    fleet.runs_on(cpu=1)
    fleet.condition("Progressing", "UpToDate")
    history, specs = History(bed, fleet), dict[int, dict[str, Any]]()
    made: dict[str, Any] = fleet.made("deployments")[0]
    for number in range(ROUNDS):
        edited(fleet, chance, number)
        for one in history.read():
            if one["kind"] == "Deployment":
                made = one
                continue
            specs[one["metadata"]["generation"]] = one["spec"]
            for generation in (generation for reason, generation, _ in told([one]) if reason == "UpToDate"):
                if generation in specs:
                    claims += 1
                    assert is_rolled_out(made, specs[generation]), (one, made)
    evidence(edits=ROUNDS * EDITS, told_up_to_date=claims)
    assert claims >= ROUNDS


def edited(fleet: Fleet, chance: Random, number: int) -> None:
    """Edits the model some times, before the last edit is through or after, until all is."""
    for edit in range(EDITS):
        if chance.random() < 0.7:
            fleet.edit("m", engine={"args": [f"--edit={number}-{edit}"]})
        else:
            fleet.scale("m", chance.choice([1, 2, 3]))
        if chance.random() < 0.5:
            fleet.condition("Progressing", "UpToDate")
        time.sleep(chance.uniform(0, 0.5))
    fleet.condition("Progressing", "UpToDate")


def told(versions: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """What models said of their progress: the reason, the generation that it is about, and the message."""
    found = [
        condition
        for one in versions
        if one["kind"] == "ModelDeployment"
        for condition in one.get("status", {}).get("conditions", [])
        if condition["type"] == "Progressing"
    ]
    return [(one["reason"], one["observedGeneration"], one["message"]) for one in found]


def is_rolled_out(deployment: dict[str, Any], spec: dict[str, Any]) -> bool:
    """Whether a Deployment carries this version of a model, and all its replicas are of it."""
    wanted, status = spec["scale"]["replicas"], deployment["status"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    carries = deployment["spec"]["replicas"] == wanted and set(spec["engine"]["args"]) <= set(container["args"])
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
    return carries and counts == {wanted} and status["observedGeneration"] == deployment["metadata"]["generation"]
