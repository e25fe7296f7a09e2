import pytest

from modelfleet.findings import Reason
from tests.unit.sources.reading import only, problem, value


def test_a_duplicate_key_is_found_at_its_second_place() -> None:
    (found,) = only("a: 1\nspec:\n  b: 1\n  c: 2\n  b: 3\n").problems
    assert found.position == (5, 3)
    assert found.path == ("spec", "b")
    assert found.reason is Reason.DUPLICATE_KEY
    assert found.message == 'the key "b" is already set on line 3; remove one of the two'


def test_of_duplicate_keys_the_first_keeps_its_value_and_reading_goes_on() -> None:
    document = only("a: 1\na: {x: 2, x: 3}\nb: 4\nb: 5\n")
    assert document.readable
    assert document.value == {"a": 1, "b": 4}
    assert [found.position.line for found in document.problems] == [2, 2, 4]


def test_keys_that_differ_only_in_their_quotes_are_duplicates() -> None:
    assert problem("1: a\n'1': b\n")[:2] == (2, 1)
    assert problem("true: a\n'true': b\n")[:2] == (2, 1)


def test_a_quoted_key_in_a_message_is_one_short_printable_line() -> None:
    key = '"' + "\\e[31m\\n" + "x" * 200 + '"'
    message = problem(f"{key}: 1\n{key}: 2\n")[2]
    assert message.startswith(r'the key "\x1b[31m\nxxx')
    assert len(message) < 150


@pytest.mark.parametrize("key", ["on", "On", "ON", "yes", "y", "Y"])
def test_a_bare_key_that_yaml_reads_as_true_is_told(key: str) -> None:
    document = only(f"spec:\n  {key}: 1\n")
    (found,) = document.problems
    assert document.value == {"spec": {"true": 1}}
    assert (found.position, found.path, found.reason) == ((2, 3), ("spec", key), Reason.UNREADABLE)
    assert found.message == f"YAML 1.1 reads the bare key {key} as true, and so does kubectl; quote it"


@pytest.mark.parametrize("key", ["off", "Off", "no", "n", "N"])
def test_a_bare_key_that_yaml_reads_as_false_is_told(key: str) -> None:
    assert problem(f"{key}: 1\n") == (
        1,
        1,
        f"YAML 1.1 reads the bare key {key} as false, and so does kubectl; quote it",
    )


def test_quoted_and_plainly_boolean_keys_are_text() -> None:
    assert value("'on': 1\n\"no\": 2\ntrue: 3\nFalse: 4\n") == {"on": 1, "no": 2, "true": 3, "false": 4}


def test_number_keys_become_the_text_that_kubectl_makes_of_them() -> None:
    assert value("8080: a\n0x10: b\n1.5: c\n2001-01-01: d\n") == {"8080": "a", "16": "b", "1.5": "c", "2001-01-01": "d"}


@pytest.mark.parametrize("key", ["~", "null", "18446744073709551615", "[a]", "{a: b}", "? [a]\n"])
def test_a_key_that_is_no_text_is_told_and_left_out(key: str) -> None:
    document = only(f"{key}: 1\nb: 2\n")
    assert document.value == {"b": 2}
    assert [found.message for found in document.problems] == ["a key must be text, and this is not; quote it"]


def test_a_template_is_recognised_in_a_key_that_is_a_mapping() -> None:
    line, column, message = problem("a: {{ .Values.a }}\n")
    assert (line, column) == (1, 5)
    assert message.endswith("or render the template if {{ }} belongs to one")


def test_a_merge_brings_in_keys_and_own_keys_win() -> None:
    assert value("x: &x {p: 1, q: 2}\nz: {<<: *x, q: 3, r: 4}\n") == {
        "x": {"p": 1, "q": 2},
        "z": {"p": 1, "q": 3, "r": 4},
    }


def test_of_several_merged_mappings_the_first_wins() -> None:
    assert value("<<: [{a: 1}, {a: 2, b: 3}]\nc: 4\n") == {"a": 1, "b": 3, "c": 4}


def test_a_merge_may_stand_in_what_is_merged() -> None:
    assert value("<<: {<<: {a: 1, b: 2}, b: 3}\nc: 4\n") == {"a": 1, "b": 3, "c": 4}


def test_a_merge_after_the_keys_that_kubectl_would_overwrite_is_told() -> None:
    document = only("a: 1\n<<: {a: 2, b: 3}\n")
    (found,) = document.problems
    assert document.value == {"a": 1, "b": 3}
    assert (found.position, found.path, found.reason) == ((2, 1), ("a",), Reason.DUPLICATE_KEY)
    assert found.message == 'kubectl lets << overwrite "a", which line 1 sets before it; put << first'


@pytest.mark.parametrize("merged", ["1", "[1]", "", "[[{a: 1}]]", "*list"])
def test_nothing_but_mappings_can_be_merged(merged: str) -> None:
    document = only(f"list: &list [{{a: 1}}]\nb: {{<<: {merged}}}\nc: 1\n")
    assert document.value == {"list": [{"a": 1}], "b": {}, "c": 1}
    (found,) = document.problems
    assert found.position == (2, 5)
    assert found.message.startswith("the merge key << takes a mapping or a list of mappings")


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value("'<<': {a: 1}\n") == {"<<": {"a": 1}}
    assert value("a: <<\n") == {"a": "<<"}


def test_the_tag_of_a_merge_key_makes_one() -> None:
    assert value("!!merge '<<': {a: 1}\n") == {"a": 1}


def test_an_alias_may_be_a_key() -> None:
    assert value("a: &a name\n*a : 1\nb: &b 5\n*b : 2\n") == {"a": "name", "name": 1, "b": 5, "5": 2}


def test_an_alias_for_a_list_is_no_key() -> None:
    document = only("a: &a [1]\n*a : 1\nb: 2\n")
    assert document.value == {"a": [1], "b": 2}
    assert len(document.problems) == 1
