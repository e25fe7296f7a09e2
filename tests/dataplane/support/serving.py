"""One connection to a scripted upstream: reads requests, and plays the program of each, one after the other."""

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from tests.dataplane.support.headers import Pair, pair
from tests.dataplane.support.received import Book, Ended, Received
from tests.dataplane.support.steps import Close, Program, Reset, Stall, Step, Wait

LINGER_NOT = struct.pack("ii", 1, 0)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class House(Protocol):
    """What a connection needs to know of the upstream that it belongs to."""

    book: Book
    gate: asyncio.Event
    ignoring: bool
    connections: "set[Connection]"

    def program(self, request: Received) -> Program: ...


class Sent:
    """Reads what was sent as a client would, to know whether the connection can carry another answer."""

    def __init__(self, method: str) -> None:
        self.reusable = False
        self._bodiless = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.reusable = False

    def on_headers_complete(self) -> None:
        if self._bodiless:
            self.on_message_complete()

    def on_message_complete(self) -> None:
        final = self._parser.get_status_code() >= HTTPStatus.OK
        self.reusable = final and self._parser.should_keep_alive()

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.reusable = False


class Connection(asyncio.Protocol):
    def __init__(self, house: House) -> None:
        self._house = house
        self._book = house.book
        self._unanswered: asyncio.Queue[Received] = asyncio.Queue()
        self._pending: list[Received] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._parser = httptools.HttpRequestParser(self)
        self._next_request()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # A write has then ended only when the kernel has all of it, which is what `completed` should mean.
        self._transport.set_write_buffer_limits(high=0)
        self._number = self._book.connected()
        self._house.connections.add(self)
        loop = asyncio.get_running_loop()
        if self._house.ignoring:
            # Not here: before 3.11.3 a transport begins to read behind this call, whatever it says.
            loop.call_soon(self._transport.pause_reading)
        self.task = loop.create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._book.failed(error)
            self.end("failed")

    def eof_received(self) -> None:
        # Nobody who talks to an upstream keeps half a connection, and only so is a client that left seen at once.
        self._leave("client_gone")
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio hands it over
        self._leave("client_gone")
        self.task.cancel()
        self._house.connections.discard(self)
        self._book.disconnected()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def end(self, how: Ended) -> None:
        """Resets the connection, and ends its requests so."""
        self._leave(how)
        wire = cast("socket.socket", self._transport.get_extra_info("socket"))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._transport.abort()

    def _leave(self, how: Ended) -> None:
        for request in self._pending:
            self._book.ended(request, how)
        self._pending.clear()

    # What the parser calls.

    def _next_request(self) -> None:
        self._path = b""
        self._headers: list[Pair] = []

    def on_message_begin(self) -> None:
        self._next_request()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append(pair(name, value))

    def on_headers_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        request = self._book.arrived(self._number, method, self._path.decode("latin-1"), list(self._headers))
        self._pending.append(request)
        if (request.header("expect") or "").lower() == "100-continue":
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._pending[-1].taken += body

    def on_message_complete(self) -> None:
        self._book.whole(self._pending[-1])
        self._unanswered.put_nowait(self._pending[-1])

    # What plays the programs.

    async def _serve(self) -> None:
        more = True
        while more:
            more = await self._answer(await self._unanswered.get())

    async def _answer(self, request: Received) -> bool:
        sent = Sent(request.method)
        try:
            for step in self._house.program(request):
                if not await self._play(step, request, sent):
                    return False
        except Exception as error:  # whatever a test's script raises is shown to the test
            self._book.failed(error)
            self.end("failed")
            return False
        self._book.ended(request, "completed")
        self._pending.remove(request)
        if not sent.reusable:
            self._transport.close()
        return sent.reusable

    async def _play(self, step: Step, request: Received, sent: Sent) -> bool:
        match step:
            case Wait():
                await asyncio.sleep(step.seconds)
            case Stall():
                await self._stall()
            case Reset():
                self.end("reset")
                return False
            case Close():
                self._book.ended(request, "closed")
                self._transport.close()
                return False
            case _:
                self._transport.write(step.wire)
                sent.feed(step.wire)
                await self._drained()
        return True

    async def _drained(self) -> None:
        await self._writable.wait()
        # A write that fails only marks the transport: connection_lost comes soon, and cancels this.
        if self._transport.is_closing():
            await asyncio.Event().wait()

    async def _stall(self) -> None:
        self._book.stalls(1)
        try:
            await self._house.gate.wait()
        finally:
            self._book.stalls(-1)
