"""What an ASGI app cannot do by itself: reset a connection, break it off, and be told at once that it is gone."""

import asyncio
import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_AT_ONCE = struct.pack("ii", 1, 0)


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which hands itself to the app in `scope["state"]["connection"]`.

    While `task` is set, that task is cancelled when the client goes away: no watcher runs beside each answer.
    """

    task: asyncio.Task[object] | None = None
    gone: asyncio.Event

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.gone = asyncio.Event()
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["connection"] = self

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set()
        if self.task is not None:
            self.task.cancel()

    async def end(self, *, reset: bool) -> None:
        """End the connection. With `reset` the peer sees an error; without, all that was sent and then the end."""
        self.task = None
        if reset:
            # Without lingering, TCP answers with a reset where it would have said goodbye.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.transport.abort()
        else:
            self.transport.close()
        # uvicorn takes an answer that stops short for a bug, unless the connection is known to be gone.
        await self.gone.wait()
