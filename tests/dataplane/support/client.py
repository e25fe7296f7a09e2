"""A client on raw sockets that hides nothing: an answer that ends early is an answer, and every piece has its time."""

import json
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.dataplane.support.answers import Answer, Event, Piece, events
from tests.dataplane.support.headers import HeadersLike, pairs, wire
from tests.dataplane.support.reading import Reading

Address = tuple[str, int]
CHAT = "/v1/chat/completions"
PATIENCE = 10.0
BLOCK = 256 * 1024
LINGER_NOT = struct.pack("ii", 1, 0)
WITH_BODY = {"POST", "PUT", "PATCH"}


def chat(model: str, text: str = "hello", **extra: object) -> bytes:
    """The body of a chat completion request."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **extra}).encode()


@dataclass(frozen=True)
class Request:
    """What to send. A body that is no bytes is sent in chunks, each as soon as the iterable gives it.

    Host, content-length and transfer-encoding are added where the headers have neither.
    """

    path: str = CHAT
    body: bytes | Iterable[bytes] = b""
    headers: HeadersLike = ()
    method: str = "POST"

    def head(self, address: Address) -> bytes:
        headers = pairs(self.headers)
        names = {name.lower() for name, _ in headers}
        if "host" not in names:
            headers.insert(0, ("host", f"{address[0]}:{address[1]}"))
        if not names & {"content-length", "transfer-encoding"}:
            if not isinstance(self.body, bytes):
                headers.append(("transfer-encoding", "chunked"))
            elif self.body or self.method in WITH_BODY:
                headers.append(("content-length", str(len(self.body))))
        return wire(f"{self.method} {self.path} HTTP/1.1", headers)

    def blocks(self, address: Address) -> Iterator[bytes]:
        """All that goes over the wire."""
        yield self.head(address)
        if isinstance(self.body, bytes):
            yield self.body
            return
        for chunk in self.body:
            if chunk:
                yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n"


class Stream:
    """One answer under way. Iterating gives what comes, until the answer ends in whatever way."""

    def __init__(self, connected: socket.socket, method: str, timeout: float) -> None:
        self._socket = connected
        self._reading = Reading(method)
        self._deadline = self._reading.started_s + timeout
        self._given = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Piece]:
        """The pieces that no iteration has given yet."""
        while True:
            while self._given < len(self._reading.pieces):
                self._given += 1
                yield self._reading.pieces[self._given - 1]
            if self._reading.ended:
                return
            self._receive()

    def events(self) -> Iterator[Event]:
        """The server-sent events, each as soon as it is there."""
        return events(self)

    def head(self) -> Answer:
        """Waits for status and headers, and gives the answer as far as it came."""
        while not self._reading.status and not self._reading.ended:
            self._receive()
        return self._reading.answer()

    def answer(self) -> Answer:
        """Waits for the end, and gives all of it, whether it was iterated over or not."""
        while not self._reading.ended:
            self._receive()
        return self._reading.answer()

    @property
    def reusable(self) -> bool:
        """Whether another request may follow on the connection."""
        return self._reading.reusable

    def close(self, *, reset: bool = False) -> None:
        """Leaves, in the middle if need be."""
        if reset and self._socket.fileno() >= 0:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._socket.close()

    def send(self, blocks: Iterable[bytes]) -> None:
        """Sends until all is sent or the answer has ended; it is read meanwhile, for it may come early."""
        for block in blocks:
            left = memoryview(block)
            while left and not self._reading.ended:
                left = left[self._send_some(left) :]
            if self._reading.ended:
                self._reading.reusable = False
                return

    def _send_some(self, data: memoryview) -> int:
        readable, writable, _ = select.select([self._socket], [self._socket], [], self._left())
        if not readable and not writable:
            self._reading.end("timed out")
        elif readable:
            self._receive()
        else:
            try:
                return self._socket.send(data)
            except BlockingIOError:
                return 0
            except OSError:
                # What came before the connection broke can still be read, and the read says how it broke.
                self._receive()
        return 0

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _receive(self) -> None:
        if not select.select([self._socket], [], [], self._left())[0]:
            self._reading.end("timed out")
            return
        try:
            data = self._socket.recv(BLOCK)
        except BlockingIOError:
            return
        except OSError:
            self._reading.end("reset")
            return
        if data:
            self._reading.feed(data)
        else:
            self._reading.end("closed")


class Connection:
    """A connection for many requests, one after the other."""

    def __init__(self, address: Address, timeout: float = PATIENCE) -> None:
        self.address = address
        self.timeout = timeout
        self.reusable = True
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def fresh(self) -> bool:
        """Whether another request may be sent: nothing forbids it, and the other side has not closed."""
        return self.reusable and not select.select([self._socket], [], [], 0)[0]

    def start(self, request: Request) -> Stream:
        """Sends the request. Closing the stream closes the connection."""
        stream = Stream(self._socket, request.method, self.timeout)
        stream.send(request.blocks(self.address))
        return stream

    def send(self, request: Request) -> Answer:
        """Sends the request, and waits for the end of the answer."""
        stream = self.start(request)
        answer = stream.answer()
        self.reusable = stream.reusable
        return answer

    def send_raw(self, data: bytes) -> Answer:
        """Sends bytes that may be no HTTP at all, and waits for the end of the answer."""
        stream = Stream(self._socket, "POST", self.timeout)
        stream.send([data])
        answer = stream.answer()
        self.reusable = stream.reusable
        return answer

    def close(self) -> None:
        self._socket.close()


def request(
    address: Address,
    method: str = "POST",
    path: str = CHAT,
    headers: HeadersLike = (),
    body: bytes | Iterable[bytes] = b"",
    timeout: float = PATIENCE,
) -> Answer:
    """One request on a connection of its own. Only a connect that fails raises."""
    with Connection(address, timeout) as connection:
        return connection.send(Request(path, body, headers, method))


def open_stream(
    address: Address,
    method: str = "POST",
    path: str = CHAT,
    headers: HeadersLike = (),
    body: bytes | Iterable[bytes] = b"",
    timeout: float = PATIENCE,
) -> Stream:
    """Sends a request on a connection of its own, and returns before the answer is there. The caller closes it."""
    connection = Connection(address, timeout)
    try:
        return connection.start(Request(path, body, headers, method))
    except BaseException:
        connection.close()
        raise


def send_raw(address: Address, data: bytes, timeout: float = PATIENCE) -> Answer:
    """Sends bytes that may be no HTTP at all on a connection of their own, and waits for the end of the answer."""
    with Connection(address, timeout) as connection:
        return connection.send_raw(data)


def get(address: Address, path: str, headers: HeadersLike = ()) -> Answer:
    return request(address, "GET", path, headers)


def ask(address: Address, model: str, text: str = "hello", **extra: Any) -> Answer:
    """A chat completion, as clients ask for it."""
    return request(address, headers=[("content-type", "application/json")], body=chat(model, text, **extra))
