"""Whatever the reader is given, it gives back what was written, or says what is wrong; it never raises."""

import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.findings import Path
from modelfleet.sources.reading.documents import Document, objects, read_documents
from modelfleet.sources.reading.scalars import parse, resolve
from tests.sizes import scale

MANY = settings(max_examples=scale(60, 5_000))

# What YAML 1.1 can hold: neither control characters nor halves of surrogate pairs.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t", exclude_characters="\ufeff\ufffe\uffff"),
    max_size=12,
)
WORDS = st.sampled_from(
    ["on", "y", "no", "null", "~", "1", "1.0", "0x1", "08", "1_0", "<<", "=", "!a", "&a", "*a", "a: b", "- a", "1:30"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | TEXT
    | WORDS
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXT | WORDS, inside, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXT | WORDS, VALUES, min_size=1, max_size=4)

INDICATORS = (
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ": ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "! ",
    "|\n",
    ">-\n",
    "'",
    '"',
    "\\",
)
SCRAPS = ("a", "b: ", "\n", "\n  ", "\t", "---\n", "...\n", "%YAML", "# c\n", "on", "1e3", ".inf", "\r\n", "{{", "é")
ODDITIES = ("\ufeff", "\x00", "\u2028", "\x85", "\x7f")
PIECES = st.sampled_from(INDICATORS + SCRAPS + ODDITIES)


class Quoting(yaml.SafeDumper):
    """PyYAML quotes only what its own rules would read as something else, and go-yaml has other rules."""


def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Beside a quoted key in braces some texts make a document that looks like JSON, with a number that JSON has not.
    is_plain = parse(text) == text and text not in ("<<", "NaN", "Infinity", "-Infinity")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


Quoting.add_representer(str, represent_text)


def steps(value: object, path: Path = ()) -> list[Path]:
    """The paths to everything in a value."""
    if isinstance(value, dict):
        return [path, *(found for key, inside in value.items() for found in steps(inside, (*path, key)))]
    if isinstance(value, list):
        return [path, *(found for index, inside in enumerate(value) for found in steps(inside, (*path, index)))]
    return [path]


def one(data: str) -> Document:
    (document,) = read_documents(data.encode())
    assert document.problems == ()
    return document


@MANY
@given(OBJECTS, st.booleans(), st.sampled_from([None, False, True]))
def test_what_is_dumped_as_yaml_is_read_back(value: dict[str, object], unicode: bool, flow: bool | None) -> None:
    text = yaml.dump(value, Dumper=Quoting, allow_unicode=unicode, default_flow_style=flow, sort_keys=False)
    assert one(text).value == value


@MANY
@given(OBJECTS, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_what_is_dumped_as_json_is_read_back(
    value: dict[str, object], ascii_only: bool, indent: str | int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert one(text).value == value


@MANY
@given(st.lists(OBJECTS, min_size=2, max_size=4))
def test_a_stream_of_documents_is_read_back(values: list[dict[str, object]]) -> None:
    as_json = "\n".join(json.dumps(value) for value in values)
    as_yaml = yaml.dump_all(values, Dumper=Quoting, allow_unicode=True, explicit_start=True)
    assert [document.value for document in read_documents(as_json.encode())] == values
    assert [document.value for document in read_documents(as_yaml.encode())] == values


@MANY
@given(OBJECTS)
def test_every_value_of_a_readable_document_has_its_own_position(value: dict[str, object]) -> None:
    document = one(yaml.dump(value, Dumper=Quoting, allow_unicode=True, sort_keys=False))
    places = [document.position(path) for path in steps(value)[1:]]
    assert places == sorted(places)


@MANY
@given(st.binary(max_size=200))
def test_random_bytes_never_raise(data: bytes) -> None:
    for document in read_documents(data):
        assert document.readable or document.problems
        assert document.position(("a", 0)) >= (1, 1)
        assert list(objects(document)) or not document.readable or document.value


@MANY
@given(st.lists(PIECES, max_size=25).map("".join))
def test_scraps_of_yaml_never_raise_and_have_sound_positions(text: str) -> None:
    lines = text.removeprefix("\ufeff").split("\n")
    for document in read_documents(text.encode()):
        assert document.readable or document.problems
        for found in document.problems:
            assert 1 <= found.position.line <= len(lines) + 1
            assert found.position.column >= 1
            assert found.message.isprintable()
        for path in steps(document.value):
            assert document.position(path) >= (1, 1)


@MANY
@given(st.text("0123456789+-._xXobBeEaAfFnNyY~tT", max_size=12))
def test_every_plain_scalar_has_one_meaning(text: str) -> None:
    found = resolve(text)
    assert found is None or isinstance(found, str | int | float)
    assert not isinstance(found, str) or found == text
