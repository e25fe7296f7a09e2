import pytest

from modelfleet.findings import Reason
from modelfleet.sources.reading.problems import MAX_DOCUMENT_BYTES
from tests.unit.sources.reading import only, problem, read, value


def test_json_is_read() -> None:
    text = '{"a": [1, -2.5, true, false, null, "x\\n\\u00e9"], "on": {"1": {}}, "<<": {"b": 1}}'
    assert value(text) == {"a": [1, -2.5, True, False, None, "x\n\u00e9"], "on": {"1": {}}, "<<": {"b": 1}}


@pytest.mark.parametrize("between", ["", "\n", " ", "\r\n\t"])
def test_several_documents_may_follow_each_other(between: str) -> None:
    documents = read(between.join(['{"a": 1}', '{"b": [{}]}', '{"c": "}{"}']))
    assert [document.value for document in documents] == [{"a": 1}, {"b": [{}]}, {"c": "}{"}]
    assert not any(document.problems for document in documents)


def test_each_document_of_a_stream_has_its_own_positions() -> None:
    first, second, third = read('{"a": 1}{"a": 1}\n  {\n  "a": 1}')
    assert first.position(("a",)) == (1, 2)
    assert second.position(("a",)) == (1, 10)
    assert third.position(("a",)) == (3, 3)
    assert third.position(()) == (2, 3)


def test_json_indented_by_tabs_has_positions() -> None:
    document = only('{\n\t"spec": {\n\t\t"list": [\n\t\t\t{"a": 1}\n\t\t]\n\t}\n}\n')
    assert document.problems == ()
    assert document.position(("spec", "list", 0, "a")) == (4, 5)
    assert document.position(("spec", "list", 1)) == (3, 3)


def test_json_that_is_no_yaml_is_read_and_its_positions_are_its_beginning() -> None:
    document = only('\n {"a": {"b": "\x7f"}}')
    assert document.value == {"a": {"b": "\x7f"}}
    assert document.position(("a", "b")) == (2, 2)


def test_a_surrogate_pair_is_one_character_and_its_half_is_replaced() -> None:
    document = only('{"a": "\\ud83d\\ude00 \\uD83D \\\\ud83d", "b": 1}')
    assert document.value == {"a": "\U0001f600 \ufffd \\ud83d", "b": 1}
    assert document.problems == ()
    assert document.position(("b",)) == (1, 38)


def test_numbers_are_what_the_api_server_gets() -> None:
    found = value(
        '{"a": 1.0, "b": 1e3, "c": -0.0, "d": 0.5, "e": 18446744073709551615, "f": 123456789012345678901, "g": 1e21}'
    )
    assert found == {"a": 1, "b": 1000, "c": 0, "d": 0.5, "e": 2**64 - 1, "f": 123456789012345680000, "g": 1e21}
    assert isinstance(found, dict)
    assert [type(number) for number in found.values()] == [int, int, int, float, int, int, float]


def test_a_duplicate_key_is_found_at_its_second_place() -> None:
    document = only('{"a": 1,\n "b": {"c": 1, "c": 2},\n "a": 2}')
    assert document.value == {"a": 1, "b": {"c": 1}}
    assert document.readable
    assert [(found.position, found.path, found.reason) for found in document.problems] == [
        ((2, 16), ("b", "c"), Reason.DUPLICATE_KEY),
        ((3, 2), ("a",), Reason.DUPLICATE_KEY),
    ]


def test_a_duplicate_key_of_json_that_is_no_yaml_is_told_at_its_beginning() -> None:
    document = only('{"a": "\x7f", "a": 2}')
    (found,) = document.problems
    assert document.value == {"a": "\x7f"}
    assert (found.position, found.reason) == ((1, 1), Reason.DUPLICATE_KEY)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 10_000])
def test_a_number_that_is_not_finite_is_refused_and_the_next_document_is_read(number: str) -> None:
    first, second = read(f'{{"NaN": "NaN 1e999",\n "a": {number}}}\n{{"b": 1}}')
    (found,) = first.problems
    assert not first.readable
    assert (found.position, found.message) == ((2, 7), "a number must be finite")
    assert second.value == {"b": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1,\n "b" 2}', (2, 6, "this is not JSON: expecting ':' delimiter")),
        ('{"a": 1', (1, 8, "this is not JSON: expecting ',' delimiter")),
        ('{"a": "x\n"', (1, 9, "this is not JSON: invalid control character")),
        ('{"a": "\\x"', (1, 8, "this is not JSON: invalid \\escape")),
        ('{"a": [1}', (1, 9, "this is not JSON: expecting ',' delimiter")),
    ],
)
def test_a_syntax_error_is_told_at_its_place(text: str, expected: tuple[int, int, str]) -> None:
    assert problem(text) == expected
    assert not only(text).readable


def test_an_error_in_a_later_document_leaves_those_before_it() -> None:
    documents = read('{"a": 1}\n{"b": 2}\n{"c": }\n')
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}, None]
    assert documents[2].problems[0].position == (3, 7)


@pytest.mark.parametrize(
    "text", ["{a: 1}", '{"a": 1,}', '{"a": 1, # why\n}', "{'a': 1}", '{"a": 1} # end', '{\n\t"a": 0x1,\n}']
)
def test_what_is_yaml_in_braces_is_read_as_kubectl_falls_back_to_it(text: str) -> None:
    assert value(text) == {"a": 1}


def test_yaml_may_follow_the_first_document_of_json() -> None:
    documents = read('{"a": 1}\n  - b: c\n  - d\n---\ne: 1\n')
    assert [document.value for document in documents] == [{"a": 1}, [{"b": "c"}, "d"], {"e": 1}]


def test_a_template_is_told_as_what_it_is_and_not_as_json() -> None:
    assert problem("{{ .Values.a }}\n")[2].endswith("or render the template if {{ }} belongs to one")


def test_a_separator_after_several_documents_is_told_because_kubectl_refuses_it() -> None:
    documents = read('{"a": 1}\n{"b": 2}\n---\nc: 3\n')
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}, None, {"c": 3}]
    assert documents[2].problems[0].position == (3, 1)
    assert documents[2].problems[0].message.startswith('kubectl takes no "---" after several JSON documents')


def test_64_levels_are_read_and_a_65th_is_refused_where_it_begins() -> None:
    inside = "[" * 63 + "]" * 63
    assert only(f'{{"a": {inside}}}').readable
    first, second = read(f'{{"a":\n[{inside}]}}{{"b": 1}}')
    assert first.problems[0].position == (2, 64)
    assert first.problems[0].message.startswith("more than 64 levels")
    assert second.value == {"b": 1}


def test_10_000_levels_are_refused_without_deep_recursion() -> None:
    assert problem('{"a":' * 10_000 + "1" + "}" * 10_000)[:2] == (1, 321)
    assert problem('{"a":' + "[" * 100_000)[:2] == (1, 69)


def test_brackets_in_strings_are_no_levels() -> None:
    assert value('{"a": "' + "[{" * 1000 + '\\"["}') == {"a": "[{" * 1000 + '"['}


def test_a_document_larger_than_the_limit_is_refused_and_a_long_stream_is_not() -> None:
    large = '{"a": "' + "x" * MAX_DOCUMENT_BYTES + '"}'
    assert problem(large)[2].startswith("a document may have 16 MiB at most")
    small = '{"a": "' + "x" * 1_000_000 + '"}'
    assert [document.readable for document in read(f"{small}\n{small}\n")] == [True, True]


def test_the_size_of_a_document_counts_bytes_and_not_characters() -> None:
    assert not only('{"a": ["' + "\u20ac" * (MAX_DOCUMENT_BYTES // 3) + '"]}').readable
