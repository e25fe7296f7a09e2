"""Who runs and who waits, so that an engine can be as busy as its declaration says and no busier."""

import asyncio
from collections import deque


class Full(Exception):
    """All slots are taken, and so are all places in the queue."""


class Slots:
    """Slots in the order of arrival. A limit of 0 is none; both limits may change while requests wait."""

    def __init__(self, limit: int, queue: int) -> None:
        self.running = 0
        self._limit = limit
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def resize(self, limit: int, queue: int) -> None:
        self._limit = limit
        self._queue = queue
        self._admit()

    async def enter(self) -> None:
        """Take a slot, now or in turn. Whoever is cancelled while it waits gives its place up."""
        if not self._waiting and self._free():
            self.running += 1
            return
        if len(self._waiting) >= self._queue:
            raise Full
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come in the same moment; the slot is then somebody else's to have.
            if not turn.cancelled():
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        self.running -= 1
        self._admit()

    def _free(self) -> bool:
        return not self._limit or self.running < self._limit

    def _admit(self) -> None:
        while self._waiting and self._free():
            turn = self._waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)
