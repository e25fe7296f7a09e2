"""Writes what a gateway has accepted to its file: at once, then at most once a second, and at the end."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from modelfleet.xds.cachefile import CacheFile
from modelfleet.xds.state import GatewayResources

PAUSE_S = 1.0
AFTER_FAILURE_S = 10.0

_log = logging.getLogger(__name__)


class Keeper:
    """The writer of one file. A disk that takes nothing is said once, and tried again: nobody waits for it."""

    def __init__(
        self,
        file: CacheFile,
        told: Callable[[bool], None],
        pause: float = PAUSE_S,
        after_failure: float = AFTER_FAILURE_S,
    ) -> None:
        self._file = file
        self._told = told
        self._pauses = {True: pause, False: after_failure}
        self._wanted: GatewayResources | None = None
        self._kept: GatewayResources | None = None
        self._failing = False
        self._news = asyncio.Event()
        self._ending = asyncio.Event()

    def load(self) -> GatewayResources | None:
        """What is in the file."""
        self._kept = self._wanted = self._file.load()
        return self._kept

    def keep(self, state: GatewayResources) -> None:
        """Have it in the file."""
        if state is not self._wanted:
            self._wanted = state
            self._news.set()

    def end(self) -> None:
        """`run` writes what is not written yet, and returns."""
        self._ending.set()
        self._news.set()

    async def run(self) -> None:
        """Writes whenever there is something new."""
        while not self._ending.is_set():
            await self._news.wait()
            self._news.clear()
            await self._pause(self._pauses[await self._write()])
        await self._write()

    async def _pause(self, seconds: float) -> None:
        if self._failing:
            self._news.set()  # also when nothing is new then
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _write(self) -> bool:
        """Whether the file is as it should be."""
        state = self._wanted
        if state is None or state is self._kept:
            return True
        try:
            # A disk may take its time, in which gateways are served.
            await asyncio.to_thread(self._file.save, state)
        except OSError as error:
            if not self._failing:
                _log.warning("%s cannot be written and keeps what it has: %s", self._file.path, error.strerror or error)
            self._failing = True
        else:
            if self._failing:
                _log.info("%s can be written again", self._file.path)
            self._failing, self._kept = False, state
        self._told(not self._failing)
        return not self._failing
