"""Where something stands in a file, and what is wrong with the file there."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from modelfleet.findings import Path, Reason, printable

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""A List of a large fleet fits, and what is read of it at once stays small."""
MAX_DEPTH = 64
"""How many lists and mappings may stand inside each other."""
MAX_PROBLEMS = 100
"""How many problems of one document are told; more would bury them."""

TOO_LARGE = "a document may have 16 MiB at most; split it"
TOO_DEEP = f"more than {MAX_DEPTH} levels of lists and mappings inside each other; write it flatter"
NOT_FINITE = "a number must be finite"
QUOTE_IT = "; quote it"
"""What helps where a bare key is not read as its letters, if it is the key that was meant."""

_LONGEST_QUOTATION = 60


class Position(NamedTuple):
    """A place in a file. Lines and columns count from 1; a column is a character, not a byte."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence about text that cannot be read as it was meant; the reason is UNREADABLE or DUPLICATE_KEY."""

    position: Position
    path: Path
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one document. Where `readable` is false the value is None and says nothing."""

    value: object
    problems: tuple[Problem, ...]
    readable: bool = True


class Origin:
    """One document's text and where in its file it begins. Two origins are equal only if they are the same object."""

    __slots__ = ("_line_starts", "start", "text")

    def __init__(self, text: str, start: Position) -> None:
        self.text = text
        self.start = start
        self._line_starts: list[int] = []

    def position(self, index: int) -> Position:
        """The place of the character at `index` of the text; an index past the end is the end."""
        if not self._line_starts:
            self._line_starts = _line_starts(self.text)
        index = min(index, len(self.text))
        line = bisect_right(self._line_starts, index) - 1
        column = index - self._line_starts[line] + 1
        return Position(self.start.line + line, column if line else column + self.start.column - 1)

    def refused(self, index: int, message: str) -> Reading:
        """The reading of a text that gives no value, with the one problem that is the cause."""
        return Reading(None, (Problem(self.position(index), (), Reason.UNREADABLE, message),), readable=False)


def quoted(text: str) -> str:
    """What a user wrote, for a message of one line: not too long, and nothing in it that a terminal would obey."""
    return printable(text if len(text) <= _LONGEST_QUOTATION else f"{text[:_LONGEST_QUOTATION]}...")


def _line_starts(text: str) -> list[int]:
    starts = [0]
    index = text.find("\n")
    while index >= 0:
        starts.append(index + 1)
        index = text.find("\n", index + 1)
    return starts
