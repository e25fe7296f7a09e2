"""What is true of a model: placed or not, serving or not, and in whose words not."""

from typing import Any

import pytest

from tests.support.cluster_objects import UNSCHEDULABLE, condition, deployment, node, pod, unscheduled, waiting
from tests.support.documents import Document, hardware_class, model
from tests.support.statuses import Cluster, M, Said, said, statuses, types

HOSTED: dict[str, Any] = {"engine": None, "external": {"url": "https://api.example.com/v1"}}
PULL: dict[str, Any] = {"containerStatuses": [waiting("ImagePullBackOff", "not found")]}
QUOTA = condition("ReplicaFailure", "True", "FailedCreate", 'pods "m-x" is forbidden: exceeded quota: compute')


def placed(**spec: Any) -> Document:
    return model(placement={"classes": [{"name": "gpu"}]}, **spec)


def status(*pods: Document, raw: Document | None = None, **cluster: Any) -> dict[str, Any]:
    around = Cluster(**{"nodes": [node()], **cluster, "pods": list(pods)})
    return statuses(hardware_class(), raw or placed(), cluster=around)[M]


def replicas(number: int) -> Document:
    return placed(scale={"replicas": number})


def test_a_model_whose_replicas_all_serve_is_ready() -> None:
    found = status(
        pod("a", ready=True),
        pod("b", ready=True, node="us"),
        raw=replicas(2),
        nodes=[node(), node("us", region="us")],
        deployments=[deployment(desired=2, ready=2)],
    )
    assert types(found) == ["Accepted", "ResolvedRefs", "Placed", "Available", "Progressing", "Misplaced", "Ready"]
    assert said(found, "Placed") == Said("True", "Placed", "2 of 2 replicas have a node")
    assert said(found, "Available") == Said("True", "Available", "2 of 2 replicas are ready")
    assert said(found, "Progressing")[:2] == ("False", "UpToDate")
    assert said(found, "Ready") == Said("True", "Ready", "2 of 2 replicas are ready")
    assert (found["replicas"], found["readyReplicas"], found["placedOn"]) == (2, 2, "gpu")
    assert found["selector"] == "modelfleet.dev/model=m"
    assert found["regions"] == [
        {"name": "eu", "replicas": 1, "readyReplicas": 1},
        {"name": "us", "replicas": 1, "readyReplicas": 1},
    ]


def test_a_model_of_which_nothing_was_made_yet_says_so() -> None:
    found = status()
    assert said(found, "Placed") == Said("False", "Pending", "no replica exists yet")
    assert said(found, "Progressing")[:2] == ("False", "Pending")
    assert said(found, "Ready") == Said("False", "Pending", "no replica exists yet")
    assert (found["replicas"], found["readyReplicas"]) == (0, 0)
    assert "placedOn" not in found


def test_a_replica_that_cannot_be_scheduled_says_why_in_the_schedulers_words() -> None:
    found = status(pod("a", ready=True), unscheduled(), raw=replicas(2))
    assert said(found, "Placed") == Said(
        "False", "Unschedulable", f"1 of 2 replicas: the scheduler says: {UNSCHEDULABLE}"
    )
    assert said(found, "Available").status == "True"
    assert said(found, "Ready") == said(found, "Placed")


@pytest.mark.parametrize("pods", [(), (pod(ready=True),)])
def test_a_quota_that_is_used_up_is_told_with_what_helps(pods: tuple[Document, ...]) -> None:
    found = status(*pods, raw=replicas(2), deployments=[deployment(QUOTA, desired=2)])
    assert said(found, "Placed")[:2] == ("False", "QuotaExceeded")
    assert "exceeded quota: compute; lower scale.replicas or units" in said(found, "Ready").message


def test_an_image_that_cannot_be_pulled_makes_the_model_unavailable() -> None:
    found = status(pod(**PULL))
    assert said(found, "Placed").status == "True"
    assert said(found, "Available")[:2] == ("False", "ImagePullFailed")
    assert said(found, "Ready") == said(found, "Available")


def test_while_another_replica_serves_the_trouble_of_one_is_only_told() -> None:
    found = status(pod("a", ready=True), pod("b", **PULL), raw=replicas(2))
    assert said(found, "Available")[:2] == ("True", "Available")
    assert said(found, "Available").message.startswith("1 of 2 replicas are ready; 1 of 2 replicas: container")
    assert said(found, "Ready").status == "True"
    assert "cannot get its image" in said(found, "Ready").message


def test_many_replicas_in_one_trouble_are_one_sentence() -> None:
    found = status(*(pod(str(number), **PULL) for number in range(9)), raw=replicas(9))
    assert said(found, "Available").message.startswith("9 of 9 replicas: container")
    assert said(found, "Available").message.count("cannot get its image") == 1


def test_a_replica_whose_node_is_lost_is_told() -> None:
    found = status(pod(), nodes=[node(ready=False)])
    assert said(found, "Available") == Said("False", "NodesNotReady", 'its node "n" is not ready')


def test_a_replica_that_was_evicted_counts_until_another_has_taken_its_place() -> None:
    gone = pod("a", phase="Failed", reason="Evicted", message="low on memory")
    found = status(gone)
    assert said(found, "Available") == Said("False", "Evicted", "a replica before: its node evicted it: low on memory")
    assert found["replicas"] == 0
    assert said(status(gone, pod("b", ready=True)), "Ready").message == "1 of 1 replicas are ready"


def test_replicas_that_start_are_waited_for() -> None:
    assert said(status(pod()), "Available")[:2] == ("False", "Starting")
    assert said(status(pod(node="")), "Available") == Said("False", "Pending", "no replica has a node yet")


def test_a_model_that_is_scaled_to_zero_says_that_it_is_and_why_it_does_not_serve() -> None:
    found = status(raw=replicas(0))
    assert said(found, "Placed")[:2] == ("True", "ScaledToZero")
    assert said(found, "Ready")[:2] == ("False", "ScaledToZero")
    assert "spec.scale.replicas" in said(found, "Ready").message


def test_a_model_that_is_rolled_out_says_how_far_it_is() -> None:
    found = status(pod("a", ready=True), pod("b"), raw=replicas(2), deployments=[deployment(desired=2, ready=1)])
    assert said(found, "Progressing") == Said(
        "True", "RollingOut", "2 of 2 replicas are of the newest version, 1 of 2 ready"
    )


def test_a_rollout_that_ran_out_of_time_is_the_reason_where_no_better_is_known() -> None:
    late = deployment(condition("Progressing", "False", "ProgressDeadlineExceeded", "it has timed out"))
    assert said(status(pod(), deployments=[late]), "Progressing")[:2] == ("False", "ProgressDeadlineExceeded")
    assert said(status(pod(), deployments=[late]), "Ready")[:2] == ("False", "ProgressDeadlineExceeded")
    assert said(status(pod(**PULL), deployments=[late]), "Ready").reason == "ImagePullFailed"
    assert said(status(pod(ready=True), deployments=[late]), "Ready").status == "True"


def test_pods_that_go_away_are_no_replicas() -> None:
    gone = pod("a", ready=True)
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert status(gone)["replicas"] == 0


def test_a_deployment_of_an_object_that_had_the_name_before_is_not_the_models() -> None:
    raw = placed()
    raw["metadata"]["uid"] = "another"
    assert said(status(raw=raw, deployments=[deployment(QUOTA)]), "Placed").reason == "Pending"
    del raw["metadata"]["uid"]
    assert said(status(raw=raw, deployments=[deployment(QUOTA)]), "Placed").reason == "QuotaExceeded"


def test_a_model_that_fits_nowhere_is_not_placed() -> None:
    small, raw = hardware_class(capacity={"maxUnits": 1}), model(placement={"classes": [{"name": "gpu", "units": 2}]})
    found = statuses(small, raw)[M]
    assert said(found, "Accepted").status == "True"
    assert said(found, "Placed")[:2] == ("False", "DoesNotFit")
    assert said(found, "Ready") == said(found, "Placed")


def test_a_class_that_is_never_chosen_is_told_and_nothing_more() -> None:
    raw = model(placement={"classes": [{"name": "gpu", "units": 2}, {"name": "big", "units": 2}]})
    small, big = hardware_class(capacity={"maxUnits": 1}), hardware_class(name="big")
    found = statuses(small, big, raw, cluster=Cluster(pods=[pod(ready=True)]))[M]
    assert said(found, "Placed")[:2] == ("True", "Placed")
    assert "this class is never chosen" in said(found, "Placed").message


@pytest.mark.parametrize(
    ("classes", "pods", "expected"),
    [
        (["gpu"], [], "True"),
        (["gpu"], [pod(ready=True)], "True"),
        (["fit", "gpu"], [], "False"),
        (["fit", "gpu"], [pod(ready=True)], "True"),
        (["fit"], [], "False"),
    ],
)
def test_a_model_is_misplaced_where_it_runs_or_cannot_but_run_on_what_suits_other_work(
    classes: list[str], pods: list[Document], expected: str
) -> None:
    raw = model(placement={"classes": [{"name": name} for name in classes]})
    known = hardware_class(suits=["vision"]), hardware_class(name="fit")
    found = statuses(*known, raw, cluster=Cluster(pods=pods, nodes=[node()]))[M]
    assert said(found, "Misplaced").status == expected
    assert said(found, "Accepted").message == "the spec is in order"


def test_a_hosted_model_is_ready_once_it_is_taken_and_its_references_close() -> None:
    found = statuses(model(**HOSTED))[M]
    assert types(found) == ["Accepted", "ResolvedRefs", "Ready"]
    assert said(found, "Ready")[:2] == ("True", "Ready")
    assert found.keys() == {"observedGeneration", "conditions"}


def test_a_hosted_model_whose_key_is_missing_is_not_ready() -> None:
    credentials = {"secretRef": {"name": "hub", "key": "token"}}
    found = statuses(model(engine=None, external={**HOSTED["external"], "credentials": credentials}))[M]
    assert said(found, "Ready")[:2] == ("False", "SecretNotFound")
    assert said(found, "Ready") == said(found, "ResolvedRefs")


def test_a_secret_that_could_not_be_read_is_not_missing() -> None:
    credentials = {"secretRef": {"name": "hub", "key": "token"}}
    raw = model(engine=None, external={**HOSTED["external"], "credentials": credentials})
    found = statuses(raw, cluster=Cluster(unknown={"Secret": "403 Forbidden"}))[M]
    assert said(found, "ResolvedRefs") == Said(
        "Unknown", "NotReadable", "objects of the kind Secret could not be read: 403 Forbidden"
    )
    assert said(found, "Ready").status == "Unknown"


def test_a_class_that_could_not_be_read_is_not_missing() -> None:
    found = statuses(placed(), cluster=Cluster(unknown={"HardwareClass": "timeout"}))[M]
    assert said(found, "ResolvedRefs")[:2] == ("Unknown", "NotReadable")
    missing = statuses(placed())[M]
    assert said(missing, "ResolvedRefs")[:2] == ("False", "HardwareClassNotFound")
    assert said(missing, "ResolvedRefs").message.startswith(
        'spec.placement.classes[0].name: no HardwareClass "gpu" is declared'
    )


def test_pods_that_could_not_be_read_leave_open_what_is_with_them() -> None:
    found = status(unknown={"Pod": "403", "Deployment": "403"})
    for type_ in ("Placed", "Available", "Progressing", "Ready"):
        assert said(found, type_)[:2] == ("Unknown", "NotReadable")
    assert "replicas" not in found
    assert found["selector"] == "modelfleet.dev/model=m"


def test_what_is_known_to_be_wrong_counts_before_what_is_not_known() -> None:
    found = statuses(placed(), cluster=Cluster(unknown={"Pod": "403"}))[M]
    assert said(found, "Ready")[:2] == ("False", "HardwareClassNotFound")


def test_a_spec_that_is_wrong_is_not_accepted_and_its_replicas_are_counted_all_the_same() -> None:
    found = status(pod(ready=True), raw=model(work="broken"), deployments=[deployment(ready=1)])
    assert said(found, "Accepted").status == "False"
    assert said(found, "Accepted").message.startswith("spec.work: ")
    assert said(found, "Available")[:2] == ("True", "Available")
    assert said(found, "Ready") == said(found, "Accepted")
    assert found["replicas"] == 1


def test_a_spec_that_is_wrong_and_that_nothing_was_made_of_is_judged_no_further() -> None:
    found = status(raw=model(work="broken"))
    others = ("ResolvedRefs", "Placed", "Available", "Progressing", "Misplaced")
    assert {said(found, type_)[:2] for type_ in others} == {("Unknown", "NotAccepted")}
