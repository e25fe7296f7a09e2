"""How far the newest version of a model has come: before it is written, while it is rolled out, and where it waits."""

from typing import Any

import pytest

from modelfleet.findings import Condition, Reason
from modelfleet.fleet.times import seconds
from modelfleet.fleet.troubles import Trouble
from modelfleet.placement.result import Share
from tests.support.cluster_objects import UNSCHEDULABLE, condition, deployment, node, pod, unscheduled
from tests.support.documents import Document, hardware_class, model
from tests.support.statuses import NOW, Cluster, M, Said, planned, said, statuses

UNWRITTEN = Said("True", "RollingOut", "the newest version is not written yet")
TAKEN = Trouble(Condition.PLACED, Reason.NAME_TAKEN, "the name is taken: rename it")
LATE = condition("Progressing", "False", "ProgressDeadlineExceeded", "it has timed out")


def share(target: int, replicas: int | None = None, hardware: str = "gpu") -> Share:
    now = target if replicas is None else replicas
    return Share(hardware, 1, now, target, Reason.CHOSEN, "as wished", seconds(NOW))


def waiting(name: str = "new") -> Document:
    raw = unscheduled(name=name)
    raw["status"]["conditions"][0]["lastTransitionTime"] = NOW
    return raw


def status(*pods: Document, replicas: int = 2, **cluster: Any) -> dict[str, Any]:
    raw = model(placement={"classes": [{"name": "gpu"}]}, scale={"replicas": replicas})
    around = Cluster(**{"nodes": [node()], "plan": planned(share(replicas)), **cluster, "pods": list(pods)})
    return statuses(hardware_class(), raw, cluster=around)[M]


def stuck(*conditions: Document, replicas: int = 2, labels: tuple[str, ...] = ("gpu",)) -> dict[str, Any]:
    """Beside replicas that all serve one waits that is to take the place of one of them."""
    old = [pod(str(number), ready=True) for number in range(replicas)]
    made = deployment(*conditions, desired=replicas, ready=replicas, replicas=replicas + 1, updatedReplicas=1)
    return status(*old, waiting(), replicas=replicas, deployments=[made], plan=planned(share(replicas), stuck=labels))


def test_a_rollout_for_which_there_is_no_room_says_so_in_the_words_of_the_scheduler_and_with_the_fix() -> None:
    found = stuck()
    assert said(found, "Progressing") == Said(
        "False",
        "NoSurgeCapacity",
        "gpu: 2 of 2 replicas are of an older version, and there is no room for a newer one beside them:"
        f" the scheduler says: {UNSCHEDULABLE.removesuffix('.')}; set spec.rollout.surge: 0, so that an old one goes"
        " first, or add room",
    )
    assert said(found, "Placed")[:2] == ("True", "Placed")
    assert said(found, "Available")[:2] == ("True", "Available")
    assert said(found, "Ready").status == "True"
    assert "surge" not in said(found, "Available").message


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_replica_more_that_waits_for_a_moment_is_part_of_a_rollout(replicas: int) -> None:
    assert said(stuck(replicas=replicas, labels=()), "Progressing")[:2] == ("True", "RollingOut")


def test_what_keeps_a_rollout_is_told_before_that_its_time_is_over() -> None:
    found = said(stuck(LATE), "Progressing")
    assert found.reason == "NoSurgeCapacity"
    assert found.message.endswith("; it has timed out")


def test_a_model_on_any_node_that_is_stuck_names_no_class() -> None:
    pods = [pod(ready=True), waiting()]
    made = deployment(desired=1, ready=1, replicas=2, updatedReplicas=1)
    for raw in (*pods, made):
        raw["metadata"]["labels"] = {"modelfleet.dev/model": "m", "modelfleet.dev/hardware-class": ""}
    plan = planned(share(1, hardware=""), stuck=[""])
    found = status(*pods, replicas=1, deployments=[made], plan=plan)
    assert said(found, "Progressing").message.startswith("1 of 1 replicas are of an older version")


def test_before_it_is_written_a_new_version_is_not_up_to_date_whatever_the_old_one_says() -> None:
    pods = pod("a", ready=True), pod("b", ready=True)
    before = deployment(desired=2, ready=2)
    assert said(status(*pods, deployments=[before]), "Progressing").reason == "UpToDate"
    assert said(status(*pods, deployments=[before], unwritten=True), "Progressing") == UNWRITTEN
    late = deployment(LATE, desired=2, ready=2)
    assert said(status(*pods, deployments=[late], unwritten=True), "Progressing") == UNWRITTEN


def test_a_new_model_is_on_its_way_from_the_beginning() -> None:
    assert said(status(unwritten=True), "Progressing") == UNWRITTEN
    assert said(status(), "Progressing")[:2] == ("False", "Pending")


def test_replicas_that_move_are_told_of_beside_what_is_not_written_yet() -> None:
    plan = planned(share(1), share(0, 1, "cpu"))
    found = said(status(unwritten=True, plan=plan, replicas=1), "Progressing")
    assert found.message.startswith("1 of 1 replicas moves from cpu to gpu, its successor is not ready yet; the newest")


def test_what_cannot_be_written_says_why() -> None:
    found = status(pod(ready=True), replicas=1, deployments=[deployment(ready=1)], unwritten=True, refused=(TAKEN,))
    assert said(found, "Progressing") == Said("False", "NameTaken", "the name is taken: rename it")


def test_a_refusal_of_something_else_says_nothing_against_a_version_that_is_written() -> None:
    found = status(pod(ready=True), replicas=1, deployments=[deployment(ready=1)], refused=(TAKEN,))
    assert said(found, "Progressing").reason == "UpToDate"


def test_where_no_deployment_can_be_read_nobody_knows_what_is_written() -> None:
    found = status(unknown={"Deployment": "403"}, unwritten=True)
    assert said(found, "Progressing")[:2] == ("Unknown", "NotReadable")
