"""A fleet from files that people edit: what cannot be read keeps what it last said, and says why."""

import pytest

from modelfleet.findings import Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.claims import check_claims
from modelfleet.sources.files import Source
from modelfleet.sources.folder import FolderStore
from tests.support.documents import model, policy
from tests.unit.sources.folders import KEYS, SECRET, TORN, Folder, M, N, P, engine_name, text_of


@pytest.fixture
def folder() -> Folder:
    return Folder()


def test_what_good_files_say_is_the_fleet(folder: Folder) -> None:
    snapshot = folder.put(a=[model(), SECRET], b=policy())
    assert (set(snapshot.models), set(snapshot.policies)) == ({M}, {P})
    assert (snapshot.entries, snapshot.declared) == ({KEYS: frozenset({"token"})}, frozenset({M, P}))
    assert snapshot.world.secrets[KEYS]["token"].text == "t"
    assert (folder.store.kept, folder.reasons()) == ([], [])


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing\n", "---\n---\n", "a: [", "\tx", b"\xff\xfe\xff", "kind: {\n" * 3]
)
def test_a_file_that_turns_empty_or_unreadable_keeps_what_it_said(folder: Folder, text: str | bytes) -> None:
    folder.put(a=[model(), SECRET], b=policy())
    snapshot = folder.put(a=text)
    assert (set(snapshot.models), set(snapshot.policies), set(snapshot.entries)) == ({M}, {P}, {KEYS})
    (sentence,) = folder.store.kept
    assert sentence.startswith("f/a.yaml: ")
    assert sentence.endswith(": its last good objects stay")
    assert set(folder.put(a=[model(name="m2")]).models) == {N}
    assert folder.store.kept == []


def test_a_file_that_never_said_anything_keeps_nothing(folder: Folder) -> None:
    snapshot = folder.put(a="a: [", b="")
    assert (snapshot.models, folder.store.kept) == ({}, [])


def test_a_file_that_cannot_be_opened_or_is_too_large_keeps_what_it_said(folder: Folder) -> None:
    folder.put(a=model())
    folder.set(Source("f/a.yaml", None, "larger than 32 MiB; split it"))
    assert set(folder.see().models) == {M}
    assert folder.store.kept == ["f/a.yaml: larger than 32 MiB; split it: its last good objects stay"]


def test_of_a_truncated_file_what_can_be_read_counts_and_the_rest_stays(folder: Folder) -> None:
    folder.put(a=[model(), model(name="m2"), policy()])
    changed = text_of(model("model: {name: new}"))
    snapshot = folder.put(a=changed + TORN.encode())
    assert (set(snapshot.models), set(snapshot.policies)) == ({M, N}, {P})
    assert engine_name(snapshot) == "new"
    assert folder.store.kept == ["f/a.yaml: cannot be read to its end: its last good objects stay"]


def test_an_object_with_a_mistake_keeps_its_last_good_version_and_says_so(folder: Folder) -> None:
    folder.put(a=[model("model: {name: old}"), model(name="m2")])
    snapshot = folder.put(a=[model("model: {name: 7}"), model("model: {name: new}", name="m2")])
    assert (engine_name(snapshot), engine_name(snapshot, N)) == ("old", "new")
    assert folder.reasons() == [(M, Reason.WRONG_TYPE)]
    again = folder.put(a=[model("model: {name: 8}"), model(name="m2")])
    assert engine_name(again) == "old"
    assert engine_name(folder.put(a=[model("model: {name: mended}"), model(name="m2")])) == "mended"
    assert folder.reasons() == []


def test_an_object_that_was_never_right_is_declared_and_takes_no_part(folder: Folder) -> None:
    snapshot = folder.put(a=model("model: {name: 7}"), b=policy())
    assert (M in snapshot.declared, snapshot.models) == (True, {})
    assert folder.reasons() == [(M, Reason.WRONG_TYPE)]


@pytest.mark.parametrize("text", ["", "a: [", TORN])
def test_what_was_wrong_with_an_earlier_text_is_wrong_no_more_when_that_text_is_gone(folder: Folder, text: str) -> None:
    folder.put(a=[model("model: {name: old}"), policy()])
    folder.put(a=[model("model: {name: 7}"), policy(tiers=[])])
    assert {subject for subject, _ in folder.reasons()} == {M, P}
    snapshot = folder.put(a=text)
    assert folder.reasons() == []
    assert (engine_name(snapshot), set(snapshot.policies)) == ("old", {P})


def test_an_object_that_was_never_right_does_not_outlive_its_text(folder: Folder) -> None:
    folder.put(a=[model("model: {name: 7}"), policy()])
    snapshot = folder.put(a="")
    assert (folder.reasons(), M in snapshot.declared, set(snapshot.policies)) == ([], False, {P})


def test_an_object_that_is_gone_from_a_file_that_was_read_is_gone(folder: Folder) -> None:
    folder.put(a=[model(), model(name="m2"), SECRET])
    snapshot = folder.put(a=model())
    assert (set(snapshot.models), snapshot.entries, dict(snapshot.world.secrets)) == ({M}, {}, {})


def test_an_unlinked_file_takes_its_objects_along(folder: Folder) -> None:
    folder.put(a=model(), b=[policy(), SECRET])
    snapshot = folder.put(b=None)
    assert (set(snapshot.models), snapshot.policies, snapshot.entries) == ({M}, {}, {})
    assert folder.store.kept == []


def test_a_file_of_things_that_are_not_ours_is_read_and_not_empty(folder: Folder) -> None:
    folder.put(a=model())
    assert folder.put(a={"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}).models == {}
    assert folder.store.kept == []


@pytest.mark.parametrize("name", ["f", "f/"])
def test_a_folder_that_cannot_be_looked_into_keeps_its_files(folder: Folder, name: str) -> None:
    folder.put(a=model(), b=policy())
    folder.files.clear()
    snapshot = folder.see(Source(name, None, "permission denied", missing=True))
    assert (set(snapshot.models), set(snapshot.policies)) == ({M}, {P})
    reason = "permission denied: its last good objects stay"
    assert folder.store.kept == [f"f/a.yaml: {reason}", f"f/b.yaml: {reason}"]


def test_another_folder_that_cannot_be_looked_into_keeps_nothing_here(folder: Folder) -> None:
    folder.put(a=model())
    folder.files.clear()
    assert folder.see(Source("f2", None, "permission denied", missing=True)).models == {}


@pytest.mark.parametrize(("problem", "stays"), [("permission denied", True), ("does not exist", False)])
def test_a_named_file_that_is_not_there_is_gone_and_one_that_is_forbidden_stays(
    folder: Folder, problem: str, stays: bool
) -> None:
    folder.put(a=model())
    folder.files.clear()
    assert (M in folder.see(Source("f/a.yaml", None, problem, missing=True)).models) is stays


def test_of_two_files_that_declare_one_object_the_first_by_name_counts(folder: Folder) -> None:
    snapshot = folder.put(b=model("model: {name: second}"), a=model("model: {name: first}"))
    assert engine_name(snapshot) == "first"
    assert engine_name(folder.put(a=None)) == "second"


def test_of_two_objects_with_one_key_in_a_file_the_first_counts(folder: Folder) -> None:
    assert engine_name(folder.put(a=[model("model: {name: first}"), model("model: {name: second}")])) == "first"


def winner(snapshot: FleetSnapshot) -> list[str]:
    lost = {finding.subject for finding in check_claims(snapshot)}
    return [key.name for key in snapshot.policies if key not in lost]


def test_who_was_there_first_has_a_name_that_two_claim(folder: Folder) -> None:
    folder.put(z=policy(name="z"))
    assert winner(folder.put(a=policy(name="a"))) == ["z"]
    # Editing it, or moving it to another file, does not make it younger.
    assert winner(folder.put(z=policy("timeouts: {total: 5s}", name="z"))) == ["z"]
    assert winner(folder.put(z=None, y=policy(name="z"))) == ["z"]
    # Taking it away and bringing it back does.
    folder.put(y=None)
    assert winner(folder.put(y=policy(name="z"))) == ["a"]


def test_a_file_that_was_broken_for_a_while_does_not_become_younger(folder: Folder) -> None:
    folder.put(z=policy(name="z"))
    folder.put(z="", a=policy(name="a"))
    assert winner(folder.put(z=policy(name="z"))) == ["z"]


def test_a_stamp_of_one_s_own_counts(folder: Folder) -> None:
    folder.put(z=policy(name="z"))
    old = policy(name="a")
    old["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
    assert winner(folder.put(a=old)) == ["a"]


def test_what_may_never_change_is_refused_and_the_old_version_stays(folder: Folder) -> None:
    hosted = model("{engine: null, external: {url: 'https://api.example.com/v1'}}")
    folder.put(a=model())
    snapshot = folder.put(a=hosted)
    assert folder.reasons() == [(M, Reason.IMMUTABLE)]
    assert snapshot.models[M].spec.external is None
    # A new file says nothing of an old one: whoever takes an object away may bring another of its name.
    folder.put(a=None)
    assert folder.put(b=hosted).models[M].spec.external is not None
    assert folder.reasons() == []


def test_objects_without_a_namespace_are_in_the_store_s_own() -> None:
    folder = Folder(FolderStore("team"))
    snapshot = folder.put(a=[model(), model(name="m2", namespace="other")])
    assert {key.namespace for key in snapshot.models} == {"team", "other"}


def test_what_is_in_a_secret_is_shown_by_nothing_that_the_store_holds(folder: Folder) -> None:
    snapshot = folder.put(a={**SECRET, "stringData": {"token": "sk-secret"}})
    assert "sk-secret" not in repr(folder.store) + repr(snapshot)


# What is not read again.


def test_a_file_that_is_as_it_was_is_not_read_again_and_says_the_same() -> None:
    folder = Folder()
    first = folder.put(a=[model(), policy()], b=model(name="m2"))
    again = folder.put(b=model(name="m2", work="embedding"))
    assert again.policies[P] is first.policies[P]
    assert again.models[N] is not first.models[N]


def test_a_file_that_is_gone_and_comes_back_as_it_was_is_read_again() -> None:
    folder = Folder()
    folder.put(a=[model(), policy()])
    assert not folder.put(a=None).policies
    assert P in folder.put(a=[model(), policy()]).policies


def test_a_file_that_could_not_be_read_and_is_as_it_was_before_is_read_again() -> None:
    folder = Folder()
    bad = [model(), policy(tiers=[])]
    folder.put(a=bad)
    assert list(folder.store.findings())
    folder.put(a=text_of(bad).decode() + TORN)
    folder.put(a=b"")
    assert not list(folder.store.findings())
    folder.put(a=bad)
    assert list(folder.store.findings())
