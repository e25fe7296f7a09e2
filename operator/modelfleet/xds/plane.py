"""The server of gateways in a thread of its own: nobody who compiles or asks keeps a stream waiting."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.connection import OnEvent
from modelfleet.xds.door import Door
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import GatewayResources

T = TypeVar("T")
PATIENCE_S = 5.0
GRACE_S = 1.0
BEAT_S = 1.0
MOST_LAG_S = 10.0

log = logging.getLogger(__name__)


class Plane:
    """Serves what is published, from when it is opened. For several threads at once."""

    def __init__(self, address: str, on_event: OnEvent, door: Door | None = None) -> None:
        """`on_event` is called in the thread of the server. Without a door everybody may come in."""
        self._address = address
        self._door = door
        self._cache = SnapshotCache()
        self._on_event = on_event
        self._loop = asyncio.new_event_loop()
        self._server: AdsServer | None = None
        self._beat: float | None = None
        self._thread = Thread(target=self._loop.run_forever, name="xds", daemon=True)

    @property
    def is_open(self) -> bool:
        """Whether gateways can connect."""
        return self._server is not None

    def start(self) -> None:
        """Begins to keep what is published. Nobody can connect yet: to be told nothing would wipe a gateway."""
        self._loop.call_soon(self._tick)
        self._beat = time.monotonic()
        self._thread.start()

    def publish(self, gateway: str, state: GatewayResources) -> None:
        """What the gateway is to have from now on. After the end that is nothing more."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cache.publish, gateway, state)

    def open(self) -> None:
        """Lets gateways connect; RuntimeError where the port is taken. To be called when all is published."""
        if self._server is None and not self._loop.is_closed():
            server = AdsServer(self._cache, self._on_event, door=self._door)
            where = self._run(server.start(self._address))
            self._server = server
            log.info("gateways are served at %s", where)

    def stop(self) -> None:
        """Ends the streams, so that gateways go elsewhere, and the thread."""
        if self._thread.is_alive():
            if self._server:
                with suppress(Late):
                    self._run(self._server.stop(GRACE_S))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
        if not self._thread.is_alive():
            self._loop.close()

    def ailments(self) -> list[str]:
        """Why the process should be ended; nothing while the thread gets to work, or has not begun. Never waits."""
        lag = 0.0 if self._beat is None else time.monotonic() - self._beat - BEAT_S
        return [f"the loop of the gateways' streams has not come round for {lag:.0f} s"] if lag > MOST_LAG_S else []

    def _tick(self) -> None:
        self._beat = time.monotonic()
        self._loop.call_later(BEAT_S, self._tick)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S + GRACE_S)
