"""Lists in pages: whole and of one moment, or not at all."""

from collections.abc import Iterator
from typing import Any

import pytest

from modelfleet.kube.client import Listing
from modelfleet.kube.errors import Forbidden, Gone, Unreachable
from tests.unit.kube.serving import Asked, Reply, Stub, refusal, serving

PATH = "/apis/modelfleet.dev/v1alpha1/things"
EXPIRED = refusal(410, "Expired", "The provided continue parameter is too old")


def page(*names: str, more: str = "", version: str = "7") -> Reply:
    items = [{"metadata": {"name": name}} for name in names]
    metadata = {"resourceVersion": version} | ({"continue": more} if more else {})
    return Reply({"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ThingList", "metadata": metadata, "items": items})


def names(found: Listing[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in found.items]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(Stub(page())) as running:
        yield running


def test_pages_are_put_together_and_their_objects_say_what_they_are(stub: Stub) -> None:
    stub.replies = [page("a", "b", more="x"), page("c", more="y"), page("d")]
    found = stub.client().list(dict, PATH, "modelfleet.dev/model=m", page=2)
    assert names(found) == ["a", "b", "c", "d"]
    assert found.version == "7"
    assert found.items[0] == {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "Thing",
        "metadata": {"name": "a"},
    }
    common = {"limit": "2", "labelSelector": "modelfleet.dev/model=m"}
    assert [asked.query for asked in stub.asked] == [common, common | {"continue": "x"}, common | {"continue": "y"}]


def test_an_empty_list_is_a_list(stub: Stub) -> None:
    assert stub.client().list(dict, PATH) == Listing([], "7")
    assert stub.asked[0].query == {"limit": "200"}


def test_what_an_object_says_of_itself_stands(stub: Stub) -> None:
    item = {"apiVersion": "v2", "kind": "Other"}
    stub.replies = [
        Reply({"apiVersion": "v1", "kind": "ThingList", "metadata": {"resourceVersion": "1"}, "items": [item]})
    ]
    assert stub.client().list(dict, PATH).items == [item]


def test_a_list_that_expires_between_its_pages_starts_over(stub: Stub) -> None:
    stub.replies = [page("gone", "a", more="x"), EXPIRED, page("a", more="y", version="9"), page("b", version="9")]
    found = stub.client().list(dict, PATH)
    assert (names(found), found.version) == (["a", "b"], "9")
    assert [asked.query.get("continue") for asked in stub.asked] == [None, "x", None, "y"]


def test_a_list_that_always_expires_is_given_up_after_three_more_starts(stub: Stub) -> None:
    def answer(asked: Asked) -> Reply:
        return EXPIRED if "continue" in asked.query else page("a", more="x")

    stub.replies = [answer]
    with pytest.raises(Gone):
        stub.client().list(dict, PATH)
    assert sum("continue" not in asked.query for asked in stub.asked) == 4


@pytest.mark.parametrize(
    "second",
    [Reply(b'{"kind": "Thi', cut_after=5), Reply(resets=True), Reply(b"<html>"), Reply({"kind": "ThingList"})],
    ids=["cut", "reset", "html", "no list"],
)
def test_half_a_list_is_never_taken_for_whole(stub: Stub, second: Reply) -> None:
    stub.replies = [page("a", more="x"), second]
    with pytest.raises(Unreachable):
        stub.client().list(dict, PATH)


def test_a_refusal_between_pages_is_raised(stub: Stub) -> None:
    stub.replies = [page("a", more="x"), refusal(403, "Forbidden", "no longer")]
    with pytest.raises(Forbidden):
        stub.client().list(dict, PATH)


def test_pages_that_go_in_a_circle_end(stub: Stub) -> None:
    stub.replies = [page("a", more="x")]
    with pytest.raises(Unreachable, match="do not go on"):
        stub.client().list(dict, PATH)


GOOD: dict[str, Any] = {"apiVersion": "v1", "kind": "ThingList", "metadata": {"resourceVersion": "1"}, "items": []}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Thing"},
        {"kind": "Status"},
        {"kind": "List"},
        {"kind": None},
        {"apiVersion": None},
        {"metadata": None},
        {"metadata": {}},
        {"metadata": {"resourceVersion": ""}},
        {"metadata": {"resourceVersion": 7}},
        {"items": None},
        {"items": {}},
        {"items": ["a"]},
        {"metadata": {"resourceVersion": "1", "continue": 7}},
    ],
)
def test_what_is_no_list_is_unreachable_and_never_empty(stub: Stub, change: dict[str, Any]) -> None:
    stub.replies = [Reply(GOOD | change)]
    with pytest.raises(Unreachable, match="could not read the list"):
        stub.client().list(dict, PATH)
