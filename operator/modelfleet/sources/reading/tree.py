"""The value of one document while it grows: where the next value goes, and what kubectl makes of keys.

This knows lists, mappings, keys and merges; what a node of YAML is, and what bounds it, the builder knows.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

from modelfleet.findings import Path, Reason
from modelfleet.sources.reading import scalars
from modelfleet.sources.reading.problems import (
    MAX_DEPTH,
    MAX_PROBLEMS,
    NOT_FINITE,
    QUOTE_IT,
    TOO_DEEP,
    Origin,
    Problem,
    quoted,
)

_NOT_TEXT: Final = "a key must be text, and this is not; quote it"
_TEMPLATE: Final = "a key must be text, and this is a mapping; quote it, or render the template if {{ }} belongs to one"
_MERGES_MAPPINGS: Final = "the merge key << takes a mapping or a list of mappings; write the keys out instead"
_INFINITY: Final = float("inf")


class Unreadable(Exception):
    """No value can be made of the document; says where, as an index of its text, and why."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message


class Slot(Enum):
    """What the next value is, where it is not the value of a key."""

    ITEM = 1
    KEY = 2
    MERGED = 3
    DROPPED = 4


class Sought(dict[str | int, "Sought"]):
    """Where in a list or mapping places are sought: which of its steps lead on, and what is sought there."""

    def below(self, step: str | int | Slot) -> "Sought | None":
        """What is sought in the value at this step; None where nothing is."""
        if self is EVERYTHING or step is Slot.MERGED:
            return EVERYTHING
        return None if isinstance(step, Slot) else self.get(step)


EVERYTHING: Final = Sought()
"""Sought where it is not known yet which paths a value will have: behind an anchor, and in a merge."""


def sought(paths: Iterable[Path]) -> Sought:
    """What has to be kept so that each of the paths can be followed to its end."""
    root = Sought()
    for path in paths:
        here = root
        for step in path[:-1]:
            here = here.setdefault(step, Sought())
    return root


class Frame:
    """A list or mapping that is not complete.

    `key` says where the next value goes, `marks` where each own key is written (and, if places are kept, each item),
    `merged` the same for keys that a merge brought in, `height` how many levels there are inside it so far, `sought`
    where in it places are sought, if they are.
    """

    __slots__ = ("height", "index", "key", "marks", "merge_index", "merged", "sought", "value")

    def __init__(self, value: Any, key: str | Slot, index: int) -> None:
        self.value = value
        self.key = key
        self.index = index
        self.marks: dict[str | int, int] = {}
        self.merged: dict[str | int, int] = {}
        self.merge_index = 0
        self.height = 0
        self.sought: Sought | None = None


class Tree:
    """A value that grows by `enter`, `take`, `take_key` and `leave`, in the order of the text.

    `places` maps the id of each complete list and mapping on a path that is sought to the indices at which its items
    and keys are written. `root` holds the document's value as its only item.
    """

    def __init__(self, origin: Origin, paths: Iterable[Path] | None = None) -> None:
        self.problems: list[Problem] = []
        self.places: dict[int, dict[str | int, int]] = {}
        self.root = Frame([], Slot.ITEM, 0)
        # The document is below the root, so the path to it is not empty.
        self.root.sought = None if paths is None else Sought({0: sought(paths)})
        self.frame = self.root
        self._stack = [self.root]
        self._origin = origin

    def report(self, index: int, message: str, reason: Reason = Reason.UNREADABLE, key: str | None = None) -> None:
        """Note a problem that leaves the rest readable; `key` is the key that it is about, if there is one."""
        told = len(self.problems)
        if told > MAX_PROBLEMS:
            return
        if told == MAX_PROBLEMS:
            message = "there are more problems in this document; mend these first"
        path = self._path() if key is None else (*self._path(), key)
        self.problems.append(Problem(self._origin.position(index), path, reason, message))

    def _path(self) -> Path:
        """Where the next value goes; only as far as its mapping, if it is or belongs to a key."""
        steps: list[str | int] = []
        for frame in self._stack[1:]:
            if frame.key is Slot.ITEM:
                steps.append(len(frame.value))
            elif isinstance(frame.key, str):
                steps.append(frame.key)
            else:
                break
        return tuple(steps)

    def enter(self, frame: Frame) -> None:
        """Begin a list or mapping, which takes all values until it is left."""
        self.check_depth(1, frame.index)
        parent = self.frame
        if parent.sought is not None and frame.sought is None:
            frame.sought = parent.sought.below(len(parent.value) if parent.key is Slot.ITEM else parent.key)
        self._stack.append(frame)
        self.frame = frame

    def check_depth(self, levels: int, index: int) -> None:
        """Refuse the document if so many levels more are too many here."""
        if len(self._stack) - 1 + levels > MAX_DEPTH:
            raise Unreadable(index, TOO_DEEP)

    def leave(self) -> Frame:
        """Complete the innermost list or mapping; its value is still to be taken."""
        frame = self._stack.pop()
        parent = self.frame = self._stack[-1]
        if parent.height <= frame.height:
            parent.height = frame.height + 1
        if frame.sought is not None:
            self.places[id(frame.value)] = frame.merged | frame.marks
        return frame

    def take(self, value: object, index: int) -> None:
        """Put a complete value where the innermost list or mapping wants it."""
        if type(value) is float:
            value = self._settled(value, index)
        frame = self.frame
        key = frame.key
        if key is Slot.ITEM:
            if frame.sought is not None:
                frame.marks[len(frame.value)] = index
            frame.value.append(value)
        elif key is Slot.KEY:
            self.report(index, _TEMPLATE if self._origin.text.startswith("{{", index - 1) else _NOT_TEXT)
            frame.key = Slot.DROPPED
        else:
            frame.key = Slot.KEY
            if key is Slot.MERGED:
                self._merge(value if isinstance(value, list) else [value])
            elif key is not Slot.DROPPED:
                frame.value[key] = value

    def _settled(self, value: float, index: int) -> int | float:
        number = scalars.integral(value)
        if not -_INFINITY < number < _INFINITY:
            self.report(index, NOT_FINITE)
        return number

    def take_key(self, key: str, index: int) -> None:
        """Take a key that is text."""
        frame = self.frame
        if key in frame.marks:
            line = self._origin.position(frame.marks[key]).line
            message = f'the key "{quoted(key)}" is already set on line {line}; remove one of the two'
            self.report(index, message, Reason.DUPLICATE_KEY, key)
            frame.key = Slot.DROPPED
        else:
            frame.marks[key] = index
            frame.key = key

    def take_odd_key(self, value: Any, index: int, written: str) -> None:
        """Take a scalar key that is no text, but that kubectl makes text of or refuses."""
        key = scalars.key_text(value)
        if key is None:
            self.report(index, _NOT_TEXT)
            self.frame.key = Slot.DROPPED
            return
        if isinstance(value, bool) and written and written.lower() != key:
            message = f"YAML 1.1 reads the bare key {written} as {key}, and so does kubectl{QUOTE_IT}"
            self.report(index, message, key=written)
        self.take_key(key, index)

    def take_merge_key(self, index: int) -> None:
        """Take the key `<<`: the next value is not a value of the mapping but more of its keys."""
        self.frame.key = Slot.MERGED
        self.frame.merge_index = index

    def refuse_merge(self) -> None:
        """Report that the value of `<<` cannot be merged, and go on without it."""
        self.frame.key = Slot.KEY
        self.report(self.frame.merge_index, _MERGES_MAPPINGS)

    def _merge(self, sources: list[Any]) -> None:
        """Bring in the keys of the mappings. The first of them wins, and what the mapping sets itself always does."""
        frame = self.frame
        if not all(isinstance(source, dict) for source in sources):
            self.refuse_merge()
            return
        overwritten = None
        for source in reversed(sources):
            for key, value in source.items():
                if key in frame.marks:
                    overwritten = key
                    continue
                frame.value[key] = value
                if frame.sought is not None:
                    frame.merged[key] = self.places[id(source)][key]
        if overwritten is not None:
            line = self._origin.position(frame.marks[overwritten]).line
            message = (
                f'kubectl lets << overwrite "{quoted(overwritten)}", which line {line} sets before it; put << first'
            )
            self.report(frame.merge_index, message, Reason.DUPLICATE_KEY, overwritten)
