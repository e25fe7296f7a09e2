"""JSON to plain values, as kubectl reads a stream that begins with a brace.

Positions come from the YAML reader, for almost all JSON is YAML too. Where it is not, they are the document's own.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, NoReturn

from modelfleet.findings import Reason
from modelfleet.sources.reading import scalars, yaml
from modelfleet.sources.reading.problems import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    NOT_FINITE,
    TOO_DEEP,
    TOO_LARGE,
    Origin,
    Problem,
    Reading,
)

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NEXT_BRACKET: Final = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)
_STRING_OR_NUMBER: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|(-?Infinity|NaN|-?[0-9][0-9.eE+-]*)', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<pair>u[dD][89aAbB]\w\w\\u[dD][c-fC-F]\w\w)|(?P<lone>u[dD][89a-fA-F]\w\w)|.)", re.DOTALL | re.ASCII
)
_BEGINS_LIKE_JSON: Final = re.compile(r'[ \t]*[\[{][ \t\r\n]*["}\]\[]')
_SHORTEST_LARGE_INTEGER: Final = 19
_SURELY_JSON: Final = 2
"""So many documents of JSON, and kubectl takes the rest for nothing else."""
_SEPARATED: Final = 'kubectl takes no "---" after several JSON documents; put "---" between all of them, or nowhere'


class _Extent(NamedTuple):
    """Where a document ends, if its brackets close, and the index and sentence that refuse it, if any do."""

    end: int | None
    refusal: tuple[int, str] | None


class _NotFinite(Exception):
    """A number that is none, or that no 64 bit float holds."""


def read(stream: Origin, *, is_last: bool = True) -> Iterator[tuple[Origin, Reading]]:
    """Each document of a stream; the first that is no JSON is the last. `is_last` if no YAML follows the stream."""
    text, shown = _without_surrogates(stream.text)
    whole = Origin(shown, stream.start)
    decoder = _Decoder()
    before, count = 0, 0
    while (index := _skip_space(text, before)) < len(text):
        end, refusal = _measure(text, index)
        try:
            if refusal is None:
                value, end = decoder.decode(text, index)
        except _NotFinite:
            refusal = _first_not_finite(text, index), NOT_FINITE
        except json.JSONDecodeError as error:
            yield from _read_as_yaml(whole, before, count, error)
            return
        origin = Origin(shown[index:end], whole.position(index))
        if refusal is not None:
            yield origin, whole.refused(*refusal)
        else:
            yield origin, Reading(value, _duplicates(origin) if decoder.has_duplicates else ())
        if end is None:
            return
        before, count = end, count + 1
    if count >= _SURELY_JSON and not is_last:
        yield whole, whole.refused(len(text), _SEPARATED)


def _skip_space(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match else index


def _without_surrogates(text: str) -> tuple[str, str]:
    """The text with a replacement for each half of a surrogate pair, as Go has it, and with one for whole pairs too.

    Both have the length of the text. YAML knows no surrogates, so that only the second can be read for positions.
    """
    if not _SURROGATE.search(text):
        return text, text
    halves = _ESCAPE.sub(lambda match: r"\ufffd" if match["lone"] else match[0], text)
    return halves, _ESCAPE.sub(lambda match: r"\ufffd\ufffd" if match["pair"] else match[0], halves)


def _measure(text: str, index: int) -> _Extent:
    """Find a document's end by its brackets, before the decoder may see how deep or long it is."""
    if text[index] not in "[{":
        return _Extent(None, None)
    depth, cursor = 0, index
    refusal = None
    while match := _NEXT_BRACKET.match(text, cursor):
        cursor = match.end()
        if cursor - index > MAX_DOCUMENT_BYTES:
            return _Extent(None, (index, TOO_LARGE))
        depth += 1 if match[1] in "[{" else -1
        if depth > MAX_DEPTH and refusal is None:
            refusal = cursor - 1, TOO_DEEP
        if depth <= 0:
            if not text.isascii() and len(text[index:cursor].encode()) > MAX_DOCUMENT_BYTES:
                refusal = index, TOO_LARGE
            return _Extent(cursor, refusal)
    return _Extent(None, refusal)


class _Decoder:
    """Python's decoder, with kubectl's numbers and an eye on duplicate keys, of which the first counts."""

    def __init__(self) -> None:
        self.has_duplicates = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=_float, parse_int=_integer, parse_constant=_refuse
        )

    def decode(self, text: str, index: int) -> tuple[object, int]:
        """The value that begins at the index, and where it ends. Raises JSONDecodeError or _NotFinite."""
        self.has_duplicates = False
        return self._decoder.raw_decode(text, index)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            self.has_duplicates = True
            value.update(reversed(pairs))
        return value


def _float(text: str) -> int | float:
    value = float(text)
    if math.isinf(value):
        raise _NotFinite
    return scalars.integral(value)


def _integer(text: str) -> int | float:
    # Past 64 bits Go has only floats; and the decoder's own conversion would fail on thousands of digits.
    if len(text) < _SHORTEST_LARGE_INTEGER:
        return int(text)
    value = scalars.resolve(text)
    return value if isinstance(value, int | float) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise _NotFinite(text)


def _first_not_finite(text: str, index: int) -> int:
    for match in _STRING_OR_NUMBER.finditer(text, index):
        if match[1] and _is_not_finite(match[1]):
            return match.start()
    return index


def _is_not_finite(text: str) -> bool:
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


def _duplicates(origin: Origin) -> tuple[Problem, ...]:
    """The duplicate keys of JSON that has some."""
    reading = yaml.read(origin)
    found = tuple(problem for problem in reading.problems if problem.reason is Reason.DUPLICATE_KEY) if reading else ()
    message = "a mapping of this document sets the same key twice; remove one of the two"
    return found or (Problem(origin.start, (), Reason.DUPLICATE_KEY, message),)


def _read_as_yaml(
    whole: Origin, before: int, count: int, error: json.JSONDecodeError
) -> Iterator[tuple[Origin, Reading]]:
    """What becomes of text that is no JSON: kubectl tries YAML, unless two documents before it were JSON."""
    index = _skip_space(whole.text, before)
    line_start = whole.text.rfind("\n", before, index) + 1 or index
    rest = Origin(whole.text[line_start:], whole.position(line_start))
    if count < _SURELY_JSON and len(rest.text) <= MAX_DOCUMENT_BYTES:
        reading = yaml.read(rest)
        if reading is None:
            return
        if reading.readable or not _BEGINS_LIKE_JSON.match(rest.text):
            yield rest, reading
            return
    message = error.msg.removesuffix(": ").removesuffix(" at")
    yield rest, whole.refused(error.pos, f"this is not JSON: {message[:1].lower()}{message[1:]}")
