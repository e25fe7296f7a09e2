"""The store against the truth: events that are lost, late or told twice, and lists that are old or cannot be read."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelfleet.findings import Key
from modelfleet.fleet.parse import Invalid, Valid
from modelfleet.sources.kinds import WATCHED, Scope, scopes
from modelfleet.sources.packed import unpack
from modelfleet.sources.store import Change, FleetStore
from tests.sizes import scale
from tests.support.documents import Document, document
from tests.support.values import ODD

MODELS = next(scope for scope in scopes() if scope.watched.kind == "ModelDeployment")
MADE = next(scope for scope in scopes() if scope.watched.kind == "Deployment")
SCALED = next(scope for scope in scopes() if scope.watched.kind == "ScaledObject")
M = Key("ModelDeployment", "default", "m")


def model(
    name: str = "m", version: int = 1, *, uid: str = "", generation: int = 1, status: Any = None, **spec: Any
) -> Document:
    made = document("ModelDeployment", name=name, **spec)
    metadata = {"uid": uid or f"uid-{name}", "resourceVersion": str(version), "generation": generation}
    return {**made, "metadata": {**made["metadata"], "namespace": "default", **metadata}, "status": status or {}}


def made_for(owner: str, name: str = "d", version: int = 1, uid: str = "", **parts: Any) -> Document:
    """A Deployment of the object with this uid."""
    owners = [{"kind": "ModelDeployment", "name": "m", "uid": owner, "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**metadata, "ownerReferences": owners}, **parts}


def store(*models: Document, version: int = 1) -> FleetStore:
    made = FleetStore([MODELS])
    made.replace(MODELS, models, str(version))
    return made


def test_nothing_is_known_before_the_first_list_and_all_of_it_after() -> None:
    made = FleetStore(scopes())
    before = made.is_filled
    for scope in scopes():
        assert made.replace(scope, [], "1").change is Change.FLEET, "that there is nothing is news the first time"
    assert (before, made.is_filled) == (False, True)
    assert made.replace(MODELS, [], "2").change is Change.NOTHING


def test_a_scope_that_was_given_up_does_not_keep_the_rest_waiting() -> None:
    made = FleetStore([MODELS])
    made.fail(MODELS, "500", give_up=False)
    passing = made.is_filled, made.unread()
    made.fail(MODELS, "403", give_up=True)
    lasting = made.is_filled, made.unread()
    assert (passing, lasting) == ((False, {MODELS: "500"}), (True, {MODELS: "403"}))


def test_what_could_not_be_read_later_stays_known() -> None:
    made = store(model())
    made.fail(MODELS, "403", give_up=True)
    assert made.unread() == {}
    assert made.sight(M)


def test_a_status_is_no_change_of_the_fleet_and_a_label_is() -> None:
    made = store(model())
    told = model(version=2, status={"conditions": []})
    assert made.observe(told) is Change.STATUS
    assert made.observe(told) is Change.NOTHING
    labelled = {**told, "metadata": {**told["metadata"], "labels": {"a": "b"}, "resourceVersion": "3"}}
    assert made.observe(labelled) is Change.FLEET


def test_what_the_api_server_keeps_for_itself_changes_nothing() -> None:
    made = store(model())
    told = model(version=2)
    told["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    told["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    assert made.observe(told) is Change.NOTHING


def test_an_invalid_object_replaces_the_valid_one_that_it_was() -> None:
    made = store(model())
    assert isinstance(made.held("ModelDeployment")[M].value, Valid)
    wrong = model(version=2, generation=2)
    wrong["spec"]["work"] = 7
    assert made.observe(wrong) is Change.FLEET
    assert isinstance(made.held("ModelDeployment")[M].value, Invalid)


def test_a_version_never_goes_back() -> None:
    made = store(model(version=5, generation=2))
    assert made.observe(model(version=4, generation=1)) is Change.NOTHING
    sight = made.sight(M)
    assert sight
    assert sight.version == 5


def test_a_deletion_that_comes_late_does_not_take_the_new_object_of_the_name() -> None:
    made = store(model(version=5, uid="new"))
    assert made.observe(model(version=4, uid="old"), gone=True) is Change.NOTHING
    assert made.sight(M)


def test_what_is_gone_does_not_come_back_by_an_event_that_comes_late() -> None:
    made = store(model(version=5))
    assert made.observe(model(version=6), gone=True) is Change.FLEET
    assert made.observe(model(version=7)) is Change.NOTHING
    assert made.sight(M) is None
    assert made.observe(model(version=8, uid="again")) is Change.FLEET


def test_a_list_drops_what_it_lacks_and_keeps_what_is_newer_than_itself() -> None:
    made = store(model("old"), model("new", version=9))
    assert made.replace(MODELS, [], "5").dropped == 1
    assert [key.name for key in made.held("ModelDeployment")] == ["new"]


def test_a_list_that_is_older_than_what_was_known_when_it_began_is_not_believed() -> None:
    made = store(model(version=9), version=9)
    assert made.replace(MODELS, [], "5", since=made.newest("ModelDeployment")).stale
    assert made.sight(M)


def test_storage_that_came_back_older_is_taken_as_it_is_once_it_is_said_to_begin_anew() -> None:
    made = store(model(version=90, generation=3), version=90)
    made.begin_anew("ModelDeployment")
    assert not made.replace(MODELS, [model(version=5, generation=2)], "6", since=made.newest("ModelDeployment")).stale
    sight = made.sight(M)
    assert sight
    assert sight.version == 5


def test_many_objects_that_vanish_at_once_stay_until_a_second_list_agrees() -> None:
    many = [model(f"m{n}") for n in range(20)]
    made = store(*many)
    first = made.replace(MODELS, many[:5], "2")
    assert (first.held, first.dropped, len(made.held("ModelDeployment"))) == (15, 0, 20)
    assert made.replace(MODELS, many[:6], "3").dropped == 14
    assert len(made.held("ModelDeployment")) == 6


def test_a_second_list_that_lacks_others_does_not_agree() -> None:
    many = [model(f"m{n}") for n in range(20)]
    made = store(*many)
    made.replace(MODELS, many[:5], "2")
    assert made.replace(MODELS, many[5:8], "3").held == 17
    made.replace(MODELS, many, "4")
    assert made.replace(MODELS, many[:5], "5").held == 15, "what was seen again begins anew"


def test_few_objects_or_a_small_share_vanish_by_the_word_of_one_list() -> None:
    few = [model(f"m{n}") for n in range(10)]
    assert store(*few).replace(MODELS, [], "2").dropped == 10
    many = [model(f"m{n}") for n in range(40)]
    assert store(*many).replace(MODELS, many[20:], "2").dropped == 20


def test_a_list_of_one_namespace_says_nothing_of_another() -> None:
    here, there = (Scope(MODELS.watched, namespace) for namespace in ("default", "other"))
    made = FleetStore([here, there])
    made.replace(here, [model()], "1")
    made.replace(there, [], "2")
    assert made.sight(M)
    assert made.replace(here, [], "3").dropped == 1


def test_of_what_we_make_the_whole_is_kept_but_for_what_says_nothing_of_what_was_written() -> None:
    made = FleetStore([MADE])
    made.observe(made_for("u1", spec={"replicas": 2}, status={"readyReplicas": 1}))
    (sight,) = made.children("u1")
    whole = unpack(sight.body)
    assert whole["spec"] == {"replicas": 2}
    assert "status" not in whole
    assert whole["metadata"].keys() == {"name", "namespace", "ownerReferences", "annotations"}
    told = made_for("u1", version=2, spec={"replicas": 2}, status={"readyReplicas": 1})
    told["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    assert made.observe(told) is Change.NOTHING


def test_a_foreign_edit_is_a_change_of_what_we_made_and_only_what_decides_is_one_of_the_fleet() -> None:
    made = FleetStore([MADE, SCALED])
    assert made.observe(made_for("u1", spec={"replicas": 2})) is Change.FLEET
    edited = made_for("u1", version=2, spec={"replicas": 2, "paused": True})
    assert made.observe(edited) is Change.MADE
    assert made.observe(made_for("u1", version=3, spec={"replicas": 3, "paused": True})) is Change.FLEET
    scaled = {**made_for("u1"), "kind": "ScaledObject"}
    assert made.observe(scaled) is Change.MADE
    assert (
        made.observe({**scaled, "metadata": {**scaled["metadata"], "resourceVersion": "9"}}, gone=True) is Change.MADE
    )


def test_an_object_that_lost_its_label_and_has_it_again_is_there_whenever_the_loss_is_told() -> None:
    made = FleetStore([MADE])
    made.observe(made_for("u1", version=3))
    lost, found = made_for("u1", version=4), made_for("u1", version=5)
    assert made.observe(lost, gone=True) is Change.FLEET
    assert (made.observe(lost), made.observe(found)) == (Change.NOTHING, Change.FLEET)
    assert made.observe(lost, gone=True) is Change.NOTHING, "the answer to our own write came before the watch"
    assert len(made.children("u1")) == 1
    assert made.observe(made_for("u1", version=6), gone=True) is Change.FLEET
    assert (made.observe(found), made.children("u1")) == (Change.NOTHING, [])


def test_a_kind_that_need_not_be_there_is_no_lack_and_takes_nothing_along_but_itself() -> None:
    made = FleetStore([MADE, SCALED])
    made.replace(MADE, [made_for("u1")], "5")
    assert made.lack(SCALED) is Change.FLEET, "now all has been read"
    assert (made.is_filled, made.unread(), made.absent()) == (True, {}, frozenset({SCALED}))
    assert made.lack(SCALED) is Change.NOTHING
    scaled = {**made_for("u1", version=7), "kind": "ScaledObject"}
    made.replace(SCALED, [scaled], "8")
    assert (made.absent(), len(made.children("u1"))) == (frozenset(), 2)
    assert made.lack(SCALED) is Change.MADE
    assert [one.key.kind for one in made.children("u1")] == ["Deployment"]


@given(raw=ODD, gone=st.booleans())
def test_nothing_that_comes_raises(raw: Any, gone: bool) -> None:
    FleetStore(scopes()).observe(raw, gone=gone)


@pytest.mark.parametrize("kind", [watched.kind for watched in WATCHED if not watched.is_ours])
@settings(max_examples=scale(30, 500))
@given(raw=st.dictionaries(st.sampled_from(["spec", "status", "endpoints", "ports", "metadata"]), ODD))
def test_an_odd_object_of_others_raises_nothing(kind: str, raw: dict[str, Any]) -> None:
    metadata = {"name": "a", "uid": "u", "resourceVersion": "1"}
    FleetStore(scopes()).observe({**raw, "kind": kind, "metadata": metadata})


class Gaps(RuleBasedStateMachine):
    """A cluster and a watch that loses, repeats and mixes up what it tells; each whole list heals it."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 1
        self.truth: dict[str, Document] = {}
        self.told: list[tuple[Document, bool]] = []
        self.store = FleetStore([MODELS])
        self.past: list[tuple[int, list[Document]]] = []
        self.read: list[tuple[int, int, list[Any]]] = []
        self.list_now()

    def _next(self) -> int:
        self.version += 1
        return self.version

    @rule(name=st.sampled_from("abcd"), lost=st.booleans())
    def change(self, name: str, lost: bool) -> None:
        last, version = self.truth.get(name), self._next()
        uid = last["metadata"]["uid"] if last else f"uid-{version}"
        self.truth[name] = model(name, version, uid=uid, generation=version)
        if not lost:
            self.told.append((self.truth[name], False))

    @rule(name=st.sampled_from("abcd"), lost=st.booleans())
    def delete(self, name: str, lost: bool) -> None:
        if last := self.truth.pop(name, None):
            version = {**last["metadata"], "resourceVersion": str(self._next())}
            if not lost:
                self.told.append(({**last, "metadata": version}, True))

    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        """Any event so far, in any order, and perhaps again."""
        if self.told:
            raw, gone = data.draw(st.sampled_from(self.told))
            self.store.observe(raw, gone=gone)

    @rule(data=st.data())
    def an_old_list_comes(self, data: st.DataObject) -> None:
        version, items = data.draw(st.sampled_from(self.past))
        since = self.store.newest("ModelDeployment")
        before = self._known()
        if self.store.replace(MODELS, items, str(version), since).stale:
            assert self._known() == before

    @rule()
    def read_a_list(self) -> None:
        """Reads what there is now; it is taken in later, when more has been told."""
        since = self.store.newest("ModelDeployment")
        items = [self.store.glimpse(raw) for raw in self.truth.values()]
        self.read.append((self.version, since, items))

    @rule(data=st.data())
    def take_in(self, data: st.DataObject) -> None:
        if self.read:
            version, since, items = data.draw(st.sampled_from(self.read))
            self.store.replace(MODELS, items, str(version), since)

    @rule()
    def list_now(self) -> None:
        items = list(self.truth.values())
        self.past.append((self.version, items))
        self.store.replace(MODELS, items, str(self.version), self.store.newest("ModelDeployment"))
        assert self._known() == {name: raw["metadata"]["resourceVersion"] for name, raw in self.truth.items()}

    def _known(self) -> dict[str, str]:
        return {key.name: str(sight.version) for key, sight in self.store.held("ModelDeployment").items()}


class Labels(RuleBasedStateMachine):
    """The same for what is found by a label: an object that loses it is gone, and may come back as the same object."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 1
        self.truth: dict[str, Document] = {}
        self.hidden: dict[str, str] = {}
        self.told: list[tuple[Document, bool]] = []
        self.store = FleetStore([MADE])
        self.list_now()

    @rule(name=st.sampled_from("abc"), lost=st.booleans(), owner=st.sampled_from(["", "u1", "u2"]))
    def change(self, name: str, lost: bool, owner: str) -> None:
        self.version += 1
        known = self.truth[name]["metadata"]["uid"] if name in self.truth else self.hidden.pop(name, "")
        self.truth[name] = made_for(owner, name, self.version, known or f"uid-{self.version}")
        if not lost:
            self.told.append((self.truth[name], False))

    @rule(name=st.sampled_from("abc"), lost=st.booleans(), hides=st.booleans())
    def leave(self, name: str, lost: bool, hides: bool) -> None:
        if last := self.truth.pop(name, None):
            self.version += 1
            if hides:
                self.hidden[name] = last["metadata"]["uid"]
            if not lost:
                self.told.append(
                    ({**last, "metadata": {**last["metadata"], "resourceVersion": str(self.version)}}, True)
                )

    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        if self.told:
            raw, gone = data.draw(st.sampled_from(self.told))
            self.store.observe(raw, gone=gone)

    @rule()
    def list_now(self) -> None:
        items = [self.store.glimpse(raw) for raw in self.truth.values()]
        self.store.replace(MADE, items, str(self.version), self.store.newest("Deployment"))
        known = {key.name: str(sight.version) for key, sight in self.store.held("Deployment").items()}
        assert known == {name: raw["metadata"]["resourceVersion"] for name, raw in self.truth.items()}

    @invariant()
    def what_is_owned_is_found_by_its_owner(self) -> None:
        held = self.store.held("Deployment")
        for uid in ("u1", "u2"):
            assert self.store.children(uid) == [held[key] for key in sorted(held) if held[key].owner == uid]
        assert set(self.store._children) <= {"u1", "u2"}


TestGaps = Gaps.TestCase
TestGaps.settings = settings(max_examples=scale(60, 3_000), stateful_step_count=scale(30, 80))
TestLabels = Labels.TestCase
TestLabels.settings = settings(max_examples=scale(60, 3_000), stateful_step_count=scale(30, 80))
