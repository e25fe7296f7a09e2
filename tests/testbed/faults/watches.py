"""A watch on its way to a client: its events one by one, with whatever the rules make of them."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from tests.testbed.faults.actions import (
    CloseAfter,
    DropEvent,
    DuplicateEvents,
    Freeze,
    InjectEvent,
    ReorderEvents,
    Shaping,
)
from tests.testbed.faults.calls import Call, named
from tests.testbed.faults.rules import Handle, RuleBook

BOOKMARK, ERROR = "BOOKMARK", "ERROR"


class Watch:
    """One that runs. Events wait here while it is frozen; there is no bound, for a test is over before it matters."""

    def __init__(self, call: Call, rules: RuleBook, cut: Callable[[], None]) -> None:
        self.call = call
        self._rules = rules
        self._cut = cut
        self._inbox: asyncio.Queue[bytes | InjectEvent | Exception | None] = asyncio.Queue()
        for handle in rules.handles:
            self.strike(handle)

    def strike(self, handle: Handle) -> None:
        """Lets a rule inject its event, or set an end to the watch. To be called once for each rule."""
        action = handle.rule.action
        if isinstance(action, InjectEvent) and handle.takes(self.call):
            self._inbox.put_nowait(action)
        arm(self._rules, self.call, self._cut)

    async def relay(self, events: AsyncIterator[bytes], send: Callable[[bytes], Awaitable[None]]) -> bool:
        """Sends until the stream ends. False where the proxy ended it before the API server did."""
        pump = asyncio.create_task(self._pump(events))
        try:
            while item := await self._inbox.get():
                await thaw(self._rules, self.call)
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, InjectEvent):
                    await send(json.dumps(item.event).encode() + b"\n")
                    if item.event.get("type") == ERROR:
                        return False
                    continue
                for line in await self._shaped(item):
                    await send(line)
            return True
        finally:
            pump.cancel()

    async def _pump(self, events: AsyncIterator[bytes]) -> None:
        try:
            async for line in events:
                self._inbox.put_nowait(line)
            self._inbox.put_nowait(None)
        except (EOFError, OSError) as broken:
            self._inbox.put_nowait(broken)

    async def _shaped(self, line: bytes) -> list[bytes]:
        lines = [line]
        for handle in self._rules.handles:
            action = handle.rule.action
            if not isinstance(action, Shaping) or not handle.takes(self.call):
                continue
            if isinstance(action, ReorderEvents):
                lines = await self._reordered(handle, action, lines)
            else:
                lines = [shaped for one in lines for shaped in reshaped(handle, action, one)]
        return lines

    async def _reordered(self, handle: Handle, action: ReorderEvents, lines: list[bytes]) -> list[bytes]:
        """What comes within the window, in an order that the seed decides."""
        await asyncio.sleep(action.window)
        waiting = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        for item in waiting:
            if not isinstance(item, bytes):
                self._inbox.put_nowait(item)
        lines = [*lines, *(item for item in waiting if isinstance(item, bytes))]
        moved = [line for line in lines if covers(handle, line) and type_of(line) != BOOKMARK]
        marks = [line for line in lines if line not in moved]
        random.Random(action.seed + handle.events).shuffle(moved)
        handle.events += len(moved)
        return moved + marks


def reshaped(handle: Handle, action: DropEvent | DuplicateEvents, line: bytes) -> Iterator[bytes]:
    """One event as a rule leaves it: gone, as it is, or twice."""
    struck = covers(handle, line)
    if isinstance(action, DropEvent):
        spent = action.count is not None and handle.events >= action.count
        struck = struck and not spent and type_of(line) in action.types
    if not struck:
        yield line
        return
    handle.events += 1
    if isinstance(action, DuplicateEvents):
        yield line
        yield line


def covers(handle: Handle, line: bytes) -> bool:
    """Whether the object of an event is one that the rule is for."""
    return handle.rule.covers(*named(json.loads(line).get("object") or {}))


def type_of(line: bytes) -> Any:
    return json.loads(line).get("type")


async def thaw(rules: RuleBook, call: Call) -> None:
    """Returns when no rule freezes this request any more."""
    while frozen := [handle for handle, _ in rules.striking(call, Freeze)]:
        await frozen[0].gone.wait()


def arm(rules: RuleBook, call: Call, cut: Callable[[], None]) -> None:
    """Lets the rules cut this request when its time is over. A rule that has a timer already sets no second one."""
    for handle, action in rules.striking(call, CloseAfter):
        if handle not in call.timers:
            call.timers[handle] = asyncio.get_running_loop().call_later(action.seconds, expire, handle, cut)


def expire(handle: Handle, cut: Callable[[], None]) -> None:
    """Cuts, unless the rule was removed meanwhile."""
    if not handle.gone.is_set():
        cut()


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a stream, each with its end. They can be longer than any buffer."""
    rest: list[bytes] = []
    async for piece in pieces:
        *whole, last = piece.split(b"\n")
        for line in whole:
            yield b"".join((*rest, line, b"\n"))
            rest = []
        if last:
            rest.append(last)
    if rest:
        yield b"".join(rest)


async def cut_off(events: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """So many bytes of a stream, and then an end in the midst of it."""
    async for line in events:
        yield line[:size]
        size -= len(line)
        if size <= 0:
            raise EOFError("cut off by a rule")
