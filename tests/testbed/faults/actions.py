"""What can be done to a request, to its answer, or to the events of a watch. Values only: others carry them out.

`landed` says on which side of the API server a fault strikes: True is after it has carried the request out, and False
is before it has seen it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer comes later. Without `landed` the request does, even where its client has given up meanwhile."""

    seconds: float
    landed: bool = True


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing more is sent, and TCP stays up, until the rule is removed; then all goes on where it stood.

    Running watches and answers freeze too. A request that waits is forgotten when its client leaves.
    """

    landed: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends before the answer; with `reset` by a TCP reset."""

    landed: bool = False
    reset: bool = False


@dataclass(frozen=True, slots=True)
class CloseAfter:
    """The connection ends so long after the request came; for a watch that runs, after the rule was added."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """An answer of the proxy's own: a Status as the API server would send it, or `body`."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Garbage:
    """A 200 that is no JSON, whatever it says of itself."""

    text: str = "<html><body>It works!</body></html>"
    content: str = "application/json"


@dataclass(frozen=True, slots=True)
class Truncate:
    """The real answer, announced whole, of which only so many bytes come; a negative number cuts that many off.

    Of a watch so many bytes come before the connection ends.
    """

    size: int


@dataclass(frozen=True, slots=True)
class StaleList:
    """A list as it was at an older resource version, by default at the one when the rule was added.

    The API server itself answers it, and remembers versions for some five minutes.
    """

    version: str = ""


@dataclass(frozen=True, slots=True)
class EmptyList:
    """A list of the right kind without items."""

    version: str = "1"


@dataclass(frozen=True, slots=True)
class DropEvent:
    """So many events of these types never arrive, over all watches together; None is all of them."""

    types: tuple[str, ...] = ("ADDED", "MODIFIED", "DELETED")
    count: int | None = 1


@dataclass(frozen=True, slots=True)
class DuplicateEvents:
    """Every event arrives twice."""


@dataclass(frozen=True, slots=True)
class ReorderEvents:
    """Events that come within `window` seconds arrive in another order, bookmarks last."""

    seed: int = 0
    window: float = 0.3


@dataclass(frozen=True, slots=True)
class InjectEvent:
    """An event that never was, once into each watch, running or new. An ERROR ends the watch, as a real one does."""

    event: Mapping[str, Any]


Answering = Close | Status | Garbage | Truncate | StaleList | EmptyList
Shaping = DropEvent | DuplicateEvents | ReorderEvents
Action = Answering | Shaping | Delay | Freeze | CloseAfter | InjectEvent
