"""From libyaml's events to a plain value, as kubectl understands them.

One pass, an own stack instead of recursion, and no tree of nodes beside the value. What may grow is bounded: the
depth, the values with their aliases written out, and the text that aliases repeat.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from modelfleet.sources.reading import scalars
from modelfleet.sources.reading.events import Alias, Collection, Event, Node, Scalar
from modelfleet.sources.reading.problems import quoted
from modelfleet.sources.reading.tree import EVERYTHING, Frame, Slot, Tree, Unreadable

MAX_VALUES: Final = 1_000_000
"""How many keys and values a document may have, each alias counting as all that it stands for."""
MAX_REPEATED: Final = 100_000
"""How many of them aliases may stand for: nobody writes so much by repetition, and a bomb is nothing else."""
MAX_REPEATED_BYTES: Final = 3 * 1024 * 1024 // 2
"""How much text aliases may stand for; the API server stores no more in one object."""

_TOO_MANY: Final = f"more than {MAX_VALUES:,} keys and values, aliases written out; split the document"
_TOO_OFTEN: Final = f"aliases stand for more than {MAX_REPEATED:,} keys and values; write it without aliases"
_TOO_REPETITIVE: Final = "with its aliases written out this document is larger than 1.5 MiB; use fewer aliases"
_SLASH_ESCAPED: Final = "kubectl does not know \\/ in double quotes; write / without the backslash"
_ESCAPE: Final = re.compile(r"\\(?:(/)|.)", re.DOTALL)
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_MAPPING_TAGS: Final = (None, "!", "tag:yaml.org,2002:map")
_LIST_TAGS: Final = (None, "!", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class _Held:
    """A complete value with an anchor, and what each alias to it costs: values, characters and levels."""

    value: object
    count: int
    letters: int
    height: int


@dataclass(frozen=True, slots=True)
class _Open:
    """An anchor whose value is not complete, and what was spent before it."""

    frame: Frame
    count: int
    letters: int


class Builder:
    """Feeds a tree with the events between the start and the end of a document, each through its handler.

    A handler may raise Unreadable, after which nothing but the tree's problems is of use.
    """

    def __init__(self, tree: Tree, text: str) -> None:
        self._tree = tree
        self._text = text
        self._anchors: dict[str, _Held | _Open] = {}
        self._open_anchors: dict[int, str] = {}
        self._count = 0
        self._repeated = 0
        self._letters = 0

    def handlers(self) -> dict[type, Callable[[Any], None]]:
        """Who takes which event. Not kept here: a builder that refers to itself would keep its text for long."""
        return {
            ScalarEvent: self._slashed_scalar if "\\/" in self._text else self._scalar,
            AliasEvent: self._alias,
            MappingStartEvent: self._open_mapping,
            SequenceStartEvent: self._open_list,
            MappingEndEvent: self._close,
            SequenceEndEvent: self._close,
        }

    def _spend(self, count: int, event: Node | Alias) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            raise Unreadable(event.start_mark.index, _TOO_MANY)

    def _scalar(self, event: Scalar) -> None:
        self._spend(1, event)
        text = event.value
        value: scalars.Scalar = text
        if event.tag is not None:
            value = self._tagged(event.tag, event)
        elif event.implicit[0] and (not text or text[0] in scalars.SPECIAL_STARTS):
            value = scalars.parse(text)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Held(value, 1, len(text), 0)
        if self._tree.frame.key is not Slot.KEY:
            self._tree.take(value, event.start_mark.index)
        else:
            self._key(value, event)

    def _slashed_scalar(self, event: Scalar) -> None:
        """A scalar of a text with escaped slashes, which YAML 1.2 and libyaml have and go-yaml has not."""
        if event.style == '"':
            escapes = _ESCAPE.finditer(self._text, event.start_mark.index, event.end_mark.index)
            index = next((escape.start() for escape in escapes if escape[1]), None)
            if index is not None:
                self._tree.report(index, _SLASH_ESCAPED)
        self._scalar(event)

    def _tagged(self, tag: str, event: Scalar) -> scalars.Scalar:
        if tag == _MERGE_TAG and event.value == "<<":
            return event.value
        try:
            return scalars.tagged(tag, event.value)
        except scalars.UnfitTag as misfit:
            self._tree.report(event.start_mark.index, str(misfit))
            return event.value

    def _key(self, value: scalars.Scalar, event: Scalar) -> None:
        index = event.start_mark.index
        if type(value) is not str:
            self._tree.take_odd_key(value, index, event.value)
        elif value == "<<" and (event.implicit[0] or event.tag == _MERGE_TAG):
            self._tree.take_merge_key(index)
        else:
            self._tree.take_key(value, index)

    def _alias(self, event: Alias) -> None:
        held = self._anchors.get(event.anchor)
        index = event.start_mark.index
        if held is None:
            name = quoted(event.anchor)
            raise Unreadable(index, f"*{name} repeats what &{name} marks, which is nowhere above")
        if isinstance(held, _Open):
            raise Unreadable(index, f"*{quoted(event.anchor)} stands inside the value that it repeats; write that out")
        self._spend(held.count, event)
        self._repeated += held.count
        if self._repeated > MAX_REPEATED:
            raise Unreadable(index, _TOO_OFTEN)
        self._letters += held.letters
        if self._letters > MAX_REPEATED_BYTES:
            raise Unreadable(index, _TOO_REPETITIVE)
        self._tree.check_depth(held.height, index)
        self._repeat(held, index)

    def _repeat(self, held: _Held, index: int) -> None:
        tree = self._tree
        tree.frame.height = max(tree.frame.height, held.height)
        if tree.frame.key is Slot.KEY and not held.height:
            tree.take_odd_key(held.value, index, "")
        elif tree.frame.key is Slot.MERGED and not isinstance(held.value, dict):
            # A list of mappings is merged where it is written, but not through an alias: go-yaml does so.
            tree.refuse_merge()
        else:
            tree.take(held.value, index)

    def _open_mapping(self, event: Collection) -> None:
        if event.tag not in _MAPPING_TAGS:
            self._refuse_tag(event)
        self._open(event, Frame({}, Slot.KEY, event.start_mark.index))

    def _open_list(self, event: Collection) -> None:
        if event.tag not in _LIST_TAGS:
            self._refuse_tag(event)
        self._open(event, Frame([], Slot.ITEM, event.start_mark.index))

    def _refuse_tag(self, event: Collection) -> None:
        message = f"the tag {quoted(scalars.short_tag(str(event.tag)))} does not fit here; remove it"
        self._tree.report(event.start_mark.index, message)

    def _open(self, event: Collection, frame: Frame) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = _Open(frame, self._count, self._letters)
            self._open_anchors[id(frame)] = event.anchor
            if self._tree.root.sought is not None:
                frame.sought = EVERYTHING
        self._spend(1, event)
        self._tree.enter(frame)

    def _close(self, event: Event) -> None:
        frame = self._tree.leave()
        if self._open_anchors:
            self._hold(frame, event.end_mark.index)
        self._tree.take(frame.value, frame.index)

    def _hold(self, frame: Frame, end: int) -> None:
        """Make the anchor of a value that is now complete usable, unless the name has been given away inside it."""
        anchor = self._open_anchors.pop(id(frame), "")
        opened = self._anchors.get(anchor)
        if isinstance(opened, _Open) and opened.frame is frame:
            letters = end - frame.index + self._letters - opened.letters
            self._anchors[anchor] = _Held(frame.value, self._count - opened.count, letters, frame.height + 1)
