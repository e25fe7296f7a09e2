"""What the writer of children does to a real API server: it makes, mends and takes away what is a model's, no more."""

import copy
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from modelfleet.controllers import children as module
from modelfleet.controllers.likeness import contains
from modelfleet.findings import Key
from modelfleet.kube.client import Client
from tests.cluster.operator.objects import url
from tests.cluster.writing import (
    MODEL,
    Desk,
    Object,
    autoscaler,
    budget,
    claim,
    deployment,
    live,
    make_model,
    path_of,
    service,
    wait_until_gone,
    wait_until_made,
    writing,
)
from tests.testbed.api import MERGE, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, FaultProxy, Rule

JSON_PATCH = "application/json-patch+json"
PROMPT_S = 5.0
"""Within which what somebody else changed is as it was."""


@pytest.fixture(autouse=True)
def quick_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace is what tests of paces look at; all others edit one object more often than anybody does."""
    monkeypatch.setattr(module, "EACH_S", 0.02)


def family(namespace: str) -> tuple[Object, ...]:
    return service(namespace), budget(namespace), deployment(namespace), autoscaler(namespace), claim(namespace)


def made_family(bed: Bed, desk: Desk, uid: str) -> tuple[Object, ...]:
    """All of a family, made and at rest."""
    objects = family(desk.namespace)
    desk.want(uid, *objects)
    wait_until_made(bed.api, *objects)
    still(desk)
    return objects


def still(desk: Desk, seconds: float = 0.6) -> int:
    """Waits until nothing has been written for so long. The number of the next write."""
    began = time.monotonic()

    def is_still() -> bool:
        last = max((write.at for write in desk.writes()), default=0.0)
        return time.monotonic() - max(last, began) > seconds

    wait_for("the writes to end", is_still, 30)
    return len(desk.proxy.writes)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of each value that is no map and no list."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path
    for name, part in items or ():
        yield from leaves(part, (*path, name))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def other(value: Any) -> Any:
    """Something else of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    known = {"500m": "600m", "4Gi": "5Gi", "TCP": "UDP", "ScheduleAnyway": "DoNotSchedule", "NoSchedule": "NoExecute"}
    known |= {"RuntimeDefault": "Unconfined", "1Gi": "2Gi", "metadata.name": "metadata.namespace", "In": "NotIn"}
    return known.get(value, f"{value}x")


def pointer(path: tuple[str | int, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def test_a_family_is_made_in_its_order_by_server_side_apply_with_its_owner(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    written = desk.writes()
    assert [(write.verb, write.name) for write in written] == [("patch", one["metadata"]["name"]) for one in objects]
    assert [write.resource for write in written] == [path_of(one).split("/")[-2] for one in objects]
    assert {write.status for write in written} == {HTTPStatus.CREATED}
    for one in objects:
        found = live(bed.api, one)
        assert contains(found, one)
        (owner,) = found["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (uid, True, True)
        managers = [(it["manager"], it["operation"]) for it in found["metadata"]["managedFields"]]
        assert ("modelfleet", "Apply") in managers
    assert desk.troubles() == []


def edited(bed: Bed, one: Object, path: tuple[str | int, ...]) -> bool:
    """Whether somebody could set this field of an object to something else."""
    before = live(bed.api, one)
    patch = [{"op": "replace", "path": pointer(path), "value": other(at(before, path))}]
    answer = bed.api.request("PATCH", path_of(one), patch, JSON_PATCH)
    if answer.status != HTTPStatus.OK:
        return False
    return bool(answer.body["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"])


def test_a_foreign_edit_of_every_owned_field_is_repaired(
    bed: Bed, desk: Desk, uid: str, evidence: Callable[..., None]
) -> None:
    edits, refused, slowest = 0, list[str](), 0.0
    for one in made_family(bed, desk, uid):
        owners = live(bed.api, one)["metadata"]["ownerReferences"]
        wanted = {**one, "metadata": {**one["metadata"], "ownerReferences": owners}}
        for path in leaves(wanted):
            if at(live(bed.api, one), path) != at(wanted, path):  # an item got another key, and stands beside ours
                expect(bed.api.delete(path_of(one)), HTTPStatus.OK)
                wait_for("a new one", lambda of=one, w=wanted: contains(live(bed.api, of), w), PROMPT_S)
            what = f"{one['kind']} {pointer(path)}"
            if not edited(bed, one, path):
                refused.append(what)
                continue
            began = time.monotonic()
            wait_for(what, lambda of=one, w=wanted: contains(live(bed.api, of), w), PROMPT_S)
            slowest, edits = max(slowest, time.monotonic() - began), edits + 1
    evidence(fields_edited=edits, that_nobody_can_edit=len(refused), slowest_seconds=round(slowest, 2))
    assert edits >= 60, refused
    wait_for("no trouble", lambda: desk.troubles() == [])


def test_what_others_add_stays_and_nothing_is_written_for_it(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    run = objects[2]
    before = still(desk)
    sidecar = {"name": "proxy", "image": "registry.example.com/proxy:1"}
    template: Object = {
        "metadata": {"labels": {"sidecar": "yes"}, "annotations": {"restarted": "now"}},
        "spec": {"containers": [sidecar], "volumes": [{"name": "certs", "emptyDir": {}}]},
    }
    engine: Object = {"name": "engine", "env": [{"name": "EXTRA", "value": "1"}]}
    engine["volumeMounts"] = [{"name": "certs", "mountPath": "/certs"}]
    engine["ports"] = [{"name": "debug", "containerPort": 9000, "protocol": "TCP"}]
    template["spec"]["containers"].append(engine)
    theirs: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": run["metadata"]["name"]}}
    theirs |= {"spec": {"minReadySeconds": 3, "template": template}}
    theirs["metadata"] |= {"labels": {"team": "search"}, "annotations": {"note": "ours"}}
    expect(bed.api.apply(path_of(run), theirs, manager="mesh"), HTTPStatus.OK)
    expect(bed.api.merge(path_of(objects[0]), {"spec": {"sessionAffinity": "ClientIP"}}), HTTPStatus.OK)
    still(desk)
    desk.children.look_at_all()
    still(desk)
    assert desk.writes(before) == []
    found = live(bed.api, run)
    assert contains(found, theirs)
    assert contains(found, run)
    changed = copy.deepcopy(run)
    changed["spec"]["template"]["spec"]["containers"][0]["args"] = ["--port=8000", "--fast"]
    desk.want(uid, *objects[:2], changed, *objects[3:])
    wait_for("our edit", lambda: contains(live(bed.api, run), changed))
    assert contains(live(bed.api, run), theirs)


def test_what_is_wanted_no_longer_of_an_object_is_taken_out_of_it(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    less = copy.deepcopy(objects[2])
    container = less["spec"]["template"]["spec"]["containers"][0]
    del container["args"], container["env"][1]
    before = still(desk)
    desk.want(uid, *objects[:2], less, *objects[3:])
    wait_for("a write", lambda: desk.writes(before))
    still(desk)
    found = live(bed.api, less)["spec"]["template"]["spec"]["containers"][0]
    assert ("args" in found, [it["name"] for it in found["env"]]) == (False, ["HOME"])
    assert [write.resource for write in desk.writes(before)] == ["deployments"], "the touched object only"


def test_what_is_not_wanted_any_more_is_deleted_and_only_that(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    objects = made_family(bed, desk, uid)
    second = deployment(namespace, "gpu")
    foreign = deployment(namespace, "foreign")
    expect(bed.api.apply(path_of(foreign), foreign), HTTPStatus.CREATED)
    desk.want(uid, *objects, second)
    wait_until_made(bed.api, second)
    still(desk)
    desk.want(uid, objects[0], second)
    wait_until_gone(bed.api, *objects[1:])
    still(desk)
    deleted = [write for write in desk.writes() if write.verb == "delete"]
    assert {write.body["propagationPolicy"] for write in deleted} == {"Background"}
    assert all({"uid", "resourceVersion"} == write.body["preconditions"].keys() for write in deleted)
    for one in (objects[0], second, foreign):
        assert live(bed.api, one), "it is wanted, or none of ours"


def test_nothing_is_deleted_before_all_that_is_wanted_is_there(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    objects = made_family(bed, desk, uid)
    wrong = deployment(namespace, "gpu")
    wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 99_999
    desk.want(uid, objects[0], wrong)
    wait_for("the refusal", desk.troubles)
    still(desk)
    ((reason, message),) = desk.troubles()
    assert reason == "CreateFailed"
    assert "99999" in message
    assert all(live(bed.api, one) for one in objects)
    desk.want(uid, objects[0], deployment(namespace, "gpu"))
    wait_until_gone(bed.api, *objects[1:])
    assert desk.troubles() == []


def test_a_foreign_object_of_the_name_is_left_alone_and_said(bed: Bed, desk: Desk, uid: str, namespace: str) -> None:
    foreign = {**service(namespace), "spec": {"ports": [{"port": 9}], "selector": {"app": "other"}}}
    foreign["metadata"] = {**foreign["metadata"], "labels": {"app": "other"}}
    expect(bed.api.apply(path_of(foreign), foreign), HTTPStatus.CREATED)
    version = live(bed.api, foreign)["metadata"]["resourceVersion"]
    objects = family(namespace)
    desk.want(uid, *objects)
    wait_until_made(bed.api, *objects[1:])
    wait_for("the trouble", desk.troubles)
    told = (
        'the name of the Service "chat" is taken: the one that is there was not made by modelfleet, and is left alone'
    )
    assert desk.troubles() == [("NameTaken", f"{told}; delete it, or name the model otherwise")]
    time.sleep(2)
    assert live(bed.api, foreign)["metadata"]["resourceVersion"] == version
    expect(bed.api.delete(path_of(foreign)), HTTPStatus.OK)
    wait_for("our own", lambda: contains(live(bed.api, foreign), objects[0]), 65)
    wait_for("the trouble to be over", lambda: desk.troubles() == [])
    assert desk.heard == 2


def test_an_object_that_comes_to_be_between_the_look_and_the_write_is_not_taken_over(
    bed: Bed, desk: Desk, uid: str, namespace: str
) -> None:
    foreign = {**service(namespace), "spec": {"ports": [{"port": 9}]}}
    with desk.proxy.rule(Rule(Delay(0.5, landed=False), resource="services", verb="patch", count=1)) as late:
        desk.want(uid, *family(namespace))
        wait_for("the write", lambda: late.hits)
        expect(bed.api.apply(path_of(foreign), foreign), HTTPStatus.CREATED)
        wait_for("the trouble", desk.troubles)
    assert desk.troubles()[0][0] == "NameTaken"
    assert "ownerReferences" not in live(bed.api, foreign)["metadata"]


@pytest.mark.parametrize("lost", ["label", "owner", "hash", "label and owner"])
def test_an_object_that_lost_what_it_is_known_by_is_known_by_the_rest(
    bed: Bed, desk: Desk, uid: str, lost: str
) -> None:
    objects = made_family(bed, desk, uid)
    changes: dict[str, Any] = {
        "label": {"labels": {"app.kubernetes.io/managed-by": None}},
        "owner": {"ownerReferences": None},
        "hash": {"annotations": {"modelfleet.dev/hash": None}},
    }
    patch = {name: part for word in lost.split(" and ") for name, part in changes[word].items()}
    for one in objects:
        version = live(bed.api, one)["metadata"]["resourceVersion"]
        expect(bed.api.request("PATCH", path_of(one), {"metadata": patch}, MERGE), HTTPStatus.OK)

        def is_mended(of: Object = one, before: str = version) -> bool:
            metadata = live(bed.api, of)["metadata"]
            known = metadata.get("ownerReferences") and "modelfleet.dev/hash" in metadata.get("annotations", {})
            return bool(known and contains(metadata, of["metadata"]) and metadata["resourceVersion"] != before)

        wait_for(f"the {one['kind']}", is_mended, PROMPT_S)
    still(desk)
    assert desk.troubles() == []
    assert {one.key.kind for one in desk.store.children(uid)} == {one["kind"] for one in objects}


def test_deleting_a_model_leaves_nothing_and_nothing_is_made_again(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    before = still(desk)
    whole = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
    path = url("ModelDeployment", desk.namespace, MODEL)
    expect(bed.api.request("DELETE", path, whole), HTTPStatus.OK)
    wait_until_gone(bed.api, *objects)
    wait_for("the model to be gone", lambda: bed.api.get(path).status == HTTPStatus.NOT_FOUND)
    desk.children.look_at_all()
    still(desk)
    assert desk.writes(before) == [], "the garbage collector does it"


def test_a_model_that_is_made_again_under_its_name_has_children_of_its_own(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    was = {one["kind"]: live(bed.api, one)["metadata"]["uid"] for one in objects}
    expect(bed.api.delete(url("ModelDeployment", desk.namespace, MODEL)), HTTPStatus.OK)
    again = make_model(bed, desk.namespace)
    desk.want(again, *objects)

    def is_new(one: Object) -> bool:
        metadata = live(bed.api, one).get("metadata", {})
        return bool(metadata) and metadata["ownerReferences"][0]["uid"] == again and metadata["uid"] != was[one["kind"]]

    for one in objects:
        wait_for(f"a new {one['kind']}", lambda of=one: is_new(of), 70)
    wait_for("the troubles to be over", lambda: desk.troubles() == [])


def test_who_may_not_write_writes_nothing_and_makes_good_when_it_may(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    desk.leads = False
    before = still(desk)
    expect(bed.api.delete(path_of(objects[0])), HTTPStatus.OK)
    expect(bed.api.merge(path_of(objects[2]), {"spec": {"replicas": 7}}), HTTPStatus.OK)
    desk.want(uid, *objects[:3])
    time.sleep(1.0)
    assert desk.writes(before) == []
    desk.leads = True
    desk.children.look_at_all()
    wait_until_made(bed.api, objects[0])
    wait_for("the replicas", lambda: live(bed.api, objects[2])["spec"]["replicas"] == 1)
    wait_until_gone(bed.api, *objects[3:])


def test_another_writer_finds_all_as_it_is_to_be_and_writes_nothing(
    bed: Bed, client: Client, proxy: FaultProxy, namespace: str, uid: str
) -> None:
    with writing(client, proxy, namespace) as desk:
        objects = made_family(bed, desk, uid)
        wait_for("a pod", lambda: live(bed.api, objects[2]).get("status", {}).get("readyReplicas") == 1)
    before = len(proxy.writes)
    with writing(client, proxy, namespace) as desk:
        desk.want(uid, *objects)
        still(desk)
        expect(bed.api.merge(path_of(objects[2]), {"spec": {"replicas": 2}}), HTTPStatus.OK)
        wait_for("that it writes at all", lambda: desk.writes(before))
        still(desk)
        # Who is late is told so, and looks again: the Deployment's own controller writes on it, too.
        assert [write.served for write in desk.writes(before) if write.served != HTTPStatus.CONFLICT] == [HTTPStatus.OK]


def test_a_deployment_that_nobody_can_describe_any_more_is_kept_and_scaled(bed: Bed, desk: Desk, uid: str) -> None:
    objects = made_family(bed, desk, uid)
    run = objects[2]
    key = Key("Deployment", desk.namespace, run["metadata"]["name"])
    desk.want(uid, objects[0], kept={key: 3})
    wait_for("three replicas", lambda: live(bed.api, run)["spec"]["replicas"] == 3)
    wait_until_gone(bed.api, *objects[3:])
    assert contains(live(bed.api, run)["spec"]["template"], run["spec"]["template"])
    desk.want(uid, *objects[:3])
    wait_for("one replica", lambda: live(bed.api, run)["spec"]["replicas"] == 1)
