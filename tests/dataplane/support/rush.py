"""Sends hundreds of requests a second from one thread, which threads of their own for each connection do not reach."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Address, Request
from tests.dataplane.support.reading import Reading

T = TypeVar("T")
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and when it went and ended, of `time.monotonic()`."""

    number: int
    began_s: float
    ended_s: float
    answer: Answer


class _Line(asyncio.Protocol):
    """A connection for one request after the other."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._reading: Reading | None = None
        self._over = asyncio.Event()

    async def send(self, request: Request) -> Answer:
        if self._transport is None or self._transport.is_closing():
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_connection(lambda: self, *self._address)
        self._over.clear()
        self._reading = reading = Reading(request.method)
        self._transport.write(b"".join(request.blocks(self._address)))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._over.wait()
        except TimeoutError:
            reading.end("timed out")
        if not reading.reusable:
            self.drop()
        return reading.answer()

    def drop(self) -> None:
        if self._transport:
            self._transport.abort()
            self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._reading:
            self._reading.feed(data)
            if self._reading.ended:
                self._over.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._reading:
            self._reading.end("reset" if exc else "closed")
            self._over.set()


class Rush(Generic[T]):
    """Sends at a steady rate while it is entered; on exit it waits for what is under way.

    Where the answers are too slow for the rate, the rate drops, and what was missed is not sent later. Of each request
    only what `note` makes of it is kept.
    """

    def __init__(
        self,
        address: Address,
        make_request: Callable[[int], Request],
        note: Callable[[Sent], T],
        rate: float,
        connections: int = 32,
    ) -> None:
        self.address, self.rate, self.connections = address, rate, connections
        self._make, self._note = make_request, note
        self.noted: list[T] = []
        self.began_s = self.ended_s = 0.0
        self._stopped = False
        self._number = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="rush", daemon=True)

    def __enter__(self) -> Self:
        self.began_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        self._thread.join(2 * PATIENCE_S)
        if error is None and self._error:
            raise self._error
        assert error or not self._thread.is_alive(), "the load does not end"

    @property
    def achieved(self) -> float:
        """Answers a second."""
        return len(self.noted) / ((self.ended_s or time.monotonic()) - self.began_s)

    def wait_for(self, n: int) -> None:
        """Until so many more requests have ended."""
        wanted, until_s = len(self.noted) + n, time.monotonic() + PATIENCE_S
        while len(self.noted) < wanted and self._error is None:
            assert time.monotonic() < until_s, f"not within {PATIENCE_S} s: {n} more requests"
            time.sleep(0.01)

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # whatever make_request or note raises is shown to the test
            self._error = error
        self.ended_s = time.monotonic()

    async def _work(self) -> None:
        self._next_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self._one_after_the_other())

    async def _one_after_the_other(self) -> None:
        line = _Line(self.address)
        try:
            while not self._stopped:
                mine = max(self._next_s, time.monotonic())
                self._next_s = mine + 1 / self.rate
                await asyncio.sleep(mine - time.monotonic())
                await self._one(line)
        finally:
            line.drop()

    async def _one(self, line: _Line) -> None:
        self._number += 1
        number = self._number
        request = self._make(number)
        began_s = time.monotonic()
        try:
            answer = await line.send(request)
        except OSError as error:
            answer = Answer(0, "", [], [], False, f"connect: {error!r}", None, 0.0, [], [])
        self.noted.append(self._note(Sent(number, began_s, time.monotonic(), answer)))
