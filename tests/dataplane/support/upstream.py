"""An upstream whose reaction to each request is a small program that the test chooses."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Self

from tests.dataplane.support.received import Book, Ended, Received
from tests.dataplane.support.serving import Connection
from tests.dataplane.support.steps import Program, Script, json_answer

HOST = "127.0.0.1"
PATIENCE = 5.0
BACKLOG = 512


class ScriptedUpstream:
    """Listens on loopback while it is entered, with a thread and an event loop of its own; the port is known before.

    On exit it raises what went wrong on its side: a script that raised, a request that was no HTTP.
    """

    def __init__(self, script: Script | None = None, host: str = HOST, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.script: Script = json_answer() if script is None else script
        self.book = Book()
        self.gate = asyncio.Event()
        self.ignoring = False
        self.connections: set[Connection] = set()
        # Bound but never listening: the port stays ours while nobody listens on it.
        self._reserve = _bound(host, 0)
        self.address: tuple[str, int] = self._reserve.getsockname()[:2]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"upstream-{self.port}", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        return self.address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call(self._deafen())
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        self._reserve.close()
        if error is None and self.book.failures:
            raise ExceptionGroup("the upstream failed", self.book.failures)

    # What happened.

    @property
    def requests(self) -> list[Received]:
        """All requests whose head was received, in the order of their heads."""
        with self.book.changed:
            return list(self.book.requests)

    @property
    def opened(self) -> int:
        """How many connections were accepted, ever."""
        return self.book.opened

    @property
    def open(self) -> int:
        """How many connections are open."""
        return self.book.open

    @property
    def most_busy(self) -> int:
        """How many requests were without an end at once, at most."""
        return self.book.most_busy

    def wait_for_requests(self, n: int = 1, timeout: float = PATIENCE, *, whole: bool = True) -> list[Received]:
        """The first requests once so many were received, with their bodies or, if not `whole`, at least their heads."""

        def found() -> list[Received]:
            return [request for request in self.book.requests if request.whole_s is not None or not whole]

        self.book.wait(lambda: len(found()) >= n, timeout, f"{n} requests")
        return found()[:n]

    def wait_until_ended(self, n: int = 1, timeout: float = PATIENCE, how: Ended | None = None) -> list[Received]:
        """All requests that have ended, in this way if one is named, once there are so many."""

        def found() -> list[Received]:
            return [request for request in self.book.requests if request.ended and how in {None, request.ended}]

        self.book.wait(lambda: len(found()) >= n, timeout, f"{n} requests ended as {how or 'anything'}")
        return found()

    def wait_until_gone(self, timeout: float = PATIENCE, n: int = 1) -> list[Received]:
        """All requests whose client left before their program had ended, once there are so many."""
        return self.wait_until_ended(n, timeout, "client_gone")

    def wait_until_idle(self, timeout: float = PATIENCE) -> None:
        """Until no request is without an end."""
        self.book.wait(lambda: self.book.busy == 0, timeout, "idle")

    def wait_until_stalled(self, n: int = 1, timeout: float = PATIENCE) -> None:
        """Until so many requests are at a Stall()."""
        self.book.wait(lambda: self.book.stalled >= n, timeout, f"{n} requests stalled")

    def wait_until_open(self, n: int, timeout: float = PATIENCE) -> None:
        """Until exactly so many connections are open."""
        self.book.wait(lambda: self.book.open == n, timeout, f"{n} open connections")

    # What is done to it.

    def release(self) -> None:
        """Ends every Stall(), also those to come, until `hold`."""
        self._call(self._open_gate())

    def hold(self) -> None:
        """Lets a Stall() stall again."""
        self._call(self._shut_gate())

    def cut(self) -> None:
        """Resets all connections; requests without an end have then ended as `cut`."""
        self._call(self._cut())

    @contextlib.contextmanager
    def refuse(self, *, cut: bool = True) -> Iterator[None]:
        """Meanwhile connects are refused. Open connections are reset, unless they may go on."""
        self._call(self._deafen())
        if cut:
            self.cut()
        try:
            yield
        finally:
            self._call(self._listen())

    @contextlib.contextmanager
    def accept_and_ignore(self, *, cut: bool = True) -> Iterator[None]:
        """Meanwhile connections are accepted and never read; at the end those are reset.

        Connections from before are reset at once, unless they may go on.
        """
        before = set() if cut else set(self.connections)
        if cut:
            self.cut()
        self._call(self._ignore(True))
        try:
            yield
        finally:
            self._call(self._ignore(False))
            self._call(self._cut(keep=before))

    # What runs in the loop.

    def program(self, request: Received) -> Program:
        return self.script(request) if callable(self.script) else self.script

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _open_gate(self) -> None:
        self.gate.set()

    async def _shut_gate(self) -> None:
        self.gate.clear()

    async def _ignore(self, ignoring: bool) -> None:
        self.ignoring = ignoring

    async def _listen(self) -> None:
        listener = _bound(*self.address)
        self._server = await self._loop.create_server(
            lambda: Connection(self), sock=listener, backlog=BACKLOG, ssl=self._tls
        )

    async def _deafen(self) -> None:
        assert self._server
        # A connection that is being accepted while its server closes is nobody's: asyncio leaves it open, and forgets.
        while _is_accepting():  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0)
        self._server.close()

    async def _cut(self, keep: set[Connection] | None = None) -> None:
        ours = self.connections - (keep or set())
        for connection in ours:
            connection.end("cut")
        await asyncio.gather(*(connection.task for connection in ours), return_exceptions=True)


def _is_accepting() -> bool:
    return any(getattr(task.get_coro(), "__name__", "") == "_accept_connection2" for task in asyncio.all_tasks())


def _bound(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named, and a pause of 40 ms is not in the script.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
    bound.bind((host, port))
    return bound
