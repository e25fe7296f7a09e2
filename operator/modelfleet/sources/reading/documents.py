"""The documents of a file, one by one, as kubectl finds them, with where everything in them is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from modelfleet.findings import Path
from modelfleet.sources.reading import jsontext, yaml
from modelfleet.sources.reading.problems import MAX_DOCUMENT_BYTES, TOO_LARGE, Origin, Position, Problem, Reading

__all__ = ["Document", "Position", "Problem", "objects", "read_documents"]

_SEPARATOR: Final = re.compile(rb"^---([^\n]*)\n?", re.MULTILINE)
_BEGINS_AS_JSON: Final = re.compile(rb"\s*\{")
_BLANK_LINES: Final = r"(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*+"
_DIRECTIVE: Final = re.compile(_BLANK_LINES + "%")
_ONLY_AN_END: Final = re.compile(
    rf"{_BLANK_LINES}\.\.\.(?:[ \t]+#[^\n]*|[ \t]*)(?:\r?\n{_BLANK_LINES}(?:[ \t]*#[^\n]*)?)?\Z"
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WIDE: Final = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|\0[^\0]\0[^\0]|[^\0]\0[^\0]\0|\0\0\0[^\0]|[^\0]\0\0\0")

_NOT_UTF8: Final = "the file is UTF-16 or UTF-32; save it as UTF-8"
_NO_DIRECTIVES: Final = "kubectl takes no YAML directives; remove this line"
_BARE_SEPARATOR: Final = 'kubectl takes nothing but a comment after "---"; move this to a line of its own'


@dataclass(frozen=True, slots=True)
class Document:
    """One document that is there, be it readable or not. Where `readable` is false, `value` is None and says nothing.

    A value that aliases repeat is one object in several places of `value`: change nothing in it.
    """

    value: object
    problems: tuple[Problem, ...]
    readable: bool
    origin: Origin = field(repr=False, compare=False)

    def position(self, path: Path) -> Position:
        """Where the value at the path is written (its key, if it has one), or else the nearest that encloses it."""
        return yaml.positions(self.origin, [path])[path]


class _Chunk(NamedTuple):
    """What stands between two separators; `fault` is where the separator before it has what it may not have."""

    data: bytes
    line: int
    fault: Position | None
    is_last: bool


def read_documents(data: bytes) -> Iterator[Document]:
    """The documents of a file in their order, without those that are empty or null. No content makes it raise."""
    if _WIDE.match(data):
        yield _refused(Position(1, 1), _NOT_UTF8)
        return
    for number, chunk in enumerate(_chunks(data.removeprefix(_BYTE_ORDER_MARK))):
        # kubectl looks for JSON at the beginning of the file only.
        yield from _read_chunk(chunk, is_json=number == 0 and _BEGINS_AS_JSON.match(chunk.data) is not None)


def objects(document: Document) -> Iterator[tuple[Path, object]]:
    """What the document holds and where: the items of a List, and of Lists in it, or else the one value it is.

    A List is what kubectl takes for one: its kind is List or ends so, and its items are objects.
    """
    waiting: list[tuple[Path, object]] = [((), document.value)] if document.readable else []
    while waiting:
        path, value = waiting.pop()
        items = _items(value)
        if items is None:
            yield path, value
        else:
            waiting.extend(((*path, "items", index), items[index]) for index in reversed(range(len(items))))


def _items(value: object) -> list[object] | None:
    if not isinstance(value, dict):
        return None
    kind, items = value.get("kind"), value.get("items")
    if not isinstance(kind, str) or not kind.endswith("List"):
        return None
    if items is None:
        return None if "spec" in value else []  # what has a spec is an object whose kind happens to end so
    if not isinstance(items, list):
        return None
    # Nothing else is a List of v1, so what is no object among its items is a mistake there, and hides no other.
    is_plain = kind == "List" and value.get("apiVersion", "v1") == "v1"
    return items if is_plain or all(isinstance(item, dict) for item in items) else None


def _chunks(data: bytes) -> Iterator[_Chunk]:
    begin, line = 0, 1
    fault: Position | None = None
    for separator in _SEPARATOR.finditer(data):
        yield _Chunk(data[begin : separator.start()], line, fault, is_last=False)
        line += data.count(b"\n", begin, separator.start())
        rest = separator[1].decode(errors="replace")
        text = rest.lstrip()
        fault = None if text.startswith("#") or not text else Position(line, len("---") + len(rest) - len(text) + 1)
        begin, line = separator.end(), line + 1
    yield _Chunk(data[begin:], line, fault, is_last=True)


def _read_chunk(chunk: _Chunk, *, is_json: bool) -> Iterator[Document]:
    start = Position(chunk.line, 1)
    if chunk.fault:
        yield _refused(chunk.fault, _BARE_SEPARATOR)
    elif not chunk.data or chunk.data.isspace():
        return
    elif len(chunk.data) > MAX_DOCUMENT_BYTES and not is_json:
        yield _refused(start, TOO_LARGE)
    else:
        try:
            text = chunk.data.decode()
        except UnicodeDecodeError as error:
            yield _not_utf8(chunk.data, error.start, start)
            return
        origin = Origin(text, start)
        readings = jsontext.read(origin, is_last=chunk.is_last) if is_json else _read_yaml(origin)
        for origin, reading in readings:
            if reading.value is not None or reading.problems:
                yield Document(reading.value, reading.problems, reading.readable, origin)


def _read_yaml(origin: Origin) -> Iterator[tuple[Origin, Reading]]:
    if _ONLY_AN_END.match(origin.text):
        return
    directive = _DIRECTIVE.match(origin.text)
    reading = origin.refused(directive.end() - 1, _NO_DIRECTIVES) if directive else yaml.read(origin)
    if reading is not None:
        yield origin, reading


def _not_utf8(data: bytes, index: int, start: Position) -> Document:
    before = data[:index].decode()
    position = Origin(before, start).position(len(before))
    return _refused(position, f"the byte 0x{data[index]:02X} is not UTF-8 here; save the file as UTF-8")


def _refused(position: Position, message: str) -> Document:
    origin = Origin("", position)
    reading = origin.refused(0, message)
    return Document(None, reading.problems, readable=False, origin=origin)
