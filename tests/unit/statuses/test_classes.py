"""How the classes of hardware stand with a model: what runs where, what moves, what it costs, and why not elsewhere."""

from typing import Any

import pytest

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.times import seconds
from modelfleet.fleet.troubles import Trouble
from modelfleet.placement.result import Share
from tests.support.cluster_objects import UNSCHEDULABLE, deployment, node, pod, unscheduled
from tests.support.documents import Document, hardware_class, model
from tests.support.statuses import NOW, Cluster, M, Said, planned, said, statuses

EARLIER, LATER = "2026-01-31T11:00:00Z", "2026-01-31T13:00:00Z"
FULL = "4 of 4 units are taken, 3 by default/other: scale it down, or raise maxUnits"
CLASSES = (
    hardware_class(name="gpu", price={"perUnitHour": "0.71"}),
    hardware_class(name="cpu", price={"perUnitHour": "0.34"}),
)


def share(
    hardware: str,
    target: int = 0,
    reason: Reason = Reason.CHOSEN,
    message: str = "as wished",
    *,
    replicas: int | None = None,
    since: str = NOW,
) -> Share:
    return Share(hardware, 2, target if replicas is None else replicas, target, reason, message, seconds(since))


def on(hardware: str, name: str, **fields: Any) -> Document:
    """A replica on a class, of two units."""
    raw = pod(name, **fields)
    labels = {"modelfleet.dev/hardware-class": label_value(hardware), "modelfleet.dev/units": "2"}
    raw["metadata"]["labels"] = {**raw["metadata"]["labels"], **labels}
    return raw


def status(*shares: Share, replicas: int = 1, documents: tuple[Document, ...] = CLASSES, **cluster: Any) -> Any:
    names = dict.fromkeys([*(one.hardware for one in shares if one.hardware), "gpu", "cpu"])
    raw = model(placement={"classes": [{"name": name} for name in names][:8]}, scale={"replicas": replicas})
    around = Cluster(**{"nodes": [node()], "plan": planned(*shares), **cluster})
    return statuses(*documents, raw, cluster=around)[M]


def test_every_class_says_what_runs_there_and_why_no_more_does() -> None:
    found = status(
        share("gpu", 1, Reason.FULL, FULL),
        share("cpu", 2),
        replicas=3,
        pods=[on("gpu", "a", ready=True), on("cpu", "b", ready=True), on("cpu", "c")],
    )
    assert found["classes"] == [
        {
            "name": "gpu",
            "chosen": True,
            "replicas": 1,
            "readyReplicas": 1,
            "units": 2,
            "reason": "Full",
            "message": FULL,
            "since": NOW,
        },
        {
            "name": "cpu",
            "chosen": True,
            "replicas": 2,
            "readyReplicas": 1,
            "units": 2,
            "reason": "Chosen",
            "message": "as wished",
            "since": NOW,
        },
    ]
    assert found["placedOn"] == "gpu, cpu"
    assert found["costPerHour"] == "2.78 USD"


def test_a_class_that_is_to_have_a_replica_is_chosen_before_it_has_one() -> None:
    (gpu, cpu) = status(share("gpu", 1), share("cpu", reason=Reason.NOT_NEEDED))["classes"]
    assert (gpu["chosen"], gpu["replicas"]) == (True, 0)
    assert (cpu["chosen"], cpu["replicas"]) == (False, 0)


def test_a_replica_without_a_node_costs_nothing() -> None:
    found = status(share("gpu", 2), replicas=2, pods=[on("gpu", "a", ready=True), on("gpu", "b", node="")])
    assert found["costPerHour"] == "1.42 USD"
    assert "costPerHour" not in status(share("gpu", 1), pods=[on("gpu", "a", node="")])


def test_replicas_on_a_class_that_is_gone_are_told_to_have_no_price() -> None:
    found = status(
        share("gpu", 1),
        share("old", 0, Reason.LEAVING, "goes once its successor is ready", replicas=1),
        pods=[on("old", "a", ready=True), on("gpu", "b")],
    )
    assert found["costPerHour"] == "1.42 USD, 2 units without a price"
    assert found["placedOn"] == "gpu, old"


def test_a_class_with_a_long_name_is_known_by_the_label_of_its_pods() -> None:
    name = "c" * 70
    found = status(share(name, 1), pods=[on(name, "a", ready=True)], documents=(hardware_class(name=name), *CLASSES))
    assert (found["classes"][0]["name"], found["classes"][0]["replicas"]) == (name, 1)
    assert found["placedOn"] == name
    gone = status(share(name, 1), pods=[on(name, "a", ready=True)])
    assert gone["placedOn"] == name


def test_a_model_that_may_run_on_any_node_has_no_classes() -> None:
    anywhere = Share("", 0, 1, 1, Reason.CHOSEN, "any node", 0.0)
    assert "classes" not in status(anywhere, pods=[pod(ready=True)])


def test_without_a_plan_nothing_is_said_of_classes() -> None:
    assert "classes" not in status(pods=[on("gpu", "a", ready=True)], plan=None)


def test_a_status_has_no_more_classes_than_the_api_server_takes() -> None:
    shares = [share(f"c{number}", 0, Reason.FULL, FULL) for number in range(20)]
    assert [one["name"] for one in status(*shares)["classes"]] == [f"c{number}" for number in range(16)]


# Since when.


def test_every_reason_says_since_when_it_holds() -> None:
    found = status(share("gpu", 0, Reason.FULL, FULL, since=EARLIER), share("cpu", 1))
    assert [one["since"] for one in found["classes"]] == [EARLIER, NOW]


STANDING = [
    {"name": "gpu", "chosen": False, "reason": "Full", "message": FULL, "since": EARLIER},
    {"name": "cpu", "chosen": True, "reason": "Chosen", "message": "as wished", "since": LATER},
]


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        ({"unknown": {"Node": "403"}}, "while objects of the kind Node cannot be read: 403"),
        ({"unknown": {"Pod": "403"}}, "while objects of the kind Pod cannot be read: 403"),
        ({"documents": CLASSES[:1]}, 'before what is wrong with HardwareClass "cpu" is put right'),
    ],
)
def test_a_model_that_was_not_planned_keeps_its_classes_as_they_stand(cluster: dict[str, Any], why: str) -> None:
    found = status(pods=[on("cpu", "a", ready=True)], standing=STANDING, **cluster)
    kept = [{name: part for name, part in one.items() if "eplicas" not in name} for one in found["classes"]]
    assert kept == STANDING
    assert said(found, "Placed").message.endswith(f"nothing is moved {why}") or "Pod" in why
    assert [one.get("replicas") for one in found["classes"]] == ([None, None] if "Pod" in why else [0, 1])


def test_a_spec_that_is_wrong_keeps_the_classes_as_they_stand() -> None:
    around = Cluster(plan=planned(), standing=STANDING)
    found = statuses(model(work="broken"), cluster=around)[M]
    assert [one["reason"] for one in found["classes"]] == ["Full", "Chosen"]


# Why not elsewhere.


def test_replicas_on_another_class_than_the_preferred_one_are_placed_and_the_sum_says_why() -> None:
    found = status(share("gpu", 0, Reason.FULL, FULL), share("cpu", 1), pods=[on("cpu", "a", ready=True)])
    assert said(found, "Placed") == Said("True", "Placed", f"1 of 1 replicas have a node; gpu: {FULL}")
    assert said(found, "Ready") == Said("True", "Ready", f"1 of 1 replicas are ready; gpu: {FULL}")


def test_a_class_that_is_less_preferred_than_all_in_use_is_not_spoken_of() -> None:
    found = status(share("gpu", 1), share("cpu", 0, Reason.FULL, FULL), pods=[on("gpu", "a", ready=True)])
    assert said(found, "Ready").message == "1 of 1 replicas are ready"


def test_a_replica_that_waits_is_told_with_what_every_class_says() -> None:
    found = status(
        share("gpu", 1, Reason.FULL, FULL),
        share("cpu", 0, Reason.TAINTED, "every node is tainted: add a toleration"),
        pods=[unscheduled()],
    )
    assert said(found, "Placed") == Said(
        "False",
        "Unschedulable",
        f"the scheduler says: {UNSCHEDULABLE}; gpu: {FULL}; cpu: every node is tainted: add a toleration",
    )
    assert said(found, "Ready") == said(found, "Placed")


def test_what_the_scheduler_says_is_told_once() -> None:
    words = f"the scheduler says: {UNSCHEDULABLE}".removesuffix(".")
    late = share("gpu", 1, Reason.UNSCHEDULABLE, f"{words}; held by default/other; free some, or add nodes")
    found = status(late, share("cpu", 1), replicas=2, pods=[unscheduled(), on("cpu", "a", ready=True)])
    assert (
        said(found, "Placed").message
        == f"1 of 2 replicas: {words}.; gpu: held by default/other; free some, or add nodes"
    )
    assert found["classes"][0]["message"] == late.message


def test_a_class_that_was_refused_and_has_replicas_yet_is_spoken_of_and_one_that_is_named_no_more_is_not() -> None:
    found = status(
        share("gpu", 0, Reason.LEAVING, "2 nodes not ready; 1 replica may stay", replicas=1),
        share("cpu", 1),
        share("old", 0, Reason.LEAVING, "is not named", replicas=1),
        pods=[on("gpu", "a", ready=True), on("cpu", "b")],
    )
    assert said(found, "Placed").message.endswith("; gpu: 2 nodes not ready; 1 replica may stay")


def test_a_model_that_no_class_takes_says_so_before_the_scheduler_does() -> None:
    found = status(share("gpu", 1, Reason.NO_MATCHING_NODES, "no node"), share("cpu", 0, Reason.FULL, FULL))
    assert said(found, "Placed") == Said(
        "False", "NoMatchingNodes", f"no replica exists yet; gpu: no node; cpu: {FULL}"
    )
    assert said(status(share("gpu", 1), share("cpu", 0, Reason.FULL, FULL)), "Placed").reason == "Pending"


def test_a_child_that_is_refused_keeps_a_model_from_being_placed_whatever_runs() -> None:
    taken = Trouble(Condition.PLACED, Reason.NAME_TAKEN, 'Service "m" belongs to somebody else: rename one of the two')
    found = status(share("gpu", 1), pods=[on("gpu", "a", ready=True)], refused=(taken,))
    assert said(found, "Placed") == Said("False", "NameTaken", taken.message)
    assert said(found, "Available").status == "True"
    assert said(found, "Ready") == said(found, "Placed")


def test_a_replica_beyond_those_that_are_wanted_may_wait_for_room() -> None:
    found = status(share("gpu", 1), pods=[on("gpu", "a", ready=True), unscheduled(name="b")])
    assert said(found, "Placed")[:2] == ("True", "Placed")
    assert "1 of 2 replicas: the scheduler says: " in said(found, "Placed").message


# What moves.


def moving(leaves: int, *pods: Document, target: int = 2) -> Said:
    found = status(
        share("gpu", target),
        share("cpu", 2 - target, replicas=2 - target + leaves),
        replicas=2,
        pods=[on("cpu", "a", ready=True), *pods],
        deployments=[deployment(desired=2, ready=1)],
    )
    return said(found, "Progressing")


def test_a_replica_that_moves_is_told_with_where_it_goes() -> None:
    assert moving(1, target=1)[:2] == ("True", "RollingOut")
    assert moving(1, target=1).message.startswith(
        "1 of 2 replicas moves from cpu to gpu, its successor is not ready yet; "
    )
    assert moving(2).message.startswith("2 of 2 replicas move from cpu to gpu, their successors are not ready yet; ")


def test_a_replica_that_has_nowhere_to_go_is_told_to_stay() -> None:
    found = status(
        share("gpu", 0, Reason.TAINTED, "tainted"),
        share("cpu", 0, Reason.LEAVING, "refused", replicas=1),
        pods=[on("cpu", "a", ready=True)],
        deployments=[deployment(ready=1)],
    )
    assert said(found, "Progressing") == Said(
        "True",
        "RollingOut",
        "1 of 1 replicas stays on cpu until another class can take it; 1 of 1 replicas are of the newest version,"
        " 1 of 1 ready",
    )


# Where it does not belong.


def test_a_model_on_what_suits_other_work_says_what_is_paid_for_that() -> None:
    other = hardware_class(suits=["vision"], price={"perUnitHour": "0.71"})
    found = status(
        share("gpu", 1),
        share("cpu", 1),
        documents=(other, CLASSES[1]),
        replicas=2,
        pods=[on("gpu", "a", ready=True), on("cpu", "b", ready=True)],
    )
    assert found["costPerHour"] == "2.10 USD"
    assert said(found, "Misplaced").status == "True"
    assert said(found, "Misplaced").message.endswith("; 1.42 USD an hour is paid for replicas on what suits other work")


def test_a_long_name_has_a_selector_that_finds_its_pods() -> None:
    name = "m" * 70
    found = statuses(model(name=name))[Key("ModelDeployment", "default", name)]
    assert found["selector"] == f"modelfleet.dev/model={label_value(name)}"
