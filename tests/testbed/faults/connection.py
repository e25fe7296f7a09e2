"""A connection of a client and its own to the API server: request after request, and what the rules do to each."""

import asyncio
import contextlib
import json
import socket
import struct
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.testbed.faults.actions import (
    Answering,
    Close,
    Delay,
    EmptyList,
    Freeze,
    Garbage,
    StaleList,
    Status,
    Truncate,
)
from tests.testbed.faults.calls import Call
from tests.testbed.faults.ledger import Ledger
from tests.testbed.faults.rules import Handle, RuleBook
from tests.testbed.faults.watches import Watch, arm, cut_off, lines
from tests.testbed.faults.wire import LAST_CHUNK, Head, answer_head, chunk, has_body, pieces, read_body, read_head

JSON = "application/json"
RESET = struct.pack("ii", 1, 0)
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(slots=True)
class Core:
    """What the connections of a proxy share."""

    connect: Callable[[], Awaitable[tuple[StreamReader, StreamWriter]]]
    rules: RuleBook = field(default_factory=RuleBook)
    ledger: Ledger = field(default_factory=Ledger)
    watches: set[Watch] = field(default_factory=set)

    def add(self, handle: Handle) -> None:
        """Lets a new rule strike the watches that run."""
        for watch in tuple(self.watches):
            watch.strike(handle)


class Connection:
    """Serves one client's connection until one of the two sides ends, or a rule ends it."""

    def __init__(self, client: str, reader: StreamReader, writer: StreamWriter, core: Core) -> None:
        self._client = client
        self._reader = reader
        self._writer = writer
        self._core = core
        self._server: tuple[StreamReader, StreamWriter] | None = None
        self._left = asyncio.create_task(closed(writer))

    def cut(self, reset: bool = False) -> None:
        """Ends the client's side at once."""
        if reset:
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()

    async def serve(self) -> None:
        try:
            while await self._exchange():
                pass
            self._writer.close()
        except (EOFError, OSError):
            # One side has gone, and the other is to see what it would see without a proxy.
            self.cut()
        except BaseException:
            self.cut()
            raise
        finally:
            await self._leave_server()
            await self._left

    async def _exchange(self) -> bool:
        """One request and its answer; whether there can be another."""
        head = await read_head(self._reader)
        began = time.monotonic()
        if "100-continue" in head.get("expect").lower():
            self._writer.write(answer_head(100).encode())
        call = Call(self._client, head, await read_body(self._reader, head), began)
        self._core.ledger.arrived(call)
        arm(self._core.rules, call, self.cut)
        try:
            return await self._answer(call) and not head.closes
        finally:
            self._core.ledger.over(call)
            for timer in call.timers.values():
                timer.cancel()

    async def _answer(self, call: Call) -> bool:
        await self._hold(call, landed=False)
        match action := self._core.rules.answering(call):
            case Close(landed=False, reset=reset):
                self.cut(reset)
                return False
            case Status(code, headers, body):
                return await self._say(call, code, json.dumps(body or status_of(call, code)), headers)
            case Garbage(text, content):
                return await self._say(call, HTTPStatus.OK, text, {"Content-Type": content})
            case _:
                head = await self._forward(call, target_of(call, action))
                await self._hold(call, landed=True)
                return await self._hand_on(call, head, action)

    async def _hand_on(self, call: Call, head: Head, action: Answering | None) -> bool:
        """The API server's answer, or what is left of it."""
        match action:
            case Close(reset=reset):
                self.cut(reset)
                return False
            case EmptyList(version) if head.status == HTTPStatus.OK:
                found = json.loads(await self._rest(head))
                return await self._say(call, head.status, json.dumps(emptied(found, version)), {})
            case Truncate(size):
                return await self._cut_short(call, head, size)
            case _:
                return await self._relay(call, head)

    async def _hold(self, call: Call, *, landed: bool) -> None:
        """Waits as the rules want it on this side of the API server. Their removal ends it."""
        for handle in self._core.rules.handles:
            match handle.rule.action:
                case Delay(seconds, landed=side) if side == landed and handle.takes(call):
                    await until(handle.gone.wait(), seconds)
                case Freeze(landed=side) if side <= landed and handle.takes(call):
                    await until(handle.gone.wait(), None, self._left)
                    if self._left.done():
                        raise EOFError("the client has left")

    async def _forward(self, call: Call, target: str) -> Head:
        """Sends the request on, and returns the head of the answer."""
        reader, writer = await self._server_side()
        # A packed answer could not be read here.
        kept = call.head.changed(
            ("accept-encoding", "content-length", "expect", "transfer-encoding"),
            *([("Content-Length", str(len(call.body)))] if call.body or call.method != "GET" else []),
            first=f"{call.method} {target} HTTP/1.1",
        )
        writer.write(kept.encode() + call.body)
        self._core.ledger.sent(call)
        await writer.drain()
        head = await read_head(reader)
        while head.status < HTTPStatus.OK:
            head = await read_head(reader)
        self._core.ledger.served(call, head.status)
        return head

    async def _relay(self, call: Call, head: Head) -> bool:
        """The answer as it comes, piece by piece."""
        assert self._server
        if call.verb == "watch" and head.status == HTTPStatus.OK and head.get("content-type").startswith(JSON):
            return await self._relay_watch(call, head)
        self._note_answer(call, head.status)
        waiting = head.encode()
        if has_body(head, call.method):
            async for piece in pieces(self._server[0], head):
                await self._send(waiting + (chunk(piece) if head.chunked else piece))
                waiting = b""
            waiting += LAST_CHUNK if head.chunked else b""
        await self._send(waiting)
        return not head.closes

    async def _relay_watch(self, call: Call, head: Head, size: int | None = None) -> bool:
        assert self._server
        await self._send(head.encode())
        watch = Watch(call, self._core.rules, self.cut)
        self._core.watches.add(watch)
        events = lines(pieces(self._server[0], head))
        events = events if size is None else cut_off(events, size)
        relay = asyncio.create_task(watch.relay(events, lambda line: self._send(chunk(line))))
        try:
            # Who watches says nothing more, so a client that leaves has to be noticed.
            await asyncio.wait({relay, self._left}, return_when=asyncio.FIRST_COMPLETED)
            if not relay.done():
                raise EOFError("the client has left")
            if not relay.result():
                await self._leave_server()
        finally:
            self._core.watches.discard(watch)
            await ended(relay)
        await self._send(LAST_CHUNK)
        return not head.closes

    async def _cut_short(self, call: Call, head: Head, size: int) -> bool:
        """Part of the answer. A list says how long it would have been; a watch cannot."""
        if call.verb == "watch" and head.status == HTTPStatus.OK:
            return await self._relay_watch(call, head, size)
        body = await self._rest(head)
        whole = head.changed(("content-length", "transfer-encoding"), ("Content-Length", str(len(body))))
        await self._send(whole.encode() + body[:size])
        return False

    async def _say(self, call: Call, code: int, text: str, headers: Mapping[str, str]) -> bool:
        """An answer of our own."""
        body = text.encode()
        told = {"Content-Type": JSON, **headers, "Content-Length": str(len(body))}
        head = answer_head(code, *told.items())
        self._note_answer(call, code)
        await self._send(head.encode() + (body if has_body(head, call.method) else b""))
        return True

    def _note_answer(self, call: Call, status: int) -> None:
        """To be called before the client can know, or a test that acts on an answer would not find it noted."""
        self._expect_client()
        self._core.ledger.answered(call, status)

    def _expect_client(self) -> None:
        if self._writer.transport.is_closing():
            raise EOFError("the client has left")

    async def _send(self, data: bytes) -> None:
        self._expect_client()
        self._writer.write(data)
        await self._writer.drain()

    async def _rest(self, head: Head) -> bytes:
        assert self._server
        return await read_body(self._server[0], head)

    async def _server_side(self) -> tuple[StreamReader, StreamWriter]:
        """The connection to the API server; a new one where it has ended the old one meanwhile."""
        if self._server and (self._server[0].at_eof() or self._server[1].transport.is_closing()):
            await self._leave_server()
        self._server = self._server or await self._core.connect()
        return self._server

    async def _leave_server(self) -> None:
        if self._server:
            writer, self._server = self._server[1], None
            writer.transport.abort()
            await closed(writer)


def target_of(call: Call, action: Answering | None) -> str:
    """What the API server is asked for."""
    match action:
        case StaleList(version) if "continue" not in call.query:
            return call.asking(resourceVersion=version, resourceVersionMatch="Exact")
        case EmptyList() if "continue" not in call.query:
            return call.asking(limit="1")
    return call.head.words[1]


def emptied(found: dict[str, Any], version: str) -> dict[str, Any]:
    """A list, or the table of one, without what is in it."""
    kept = {key: [] if key in ("items", "rows") else value for key, value in found.items()}
    return {**kept, "metadata": {"resourceVersion": version}}


def status_of(call: Call, code: int) -> dict[str, Any]:
    """The Status that the API server sends with this code."""
    reason = "AlreadyExists" if (code, call.verb) == (HTTPStatus.CONFLICT, "create") else REASONS.get(code, "")
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{reason}: the fault proxy says so",
        "reason": reason,
        "details": {"name": call.place.name, "kind": call.place.resource},
        "code": code,
    }


async def until(event: Awaitable[Any], seconds: float | None, *others: asyncio.Task[Any]) -> None:
    """Waits for an event, at most so long, or until one of the other tasks is done."""
    waiting = asyncio.ensure_future(event)
    try:
        await asyncio.wait({waiting, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(waiting)


async def ended(task: asyncio.Future[Any]) -> None:
    """Ends a task of our own; what it dies of has been said elsewhere."""
    task.cancel()
    await asyncio.wait({task})
    with contextlib.suppress(asyncio.CancelledError, Exception):
        task.exception()


async def closed(writer: StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.wait_closed()
