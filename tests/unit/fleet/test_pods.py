"""What is wrong with a pod, in whose words, and which condition of its model says so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.pods import Pod, parse_pod
from modelfleet.fleet.troubles import Trouble
from tests.support.cluster_objects import UNSCHEDULABLE, condition, pod, unscheduled, waiting
from tests.support.documents import Document
from tests.support.values import JSON, ODD

PULL = 'failed to pull and unpack image "example.com/engine:1": not found'
OOM = {"exitCode": 137, "reason": "OOMKilled"}


def parsed(raw: Document) -> Pod:
    found = parse_pod(raw)
    assert found
    return found


def trouble(raw: Document) -> Trouble:
    found = parsed(raw).trouble
    assert found
    return found


def of_container(status: Document) -> Trouble:
    return trouble(pod(containerStatuses=[status]))


def test_a_pod_is_read() -> None:
    found = parsed(pod(ready=True))
    assert found == Pod(
        Key("Pod", "default", "m-1"), "uid-m-1", "m", "gpu", "n", ready=True, terminating=False, created=found.created
    )
    assert found.created == "2026-01-01T00:00:00Z"


def test_a_pod_says_how_many_units_it_takes_and_what_it_asks_for() -> None:
    raw = pod()
    raw["metadata"]["labels"] = {"modelfleet.dev/units": "4"}
    raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m", "nvidia.com/gpu": "4"}}
    found = parsed(raw)
    assert (found.units, found.requests) == (4, (("cpu", 500), ("nvidia.com/gpu", 4000)))


@pytest.mark.parametrize("units", ["", "-1", "1.5", "many", "٤", "9" * 20, 3, None])
def test_units_that_are_no_number_count_as_none(units: Any) -> None:
    raw = pod()
    raw["metadata"]["labels"] = {"modelfleet.dev/units": units}
    assert parsed(raw).units == 0


def test_a_pod_waits_from_the_time_at_which_the_scheduler_had_no_node_for_it() -> None:
    said = {**condition("PodScheduled", "False", "Unschedulable"), "lastTransitionTime": "1970-01-01T00:01:00Z"}
    assert parsed(pod(node="", conditions=[said])).waiting == 60.0
    for other in ({**said, "reason": "SchedulingGated"}, {**said, "status": "True"}, {**said, "status": "Unknown"}):
        assert parsed(pod(node="", conditions=[other])).waiting == 0.0
    assert parsed(unscheduled()).waiting == 0.0


def test_a_pod_that_has_just_been_made_only_needs_time() -> None:
    assert parsed(pod(node="")).trouble is None
    assert parsed(pod(containerStatuses=[waiting("ContainerCreating")])).trouble is None
    assert parsed(pod(initContainerStatuses=[waiting("PodInitializing")])).trouble is None


def test_a_pod_that_cannot_be_scheduled_says_why_in_the_schedulers_words() -> None:
    found = trouble(unscheduled())
    assert (found.condition, found.reason) == (Condition.PLACED, Reason.UNSCHEDULABLE)
    assert UNSCHEDULABLE in found.message


def test_a_pod_that_waits_for_its_volume_is_told_from_one_that_waits_for_room() -> None:
    found = trouble(unscheduled("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."))
    assert (found.condition, found.reason) == (Condition.PLACED, Reason.VOLUME_PENDING)


def test_a_pod_that_is_held_back_by_a_gate_says_so() -> None:
    gated = condition(
        "PodScheduled", "False", "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"
    )
    found = trouble(pod(node="", conditions=[gated]))
    assert found.reason is Reason.UNSCHEDULABLE
    assert "scheduling gates" in found.message


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_cannot_be_pulled_is_named_with_the_kubelets_words(reason: str) -> None:
    found = of_container(waiting(reason, PULL))
    assert (found.condition, found.reason) == (Condition.AVAILABLE, Reason.IMAGE_PULL_FAILED)
    assert found.message.startswith(f'container "engine" cannot get its image "example.com/engine:1": {PULL};')
    assert "spec.engine.image" in found.message


def test_a_container_that_lacks_a_secret_says_which() -> None:
    found = of_container(waiting("CreateContainerConfigError", 'secret "hub" not found'))
    assert (found.condition, found.reason) == (Condition.AVAILABLE, Reason.CONFIG_ERROR)
    assert 'secret "hub" not found' in found.message


def test_a_crash_loop_names_the_container_its_exit_code_and_the_command_that_shows_its_log() -> None:
    back_off = "back-off 2m40s restarting failed container=engine pod=m-1_default(0c3e)"
    found = of_container(
        waiting("CrashLoopBackOff", back_off, restarts=7, last={"exitCode": 1, "message": "no weights"})
    )
    assert (found.condition, found.reason) == (Condition.AVAILABLE, Reason.CRASH_LOOP)
    assert found.message == (
        'container "engine" ended with exit code 1 (no weights), started again 7 times:'
        " `kubectl logs -n default -l modelfleet.dev/model=m -c engine --previous` shows its last words"
    )


def test_a_container_between_two_crashes_is_in_the_same_trouble_as_in_the_pause() -> None:
    running = {**waiting("x", restarts=7, last={"exitCode": 1}), "state": {"running": {"startedAt": "now"}}}
    assert of_container(running) == of_container(waiting("CrashLoopBackOff", restarts=7, last={"exitCode": 1}))
    just_ended = {**waiting("x", restarts=7), "state": {"terminated": {"exitCode": 1}}}
    assert of_container(just_ended) == of_container(running)


def test_a_container_that_crashed_once_and_serves_again_is_in_no_trouble() -> None:
    status = {**waiting("x", restarts=7, last={"exitCode": 1}), "state": {"running": {}}, "ready": True}
    assert parsed(pod(ready=True, containerStatuses=[status])).trouble is None
    assert parsed(pod(containerStatuses=[status])).trouble is None


def test_a_program_that_ends_by_itself_is_in_a_crash_loop_too() -> None:
    found = of_container(waiting("CrashLoopBackOff", restarts=3, last={"exitCode": 0}))
    assert found.reason is Reason.CRASH_LOOP
    assert "exit code 0" in found.message


def test_a_command_that_is_not_in_the_image_is_told_as_that() -> None:
    assert (
        "the command is not in the image" in of_container(waiting("CrashLoopBackOff", last={"exitCode": 127})).message
    )


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", ""])
def test_a_container_out_of_memory_names_its_limit_and_what_helps(reason: str) -> None:
    found = of_container(waiting(reason, restarts=2, last=OOM))
    assert (found.condition, found.reason) == (Condition.AVAILABLE, Reason.OUT_OF_MEMORY)
    assert "limit of 24Gi" in found.message
    assert "take more units" in found.message


def test_a_container_out_of_memory_without_a_known_limit_says_nothing_of_one() -> None:
    found = of_container({**waiting("CrashLoopBackOff", last=OOM), "name": "other"})
    assert "its limit, started" in found.message


def test_an_init_container_that_fails_is_told_from_the_engine() -> None:
    found = trouble(pod(initContainerStatuses=[waiting("CrashLoopBackOff", last={"exitCode": 2})]))
    assert (found.condition, found.reason) == (Condition.AVAILABLE, Reason.INIT_FAILED)
    assert found.message.startswith('init container "engine" ended with exit code 2')


def test_an_init_container_that_is_done_is_in_no_trouble() -> None:
    done = {"name": "load", "ready": True, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    assert parsed(pod(initContainerStatuses=[done], containerStatuses=[waiting("PodInitializing")])).trouble is None


def test_a_pod_that_was_evicted_has_ended_and_says_why() -> None:
    raw = pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    found = trouble(raw)
    assert (found.condition, found.reason) == (Condition.AVAILABLE, Reason.EVICTED)
    assert "The node was low on resource: memory." in found.message
    assert parsed(raw).ended


def test_a_pod_that_ended_for_another_reason_names_it() -> None:
    found = trouble(pod(phase="Failed", reason="UnexpectedAdmissionError", message="Allocate failed"))
    assert found.reason is Reason.POD_FAILED
    assert found.message == "it ended for good: UnexpectedAdmissionError: Allocate failed"


def test_a_pod_that_goes_away_is_in_no_trouble() -> None:
    raw = unscheduled()
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = parsed(raw)
    assert (found.terminating, found.trouble) == (True, None)


def test_what_others_say_is_told_on_one_line_and_within_bounds() -> None:
    found = of_container(waiting("ErrImagePull", "first\n\tsecond " + "x" * 100_000))
    assert "first second x" in found.message
    assert len(found.message) < 1300


@pytest.mark.parametrize("raw", [None, {}, [], {"metadata": []}, {"metadata": {"name": 3}}])
def test_what_has_no_name_is_no_pod(raw: Any) -> None:
    assert parse_pod(raw) is None


@given(ODD)
def test_no_pod_is_odd_enough_to_raise(raw: Any) -> None:
    parse_pod(raw)


STATES = st.fixed_dictionaries(
    {}, optional={"waiting": JSON, "terminated": JSON | st.fixed_dictionaries({"exitCode": JSON})}
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": JSON,
            "image": JSON,
            "ready": JSON,
            "restartCount": JSON,
            "state": STATES,
            "lastState": STATES,
        },
    ),
    max_size=2,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "phase": st.sampled_from(["Failed", "Running"]) | JSON,
            "reason": JSON,
            "conditions": st.lists(
                JSON
                | st.fixed_dictionaries({"type": st.just("PodScheduled"), "status": st.just("False"), "reason": JSON})
            ),
            "containerStatuses": CONTAINERS | JSON,
            "initContainerStatuses": CONTAINERS | JSON,
        },
    ),
    JSON,
)
def test_what_is_odd_in_a_pod_counts_as_not_said(status: dict[str, Any], spec: Any) -> None:
    found = parsed({"metadata": {"name": "a", "labels": {"modelfleet.dev/model": "m"}}, "spec": spec, "status": status})
    assert found.trouble is None or found.trouble.message
