"""uvicorn, made to listen where we say, to tell when it serves, and to stop at once and with success."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from modelfleet.engines_sim.app import App
from modelfleet.engines_sim.connection import Connection

_GRACE = 0.3
_BACKLOG = 2048
# As vLLM and llama.cpp have it: who reuses a connection after that has to expect that it is gone.
_KEEP_ALIVE = 5


class Server(uvicorn.Server):
    """Answers that are not done a moment after the signal are broken off."""

    def __init__(self, app: App, place: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                interface="asgi3",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE,
            )
        )
        self._place = place

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"ready: {self._place}\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(_GRACE, self._break_off)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, which dies of the signal in the end: to be stopped is no failure here."""
        for number in HANDLED_SIGNALS:
            signal.signal(number, self.handle_exit)
        yield

    def _break_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
