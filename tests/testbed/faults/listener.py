"""A client's own port. Whatever comes through it was sent by that client."""

import asyncio
import contextlib
import socket
import ssl
from asyncio import StreamReader, StreamWriter

from tests.testbed.faults.connection import Connection, Core
from tests.testbed.faults.wire import LIMIT

# A client that has died does not answer when TLS says farewell.
FAREWELL = 2.0


class Listener:
    """Stays at its port for the proxy's life, also while it refuses connections."""

    def __init__(self, client: str, core: Core, context: ssl.SSLContext) -> None:
        self._client = client
        self._core = core
        self._context = context
        self._socket = bound(0)
        self.port = int(self._socket.getsockname()[1])
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    async def up(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept,
                sock=self._socket,
                ssl=self._context,
                limit=LIMIT,
                backlog=1024,
                ssl_shutdown_timeout=FAREWELL,
            )

    def down(self) -> None:
        """Refuses new connections and cuts those that there are."""
        if self._server:
            self._server.close()
            self._server = None
            # Bound and not listening: connections are refused, and nobody else gets the port.
            self._socket = bound(self.port)
        for connection in self._connections:
            connection.cut()

    async def close(self) -> None:
        self.down()
        self._socket.close()
        tasks = list(self._connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connection = Connection(self._client, reader, writer, self._core)
        if self._server is None:
            connection.cut()  # TLS took longer than the port was open
        self._connections[connection] = task
        # Only close() cancels, and asyncio takes that for a failure.
        with contextlib.suppress(asyncio.CancelledError):
            await connection.serve()
        del self._connections[connection]


def bound(port: int) -> socket.socket:
    """A socket at this port of loopback that does not listen yet; any port for 0."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it an answer takes 40 ms.
    made = socket.socket(proto=socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
