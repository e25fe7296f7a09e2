"""How far a Deployment has come, and why it cannot make its pods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload, parse_workload
from tests.support.cluster_objects import condition, deployment
from tests.support.documents import Document
from tests.support.values import JSON, ODD

QUOTA = "exceeded quota: compute, requested: nvidia.com/gpu=1, used: nvidia.com/gpu=4, limited: nvidia.com/gpu=4"
SECURITY = 'violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set it)'
WEBHOOK = 'admission webhook "policy.example.com" denied the request: images come from our registry'


def parsed(raw: Document) -> Workload:
    found = parse_workload(raw)
    assert found
    return found


def trouble(*conditions: Document) -> Trouble:
    found = parsed(deployment(*conditions)).trouble
    assert found
    return found


def refused(message: str) -> Trouble:
    return trouble(condition("Progressing", "True"), condition("ReplicaFailure", "True", "FailedCreate", message))


def test_a_deployment_is_read() -> None:
    assert parsed(deployment(desired=3, ready=2)) == Workload(
        key=Key("Deployment", "default", "m-gpu"),
        uid="uid-m-gpu",
        owner_uid="uid-m",
        model="m",
        hardware="gpu",
        desired=3,
        ready=2,
        updated=3,
        generation=2,
        seen=2,
    )


def test_a_deployment_without_a_number_wants_one_replica() -> None:
    raw = deployment()
    del raw["spec"]["replicas"]
    assert parsed(raw).desired == 1


def test_a_deployment_of_nobody_has_no_owner() -> None:
    raw = deployment()
    raw["metadata"]["ownerReferences"] = [{"kind": "Rollout", "uid": "x"}]
    assert parsed(raw).owner_uid == ""


def test_a_deployment_is_done_once_its_newest_version_is_seen_updated_and_ready() -> None:
    assert parsed(deployment(desired=2, ready=2)).is_done
    assert not parsed(deployment(desired=2, ready=1)).is_done
    assert not parsed(deployment(desired=2, ready=2, updatedReplicas=1)).is_done
    assert not parsed(deployment(desired=2, ready=2, observedGeneration=1)).is_done


def test_a_single_replica_is_not_done_while_the_one_before_it_is_there() -> None:
    # One is of the newest template, and one is ready: the other one.
    found = parsed(deployment(desired=1, ready=1, replicas=2))
    assert (found.older, found.is_done) == (1, False)
    assert parsed(deployment(desired=1, ready=1, replicas=1)).is_done


def test_what_a_deployment_was_made_from_is_read() -> None:
    raw = deployment()
    raw["metadata"]["annotations"] = {"modelfleet.dev/hash": "a-b"}
    assert parsed(raw).hash == "a-b"


@pytest.mark.parametrize("front", ['pods "m-gpu-6d4cf56db6-4x5kp" is forbidden: ', ""])
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (QUOTA, Reason.QUOTA_EXCEEDED),
        (SECURITY, Reason.ADMISSION_DENIED),
        (WEBHOOK, Reason.ADMISSION_DENIED),
        ('failed calling webhook "policy.example.com": context deadline exceeded', Reason.ADMISSION_DENIED),
        ("ValidatingAdmissionPolicy 'gpu' with binding 'all' denied request: no", Reason.ADMISSION_DENIED),
        ("no PriorityClass with name interactive was found", Reason.CREATE_FAILED),
    ],
)
def test_a_refusal_is_told_in_its_own_words_without_the_pod_that_never_was(
    front: str, words: str, reason: Reason
) -> None:
    found = refused(front + words)
    assert (found.condition, found.reason) == (Condition.PLACED, reason)
    assert found.message.startswith(f"no pod can be made: {words}; ")


def test_a_deployment_that_ran_out_of_time_says_so() -> None:
    found = trouble(condition("Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "m" has timed out'))
    assert found == Trouble(Condition.PROGRESSING, Reason.PROGRESS_DEADLINE_EXCEEDED, 'ReplicaSet "m" has timed out')


def test_a_refusal_counts_before_the_time_that_ran_out_because_of_it() -> None:
    late = condition("Progressing", "False", "ProgressDeadlineExceeded", "late")
    assert trouble(late, condition("ReplicaFailure", "True", "FailedCreate", QUOTA)).reason is Reason.QUOTA_EXCEEDED


def test_a_replica_set_that_cannot_be_made_is_told() -> None:
    found = trouble(condition("Progressing", "False", "ReplicaSetCreateError", "is forbidden: too many"))
    assert (found.condition, found.reason) == (Condition.PLACED, Reason.CREATE_FAILED)


def test_a_deployment_that_gets_on_is_in_no_trouble() -> None:
    gone = condition("ReplicaFailure", "False", "FailedCreate", QUOTA)
    assert parsed(deployment(condition("Progressing", "True", "NewReplicaSetAvailable"), gone)).trouble is None


@pytest.mark.parametrize("raw", [None, {}, [], {"metadata": []}, {"metadata": {"name": 3}}])
def test_what_has_no_name_is_no_deployment(raw: Any) -> None:
    assert parse_workload(raw) is None


@given(ODD)
def test_no_deployment_is_odd_enough_to_raise(raw: Any) -> None:
    parse_workload(raw)


@given(st.dictionaries(st.sampled_from(["labels", "ownerReferences", "generation", "uid"]), JSON), JSON, JSON)
def test_what_is_odd_in_a_deployment_counts_as_not_said(metadata: dict[str, Any], spec: Any, status: Any) -> None:
    found = parsed({"metadata": {**metadata, "name": "a"}, "spec": spec, "status": status})
    assert min(found.desired, found.ready, found.updated, found.generation, found.seen) >= 0
