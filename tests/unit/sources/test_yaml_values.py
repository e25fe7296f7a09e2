import tracemalloc

import pytest
import yaml

from modelfleet.findings import Reason
from modelfleet.sources.reading import builder
from tests.sizes import scale
from tests.unit.sources.reading import only, problem, value

MANIFEST = """
apiVersion: v1
kind: ConfigMap   # a comment
metadata:
  name: "quoted"
  labels: {a: b, 'c': d}
data:
  list:
  - 1
  - x: yes
    y-axis: 0x1F
  text: |
    one
     two
  folded: >-
    three
    four
  empty:
  ratio: 0.5
  count: 1e3
"""


def expanding(levels: int, width: int) -> str:
    """Lists of aliases to lists of aliases, so that each line multiplies what the line before it stands for."""
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels)]
    return "\n".join(lines)


def test_a_manifest_is_read_as_kubectl_reads_it() -> None:
    assert value(MANIFEST) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "quoted", "labels": {"a": "b", "c": "d"}},
        "data": {
            "list": [1, {"x": True, "y-axis": 31}],
            "text": "one\n two\n",
            "folded": "three four",
            "empty": None,
            "ratio": 0.5,
            "count": 1000,
        },
    }


def test_python_s_own_parser_gives_the_same_where_libyaml_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = only(MANIFEST)
    with monkeypatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader", raising=False)
        assert only(MANIFEST) == expected
        assert only("a:\n\tb: 1").problems[0].message == "a tab may not indent YAML; use spaces"
        assert only("a: [").problems[0].message.startswith("this is not YAML: ")
        assert only("a: \x00").problems[0].message.startswith("the character U+0000")


def test_a_quoted_scalar_is_text() -> None:
    assert value("""[ '1', "yes", '', "a\\u00e9\\n" ]""") == ["1", "yes", "", "a\u00e9\n"]


def test_a_literal_block_at_the_end_of_a_file_without_a_newline_has_one() -> None:
    assert value("a: |\n  text") == {"a": "text\n"}


def test_a_document_may_be_a_list_or_a_scalar() -> None:
    assert value("- a\n- b\n") == ["a", "b"]
    assert value("text\n") == "text"


@pytest.mark.parametrize("number", [".inf", "-.Inf", ".nan"])
def test_a_number_that_is_not_finite_is_told_and_reading_goes_on(number: str) -> None:
    document = only(f"a: {{b: [0, {number}]}}\nc: 1\nc: 2\n")
    assert [(found.path, found.position) for found in document.problems] == [(("a", "b", 1), (1, 12)), (("c",), (3, 1))]
    assert document.problems[0].message == "a number must be finite"
    assert document.readable


def test_the_basic_tags_are_read() -> None:
    text = '!!map {a: !!int "12", b: !!float 1, c: !!bool "yes", d: !!null "", e: !!str 12, f: !!seq [1], g: ! 12}'
    assert value(text) == {"a": 12, "b": 1, "c": True, "d": None, "e": "12", "f": [1], "g": "12"}


@pytest.mark.parametrize(
    "tagged", ["!mine x", "!!binary aGk=", "!!timestamp 2001-01-01", "!!set {x}", "!!str {x: 1}", "!!map [x]"]
)
def test_any_other_tag_is_told_at_its_place(tagged: str) -> None:
    document = only(f"a:\n  b: {tagged}\n")
    (found,) = document.problems
    assert (found.position, found.path, found.reason) == ((2, 6), ("a", "b"), Reason.UNREADABLE)
    assert found.message.endswith("; remove it")
    assert document.readable


def test_a_tag_that_does_not_fit_its_value_is_told() -> None:
    assert problem("a: !!int abc\n") == (
        1,
        4,
        '"abc" does not fit the tag !!int; remove the tag or correct the value',
    )


def test_an_alias_stands_for_what_its_anchor_marks() -> None:
    assert value("a: &x [1, {b: 2}]\nc: *x\nd: &x 3\ne: *x\n") == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": 3,
        "e": 3,
    }


def test_an_anchor_inside_another_of_the_same_name_takes_the_name_over() -> None:
    assert value("a: &x [&x b, *x]\nc: *x\n") == {"a": ["b", "b"], "c": "b"}


def test_an_alias_without_its_anchor_is_refused() -> None:
    assert problem("a: *b\n") == (1, 4, "*b repeats what &b marks, which is nowhere above")
    assert not only("a: *b\n").readable


def test_an_anchor_does_not_reach_into_the_next_document() -> None:
    assert len(only("a: &a 1\nb: *a\n").problems) == 0
    assert problem("---\nnull\n---\nb: *a\n")[:2] == (4, 4)


def test_a_value_that_contains_itself_is_refused() -> None:
    document = only("a: &a\n  b: [*a]\n")
    assert not document.readable
    assert document.value is None
    assert document.problems[0].message == "*a stands inside the value that it repeats; write that out"


def test_aliases_of_aliases_end_early_and_cost_little() -> None:
    text = expanding(levels=9, width=9)
    tracemalloc.start()
    try:
        document = only(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not document.readable
    assert document.problems[0].message.startswith("aliases stand for more than 100,000 keys and values")
    assert peak < 1_000_000


def test_aliases_are_free_below_the_limit() -> None:
    assert only(expanding(levels=4, width=9)).readable


def test_a_document_may_not_have_more_values_than_the_limit_without_aliases_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builder, "MAX_VALUES", scale(10_000, builder.MAX_VALUES))
    fits = builder.MAX_VALUES - 1  # the list counts as well
    assert only("[" + "1," * (fits - 1) + "1]").readable
    assert not only("[" + "1," * fits + "1]").readable


def test_aliases_may_not_repeat_more_text_than_an_object_can_have() -> None:
    text = f"a: &a {'x' * 100_000}\nb: &b [*a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b]\n"
    assert problem(text)[2] == "with its aliases written out this document is larger than 1.5 MiB; use fewer aliases"


def test_64_levels_are_read_and_a_65th_is_refused_where_it_begins() -> None:
    assert only("[" * 64 + "]" * 64).readable
    assert problem("[" * 65 + "]" * 65) == (
        1,
        65,
        "more than 64 levels of lists and mappings inside each other; write it flatter",
    )


def test_100_levels_of_block_mappings_are_refused_at_the_level_that_is_too_deep() -> None:
    text = "".join("  " * level + f"k{level}:\n" for level in range(100))
    assert problem(text)[:2] == (65, 129)


def test_10_000_levels_of_brackets_are_refused() -> None:
    assert problem("a: " + "[" * 10_000)[:2] == (1, 67)
    assert problem("- " * 10_000)[:2] == (1, 129)


def test_aliases_do_not_make_a_value_deeper_than_64_levels() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 100)]
    line, _, message = problem("\n".join(lines))
    assert line == 64
    assert message.startswith("more than 64 levels")


def test_after_100_problems_of_a_document_there_is_one_word_about_the_rest() -> None:
    document = only("a: 1\n" * 1000)
    assert len(document.problems) == 101
    assert document.problems[-1].message == "there are more problems in this document; mend these first"
    assert document.value == {"a": 1}
