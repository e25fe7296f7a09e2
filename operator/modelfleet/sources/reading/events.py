"""What libyaml's events carry. PyYAML's own types leave open what its parsers always set."""

from typing import Protocol


class Mark(Protocol):
    """A place in the text."""

    index: int


class Event(Protocol):
    """Anything that the parser says."""

    start_mark: Mark
    end_mark: Mark


class Node(Event, Protocol):
    """The beginning of a value."""

    anchor: str | None


class Alias(Event, Protocol):
    """The place of a value that is written elsewhere."""

    anchor: str


class Collection(Node, Protocol):
    """The beginning of a list or mapping."""

    tag: str | None


class Scalar(Node, Protocol):
    """A value that is neither list nor mapping. `implicit` says first whether its form decides what it is."""

    tag: str | None
    implicit: tuple[bool, bool]
    value: str
    style: str | None
