"""Who wrote what, and in which order; and how often who read."""

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.testbed.faults.calls import Call, named


@dataclass(frozen=True, slots=True)
class Write:
    """A request that is no GET. `seq` is its place among all of them, by when they had arrived entirely.

    Times are monotonic: `began` when its headers had come, `at` when all of it had, `sent` when it was handed to the
    API server, `ended` when the answer was handed to its client. `served` is what the API server answered, and `status`
    what the client was answered: a fault can make one of them None and not the other.
    """

    seq: int
    client: str
    verb: str
    path: str
    query: dict[str, str]
    resource: str
    subresource: str
    namespace: str
    name: str
    body: Any
    began: float
    at: float
    sent: float | None = None
    ended: float | None = None
    served: int | None = None
    status: int | None = None


class Ledger:
    """Filled by the proxy's thread, read by any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._writes: list[Write] = []
        self._history: list[Write] = []
        self._numbers: dict[Call, int] = {}
        self._reads: Counter[tuple[str, str, str]] = Counter()

    def writes(self) -> tuple[Write, ...]:
        with self._changed:
            return tuple(self._writes)

    def reads(self) -> Counter[tuple[str, str, str]]:
        with self._changed:
            return self._reads.copy()

    def arrived(self, call: Call) -> None:
        with self._changed:
            if call.method in ("GET", "HEAD", "OPTIONS"):
                verb = "page" if "continue" in call.query else call.verb
                self._reads[call.client, verb, call.place.resource] += 1
                return
            self._numbers[call] = len(self._writes)
            self._writes.append(write_of(call, len(self._writes)))
            self._tell(self._writes[-1])

    def sent(self, call: Call) -> None:
        self._note(call, sent=time.monotonic())

    def served(self, call: Call, status: int) -> None:
        self._note(call, served=status)

    def answered(self, call: Call, status: int) -> None:
        self._note(call, status=status, ended=time.monotonic())

    def over(self, call: Call) -> None:
        """Nothing more will be said of this request."""
        self._numbers.pop(call, None)

    def wait(self, predicate: Callable[[Write], bool], patience: float, since: int) -> Write:
        """The first write from number `since` on, or state of one, for which it holds."""
        end, seen = time.monotonic() + patience, 0
        while True:
            new = self._after(seen, end - time.monotonic())
            for write in new:
                if write.seq >= since and predicate(write):
                    return write
            seen += len(new)
            if not new:
                raise TimeoutError(f"waited {patience:.0f} s for a write")

    def _after(self, seen: int, patience: float) -> list[Write]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._history) > seen, patience)
            return self._history[seen:]

    def _note(self, call: Call, **facts: Any) -> None:
        with self._changed:
            if call in self._numbers:
                number = self._numbers[call]
                self._writes[number] = dataclasses.replace(self._writes[number], **facts)
                self._tell(self._writes[number])

    def _tell(self, write: Write) -> None:
        self._history.append(write)
        self._changed.notify_all()


def write_of(call: Call, seq: int) -> Write:
    """A request that has just arrived. The name of what is created stands in its body only."""
    body, place = call.document(), call.place
    name = place.name or (named(body)[1] if isinstance(body, dict) else "")
    return Write(
        seq=seq,
        client=call.client,
        verb=call.verb,
        path=call.path,
        query=call.query,
        resource=place.resource,
        subresource=place.subresource,
        namespace=place.namespace,
        name=name,
        body=body,
        began=call.began,
        at=call.at,
    )
