"""What an upstream saw: written by its thread, read and waited for by the test's."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.dataplane.support.headers import Pair, WithHeaders

Ended = Literal["completed", "client_gone", "reset", "closed", "cut", "failed"]
"""`reset` and `closed` are what the script did; `cut` what the test did; `failed` is a script that raised."""


@dataclass(eq=False)
class Received(WithHeaders):
    """One request, from the moment its head was there. Times are of `time.monotonic()`."""

    number: int
    connection: int
    method: str
    path: str
    headers: list[Pair]
    arrived_s: float
    whole_s: float | None = None
    ended: Ended | None = None
    ended_s: float | None = None
    taken: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def body(self) -> bytes:
        """As much as came so far; all of it once `whole_s` is set."""
        return bytes(self.taken)

    def json(self) -> Any:
        return json.loads(self.body)


class Book:
    """All that happened at one upstream. Every change wakes those who wait for one."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.requests: list[Received] = []
        self.failures: list[Exception] = []
        self.opened = self.open = self.stalled = self.busy = self.most_busy = 0

    def connected(self) -> int:
        """The number of the connection."""
        with self.changed:
            self.opened += 1
            self.open += 1
            self.changed.notify_all()
            return self.opened

    def disconnected(self) -> None:
        with self.changed:
            self.open -= 1
            self.changed.notify_all()

    def arrived(self, connection: int, method: str, path: str, headers: list[Pair]) -> Received:
        with self.changed:
            number = len(self.requests) + 1
            request = Received(number, connection, method, path, headers, time.monotonic())
            self.requests.append(request)
            self.busy += 1
            self.most_busy = max(self.busy, self.most_busy)
            self.changed.notify_all()
            return request

    def whole(self, request: Received) -> None:
        with self.changed:
            request.whole_s = time.monotonic()
            self.changed.notify_all()

    def ended(self, request: Received, how: Ended) -> None:
        """The first end counts: after a reset the client is gone too, but that is not news."""
        with self.changed:
            if request.ended is None:
                request.ended, request.ended_s = how, time.monotonic()
                self.busy -= 1
                self.changed.notify_all()

    def failed(self, error: Exception) -> None:
        with self.changed:
            self.failures.append(error)
            self.changed.notify_all()

    def stalls(self, change: int) -> None:
        with self.changed:
            self.stalled += change
            self.changed.notify_all()

    def wait(self, reached: Callable[[], bool], timeout: float, what: str) -> None:
        with self.changed:
            if not self.changed.wait_for(reached, timeout):
                raise AssertionError(f"not within {timeout} s: {what}\n{self.describe()}")

    def describe(self) -> str:
        """What happened so far, for a message."""
        seen = [f"  {r.number}. {r.method} {r.path} on {r.connection}: {self._state(r)}" for r in self.requests]
        return "\n".join([f"connections: {self.opened} opened, {self.open} open", *(seen or ["  no requests"])])

    @staticmethod
    def _state(request: Received) -> str:
        return request.ended or ("not answered yet" if request.whole_s else f"{len(request.taken)} bytes and no end")
