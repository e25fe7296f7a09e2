import pytest

from modelfleet.findings import Reason
from tests.unit.sources.reading import only, problem, value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n\tb: 1\n", (2, 1)),
        ("a:\n  - b\n\t- c\n", (3, 1)),
        ("a:\n  b: 1\n  \tc: 2\n", (3, 3)),
        ("a: |\n\ttext\n", (2, 1)),
        ("\ta: 1\n", (1, 1)),
    ],
)
def test_a_tab_that_indents_is_told(text: str, place: tuple[int, int]) -> None:
    assert problem(text) == (*place, "a tab may not indent YAML; use spaces")


def test_a_tab_elsewhere_is_no_problem() -> None:
    assert value("a: 1 \t# comment\n") == {"a": 1}
    assert value("# kubectl takes this\n{\n\ta: 1\n}\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: b: c\n",
            (
                1,
                5,
                (
                    "this is not YAML: mapping values are not allowed in this context; "
                    'quote a value that holds ": ", or check the indentation of this line'
                ),
            ),
        ),
        (
            "a: 1\n- b\n",
            (
                2,
                1,
                (
                    "this is not YAML: did not find expected key while parsing a block mapping that starts on line 1; "
                    "check the indentation of this line"
                ),
            ),
        ),
        ("x: 1\na: 'b\nc: 1\n", (2, 4, "this is not YAML: the quote that opens here has no end; close the quote")),
        (
            "a: @b\n",
            (
                1,
                4,
                (
                    "this is not YAML: found character that cannot start any token; "
                    "quote a value that begins with this character"
                ),
            ),
        ),
    ],
)
def test_a_message_of_libyaml_says_where_and_what_to_do(text: str, expected: tuple[int, int, str]) -> None:
    assert problem(text) == expected


def test_an_open_bracket_is_told_with_the_line_where_it_opens() -> None:
    line, _, message = problem("x: 1\na: [b,\n  c\nd: 1\n")
    assert line == 4
    assert "that starts on line 2" in message


def test_what_is_no_yaml_has_no_value_but_keeps_the_problems_before_it() -> None:
    document = only("a: 1\na: 2\nb: [\n")
    assert document.value is None
    assert not document.readable
    assert [found.reason for found in document.problems] == [Reason.DUPLICATE_KEY, Reason.UNREADABLE]


@pytest.mark.parametrize(
    ("character", "name"), [("\0", "U+0000"), ("\x07", "U+0007"), ("\x7f", "U+007F"), ("\ufffe", "U+FFFE")]
)
def test_a_control_character_is_told_at_its_place(character: str, name: str) -> None:
    assert problem(f"a: 1\nb: \u00e9x{character}\n") == (
        2,
        6,
        f"the character {name} may not stand in YAML; remove it",
    )


def test_a_surrogate_pair_is_no_escape_in_yaml() -> None:
    line, column, message = problem('a: "\\ud83d\\ude00"\n')
    assert (line, column) == (1, 7)
    assert message.endswith("for YAML has no surrogate pairs")


def test_an_escaped_slash_is_told_because_kubectl_refuses_it() -> None:
    document = only('a:\n  b: "x\\/y"\n  c: "x\\\\/y"\n  d: x\\/y\n')
    (found,) = document.problems
    assert (found.position, found.path) == ((2, 8), ("a", "b"))
    assert found.message == "kubectl does not know \\/ in double quotes; write / without the backslash"


@pytest.mark.parametrize("directive", ["%YAML 1.1", "%YAML 1.2", "%TAG ! tag:x,2000:", "# comment\n%FOO"])
def test_a_directive_is_told_because_kubectl_refuses_it(directive: str) -> None:
    assert problem(f"{directive}\n---\n")[2] == "kubectl takes no YAML directives; remove this line"


@pytest.mark.parametrize("rest", ["...\nb: 2\n", "{b: 2}\n", "]\n"])
def test_what_kubectl_would_silently_drop_is_told(rest: str) -> None:
    document = only("{a: 1}\n" + rest)
    (found,) = document.problems
    assert document.value == {"a": 1}
    assert document.readable
    assert found.position == (3 if rest.startswith("...") else 2, 1)
    assert found.message == 'kubectl reads nothing from here on; start the next document with "---"'
