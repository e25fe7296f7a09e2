"""An event loop in a thread of its own: what runs in it goes on while a test waits, edits and looks."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
PATIENCE_S = 60.0
LOOK_S = 0.005


class Loop:
    """Runs while it is entered. Servers and stub gateways share one, so that none of it needs a lock."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateways", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], patience: float = PATIENCE_S) -> T:
        """Runs it there, and waits for what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience)

    def call(self, work: Callable[[], T]) -> T:
        """Calls it there, between two steps of everything else that runs in it."""
        return self.run(_called(work))

    def wait_until(self, reached: Callable[[], bool], what: Callable[[], str], patience: float = PATIENCE_S) -> None:
        """Looks again and again; `what` says what is missing when that took too long."""
        self.run(_until(reached, what, patience), patience + PATIENCE_S)


async def _called(work: Callable[[], T]) -> T:
    return work()


async def _until(reached: Callable[[], bool], what: Callable[[], str], patience: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while not reached():
        assert loop.time() < until, f"not within {patience} s: {what()}"
        await asyncio.sleep(LOOK_S)


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
