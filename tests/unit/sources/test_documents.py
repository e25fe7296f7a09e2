import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import pytest

from modelfleet.findings import Path
from modelfleet.sources.reading.documents import objects
from modelfleet.sources.reading.problems import MAX_DOCUMENT_BYTES
from modelfleet.sources.reading.yaml import positions
from tests.sizes import scale
from tests.unit.sources.reading import only, problem, read, value

T = TypeVar("T")


def peak(work: Callable[[], T]) -> tuple[T, int]:
    """What the work gives, and the bytes that it had in memory at once."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def values(text: str | bytes) -> list[object]:
    documents = read(text)
    assert [document.problems for document in documents] == [()] * len(documents)
    return [document.value for document in documents]


@pytest.mark.parametrize("separator", ["---", "--- ", "---\t", "--- # why", "---# why", "---\r"])
def test_a_separator_splits_documents(separator: str) -> None:
    assert values(f"a: 1\n{separator}\nb: 2\n{separator}\n") == [{"a": 1}, {"b": 2}]


def test_a_separator_counts_only_at_the_beginning_of_a_line() -> None:
    assert values("a: |\n  x\n  ---\nb: x ---\n") == [{"a": "x\n---\n", "b": "x ---"}]


@pytest.mark.parametrize(("separator", "column"), [("--- {b: 1}", 5), ("---b: 1", 4), ("----", 4), ("---  text", 6)])
def test_a_separator_with_content_is_told_because_kubectl_refuses_it(separator: str, column: int) -> None:
    first, second, third = read(f"a: 1\n{separator}\n---\nc: 1\n")
    (found,) = second.problems
    assert (first.value, third.value) == ({"a": 1}, {"c": 1})
    assert not second.readable
    assert found.position == (2, column)
    assert found.message.startswith('kubectl takes nothing but a comment after "---"')


def test_a_syntax_error_in_one_document_does_not_hide_another() -> None:
    documents = read("a: [\n---\nb: 1\n---\nc: 'd\n---\n\ne: 2\ne: 3\n")
    assert [document.readable for document in documents] == [False, True, False, True]
    assert [document.value for document in documents] == [None, {"b": 1}, None, {"e": 2}]
    assert [found.position.line for document in documents for found in document.problems] == [2, 5, 9]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        " \n\n",
        "# comment\n",
        "---\n---\n",
        "---\n# a\n---\n  # b",
        "null\n",
        "~",
        "---\n...\n",
        "...",
        "# a\n...\n# b",
    ],
)
def test_what_holds_nothing_is_no_document(text: str) -> None:
    assert read(text) == []


def test_the_end_marker_of_a_document_is_read() -> None:
    assert values("---\na: 1\n...\n---\nb: 2\n... # end\n# more\n") == [{"a": 1}, {"b": 2}]


def test_lines_are_counted_from_the_beginning_of_the_file() -> None:
    documents = read("# one\n---\n# three\na:\n  b: 1\n---\n\n- c\n")
    assert documents[0].position(("a", "b")) == (5, 3)
    assert documents[1].position((0,)) == (8, 3)


def test_windows_line_ends_change_neither_values_nor_positions() -> None:
    documents = read("a: |\r\n  x\r\n  y\r\n---\r\nb:\r\n  c: 1\r\n")
    assert [document.value for document in documents] == [{"a": "x\ny\n"}, {"b": {"c": 1}}]
    assert documents[1].position(("b", "c")) == (6, 3)


def test_a_byte_order_mark_is_no_content() -> None:
    assert values(b"\xef\xbb\xbf---\na: 1\n") == [{"a": 1}]
    assert values(b'\xef\xbb\xbf{"a": 1}{"b": 2}') == [{"a": 1}, {"b": 2}]
    assert only(b"\xef\xbb\xbfa: 1\n").position(("a",)) == (1, 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["a: 1\n", '{"a": 1}'])
def test_utf_16_and_utf_32_are_refused(encoding: str, text: str) -> None:
    documents = read(text.encode(encoding))
    assert [found.message for found in documents[0].problems] == ["the file is UTF-16 or UTF-32; save it as UTF-8"]
    assert len(documents) == 1


def test_a_byte_that_is_no_utf_8_is_told_at_its_place_and_hides_no_other_document() -> None:
    documents = read("a: 1\n---\nb: \u20ac".encode() + b"\xff\n---\nc: 1\n")
    (found,) = documents[1].problems
    assert [document.value for document in documents] == [{"a": 1}, None, {"c": 1}]
    assert found.position == (3, 5)
    assert found.message == "the byte 0xFF is not UTF-8 here; save the file as UTF-8"


def test_half_a_surrogate_pair_is_no_utf_8() -> None:
    assert problem(b"a: \xed\xa0\x80\n")[:2] == (1, 4)


def test_a_document_larger_than_the_limit_is_refused_and_hides_no_other() -> None:
    documents = read("a: " + "x" * MAX_DOCUMENT_BYTES + "\n---\nb: [" + "x" * 1_572_800 + "]\n")
    assert [document.readable for document in documents] == [False, True]
    assert documents[0].problems[0].position == (1, 1)
    assert documents[0].problems[0].message.startswith("a document may have 16 MiB at most")


def test_the_position_of_a_field_is_that_of_its_key_and_of_an_item_its_own() -> None:
    document = only("# comment\na:\n  - x\n  -   y: 1\n      z: {p: 2, 'q': 3}\n8080: 5\n")
    assert document.position(()) == (2, 1)
    assert document.position(("a",)) == (2, 1)
    assert document.position(("a", 0)) == (3, 5)
    assert document.position(("a", 1)) == (4, 7)
    assert document.position(("a", 1, "z", "q")) == (5, 17)
    assert document.position(("8080",)) == (6, 1)


def test_columns_count_characters() -> None:
    assert only("{\u20ac: 1, \U0001f600: 2, b: 3}").position(("b",)) == (1, 14)


def test_a_field_that_is_missing_is_where_its_parent_is() -> None:
    document = only("a:\n  b: 1\n")
    assert document.position(("a", "c", "d", 3)) == (1, 1)
    assert document.position(("a", "b", "c")) == (2, 3)
    assert document.position(("x",)) == (1, 1)


def test_what_an_alias_repeats_is_where_it_is_written() -> None:
    document = only("a: &a\n  b: {c: 1}\nd: *a\n")
    assert document.position(("d",)) == (3, 1)
    assert document.position(("d", "b", "c")) == (2, 7)


def test_what_a_merge_brings_in_is_where_it_is_written() -> None:
    document = only("a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  c: 3\ne: {<<: [{f: 1}, *a]}\n")
    assert document.position(("d", "b")) == (1, 8)
    assert document.position(("d", "c")) == (4, 3)
    assert document.position(("e", "f")) == (5, 11)
    assert document.position(("e", "c")) == (1, 14)


def test_places_that_are_asked_for_together_are_those_that_are_asked_for_one_by_one() -> None:
    text = "a: &a {b: [1, {c: 2}], e: &e [x]}\nd:\n- <<: *a\n  f: *e\n- <<: [{g: {h: [1]}}, *a]\n  e: {i: 1}\nj: 1\n"
    document = only(text)
    paths: list[Path] = [(), ("a", "e", 0), ("d", 0, "b", 1, "c"), ("d", 0, "f", 0), ("d", 1, "g", "h", 0)]
    paths += [("d", 1, "b", 1, "c"), ("d", 1, "e", "i"), ("j",), ("d", 1, "nothing", 3), ("d", 7)]
    places = [(1, 1), (1, 31), (1, 16), (1, 31), (5, 17), (1, 16), (6, 7), (7, 1), (5, 3), (2, 1)]
    assert [document.position(path) for path in paths] == places
    assert positions(document.origin, paths) == dict(zip(paths, places, strict=True))


def test_to_find_one_place_costs_no_more_memory_than_to_read_the_document() -> None:
    lines = scale(2_500, 10_000)
    document, reading = peak(lambda: only("a:\n" + "- {b: 1, c: [1, 2]}\n" * lines))
    place, finding = peak(lambda: document.position(("a", lines - 1, "c", 1)))
    assert place == (lines + 1, 17)
    assert finding < 1.2 * reading


def test_of_duplicate_keys_the_first_has_the_position() -> None:
    assert only("a: 1\nb: 1\na: 2\n").position(("a",)) == (1, 1)


def test_a_document_that_cannot_be_read_has_the_position_of_its_beginning() -> None:
    assert read("a: 1\n---\nb: [\n")[1].position(("b",)) == (3, 1)


def test_line_separators_of_unicode_are_no_lines() -> None:
    assert only("a: 'x\u2028y'\nb: 1\n").position(("b",)) == (2, 1)


def test_a_value_that_is_no_list_is_one_object() -> None:
    document = only("kind: ConfigMap\nitems: [1]\n")
    assert list(objects(document)) == [((), document.value)]
    assert list(objects(only("- kind: List\n"))) == [((), [{"kind": "List"}])]
    assert list(objects(only("kind: [List]\nitems: []\n"))) == [((), {"kind": ["List"], "items": []})]


def test_the_items_of_a_list_are_objects_in_their_order() -> None:
    document = only("kind: ThingList\nitems:\n- {kind: A}\n- {kind: B}\n")
    assert list(objects(document)) == [(("items", 0), {"kind": "A"}), (("items", 1), {"kind": "B"})]
    assert document.position(("items", 1, "kind")) == (4, 4)


def test_a_list_in_a_list_is_unfolded_too() -> None:
    inner = "{kind: List, items: [{kind: B}, {kind: List, items: []}, {kind: List, items: [{kind: C}]}]}"
    assert list(objects(only(f"kind: List\nitems: [{{kind: A}}, {inner}, {{kind: D}}]\n"))) == [
        (("items", 0), {"kind": "A"}),
        (("items", 1, "items", 0), {"kind": "B"}),
        (("items", 1, "items", 2, "items", 0), {"kind": "C"}),
        (("items", 2), {"kind": "D"}),
    ]


def test_a_list_without_a_list_of_items_is_an_object() -> None:
    assert list(objects(only("kind: List\nitems: {a: 1}\n"))) == [((), {"kind": "List", "items": {"a": 1}})]


@pytest.mark.parametrize("kind", ["List", "ThingList"])
@pytest.mark.parametrize("items", ["", "items:\n", "items: []\n"])
def test_a_list_without_items_is_empty(kind: str, items: str) -> None:
    assert list(objects(only(f"kind: {kind}\nmetadata: {{}}\n{items}"))) == []


def test_what_has_a_spec_is_no_empty_list_whatever_its_kind() -> None:
    document = only("kind: AllowList\nspec: {a: 1}\n")
    assert list(objects(document)) == [((), document.value)]


@pytest.mark.parametrize("items", ["[a, b]", "[{kind: A}, b]", "[{kind: A}, null]"])
def test_a_kind_that_ends_in_list_is_an_object_where_its_items_are_none(items: str) -> None:
    document = only(f"kind: AllowList\nitems: {items}\n")
    assert list(objects(document)) == [((), document.value)]


def test_an_item_that_is_no_object_does_not_hide_the_others_of_a_plain_list() -> None:
    document = only("apiVersion: v1\nkind: List\nitems:\n- {kind: A}\n-\n")
    assert list(objects(document)) == [(("items", 0), {"kind": "A"}), (("items", 1), None)]


def test_a_document_that_cannot_be_read_has_no_objects() -> None:
    assert list(objects(only("a: ["))) == []


def test_many_documents_keep_their_order_and_their_lines() -> None:
    documents = read("".join(f"---\nnumber: {number}\n" for number in range(1000)))
    assert [document.value for document in documents] == [{"number": number} for number in range(1000)]
    assert documents[-1].position(("number",)) == (2000, 1)


def test_json_after_a_separator_is_read_as_yaml() -> None:
    assert value('---\n{"a": [1.0, "x"]}\n') == {"a": [1, "x"]}
