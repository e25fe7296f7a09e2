"""Bad edits of files: copies of an object, errors of the text, and slips in what an object is, take nothing away."""

import pytest

from tests.support.documents import Document, model, policy
from tests.unit.sources.folders import KEYS, SECRET, TORN, Folder, M, N, P, engine_name, text_of


@pytest.fixture
def folder() -> Folder:
    return Folder()


# Several files, or several documents, that declare one object.

BROKEN = model("model: {name: 7}")


@pytest.mark.parametrize("copy", [BROKEN, model("model: {name: copy}")], ids=["broken", "valid"])
def test_a_copy_that_comes_later_takes_nothing_from_an_object_that_serves(folder: Folder, copy: Document) -> None:
    folder.put(b=model("model: {name: first}"))
    assert engine_name(folder.put(a=copy)) == "first"
    assert folder.store.doubled == [f"{M}: is declared in f/a.yaml, too: what f/b.yaml says counts"]
    assert engine_name(folder.put(b=model("model: {name: edited}"))) == "edited"
    assert engine_name(folder.put(a=None)) == "edited"
    assert folder.store.doubled == []


def test_a_copy_does_not_step_in_while_the_file_that_served_is_broken(folder: Folder) -> None:
    folder.put(b=[model("model: {name: first}"), policy()])
    folder.put(a=model("model: {name: copy}"))
    for broken in (BROKEN, TORN, "", "kind: x\nkind: y\n"):
        assert engine_name(folder.put(b=broken)) == "first", broken


def test_an_object_that_moves_out_of_a_file_that_cannot_be_read_is_followed(folder: Folder) -> None:
    folder.put(b=model("model: {name: old}"))
    assert engine_name(folder.put(b="", c=model("model: {name: moved}"))) == "moved"
    assert engine_name(folder.put(c=model("model: {name: edited}"))) == "edited"
    assert folder.store.doubled == []


def test_of_files_that_declare_one_object_from_the_start_the_first_that_is_right_counts(folder: Folder) -> None:
    assert engine_name(folder.put(a=BROKEN, b=model("model: {name: second}"))) == "second"
    assert engine_name(folder.put(a=model("model: {name: mended}"))) == "second"


def test_a_copy_in_the_same_file_takes_nothing_from_an_object_that_serves(folder: Folder) -> None:
    folder.put(a=model("model: {name: first}"))
    for copy in (BROKEN, model("model: {name: copy}")):
        assert engine_name(folder.put(a=[copy, model("model: {name: first}")])) == "first"


def test_of_config_maps_that_several_files_have_nothing_is_said(folder: Folder) -> None:
    folder.put(a=SECRET, b=SECRET)
    assert folder.store.doubled == []


def test_of_two_secrets_that_differ_it_is_told_which_one_counts(folder: Folder) -> None:
    folder.put(b=SECRET)
    folder.put(a={**SECRET, "stringData": {"token": "new"}})
    assert folder.store.doubled == [f"{KEYS}: is declared in f/a.yaml, too: what f/b.yaml says counts"]


def test_an_object_that_moves_to_another_file_with_a_mistake_serves_on_as_it_was(folder: Folder) -> None:
    folder.put(a=model("model: {name: first}"))
    assert engine_name(folder.put(a=None, b=BROKEN)) == "first"
    assert engine_name(folder.put(b=None, c=BROKEN)) == "first"
    assert engine_name(folder.put(c=model("model: {name: mended}"))) == "mended"


# Errors of the text, and slips in what an object is.


def test_what_is_wrong_as_a_text_is_not_applied_and_the_file_keeps_its_objects(folder: Folder) -> None:
    good = [text_of(model("model: {name: old}")), text_of(policy()), text_of(SECRET)]
    folder.put(a=b"---\n".join(good))
    for joined in (b"", b"...\n"):
        changed = good[0].replace(b"old", b"new") + joined + good[1]
        snapshot = folder.put(a=changed)
        assert (engine_name(snapshot), set(snapshot.policies), set(snapshot.entries)) == ("old", {P}, {KEYS})
        assert folder.store.kept == ["f/a.yaml: has an error in its text: its last good objects stay"]
        assert M in {subject for subject, _ in folder.reasons()}
    assert engine_name(folder.put(a=b"---\n".join(good).replace(b"old", b"new"))) == "new"
    assert (folder.store.kept, folder.reasons()) == ([], [])


def test_of_a_secret_with_an_error_in_its_text_the_old_entries_stay(folder: Folder) -> None:
    text = text_of(SECRET).decode()
    folder.put(a=text)
    snapshot = folder.put(a=text.replace("token: t", "token: half\n  token: other"))
    assert snapshot.world.secrets[KEYS]["token"].text == "t"


def test_the_other_documents_of_a_file_with_an_error_in_its_text_count(folder: Folder) -> None:
    twice = text_of(model("model: {name: new}")) + b"kind: ModelDeployment\n"
    snapshot = folder.put(a=twice + b"---\n" + text_of(model(name="m2")))
    assert (set(snapshot.models), snapshot.declared) == ({N}, frozenset({M, N}))


P_TEXT = text_of(policy()).decode()
SLIPS = {
    "a kind that is none": (
        P_TEXT.replace("RoutingPolicy", "RoutingPolcy"),
        'has an object of the kind "RoutingPolcy"',
    ),
    "no name": (P_TEXT.replace("name: p\n", "name: ''\n"), "has an object without a name"),
    "no kind": (P_TEXT.replace("kind: RoutingPolicy\n", ""), "has an object without a kind"),
    "cut off": (P_TEXT[: P_TEXT.index("metadata")], "has an object without a name"),
    "a list": ("[]", "holds something that is no object"),
    "text": ("just text", "holds something that is no object"),
    "a group like ours": (
        P_TEXT.replace("modelfleet.dev", "modelfeet.dev").replace("name: p\n", "name: q\n"),
        'has the apiVersion "modelfeet.dev/v1alpha1" for a RoutingPolicy',
    ),
    "no group": (P_TEXT.replace("modelfleet.dev/", ""), 'has the apiVersion "v1alpha1" for a RoutingPolicy'),
}


@pytest.mark.parametrize("what", SLIPS)
def test_a_slip_in_what_an_object_is_removes_nothing(folder: Folder, what: str) -> None:
    text, reason = SLIPS[what]
    folder.put(a=[model(), policy()])
    slipped = text_of(model("model: {name: new}")).decode() + "---\n" + text
    for _ in range(2):
        snapshot = folder.put(a=slipped)
        assert (engine_name(snapshot), set(snapshot.policies)) == ("new", {P})
        assert folder.store.kept == [f"f/a.yaml: {reason}: its last good objects stay"]
        assert (folder.store.torn, folder.store.removed) == ({"f/a.yaml"}, [])
    assert set(folder.put(a=model()).policies) == set()
    assert (folder.store.kept, folder.store.removed) == ([], [P])


@pytest.mark.parametrize(
    "slipped",
    [{**SECRET, "apiVersion": "vl"}, {**SECRET, "metadata": {"name": ""}}],
    ids=["a version that is none", "no name"],
)
def test_a_slip_in_a_secret_removes_nothing(folder: Folder, slipped: Document) -> None:
    folder.put(a=[model(), SECRET])
    assert KEYS in folder.put(a=[model(), slipped]).entries


def test_what_is_no_object_of_ours_beside_objects_keeps_nothing_that_is_there(folder: Folder) -> None:
    values: Document = {"replicas": 3}
    service: Document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m"}}
    folder.put(a=[model(), policy(), values, service])
    folder.put(a=[model(), policy(), {"replicas": 4}, service])
    assert folder.store.kept == []
    # Another kind of the same name is no slip.
    assert folder.put(a=[policy(), service]).models == {}


def test_what_is_gone_is_told(folder: Folder) -> None:
    folder.put(a=[model(), policy()], b=[SECRET, model("model: {name: 7}", name="m2")])
    assert folder.store.removed == []
    folder.put(a=model(), c=model())
    assert folder.store.removed == [P]
    folder.put(a=None, b=None)
    assert folder.store.removed == [KEYS]
    folder.put()
    assert folder.store.removed == []
