"""kopf in a thread and a loop of its own, started again whenever it ends by itself.

It has the loop to itself because it takes every task born there for its own, and ends it with itself. That it ends is
normal: the store is not its, so a new one goes on where the last one ended.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from threading import Event, Lock, Thread
from typing import Any

import aiohttp
import kopf
from kopf._core.engines.peering import Identity  # there is no public name for it

from modelfleet.controllers.forgetful import NoEssence, NoMemories
from modelfleet.controllers.guard import Guard
from modelfleet.controllers.handlers import Memo, Observer, register
from modelfleet.controllers.threads import wait_for_end
from modelfleet.kube.backoff import Backoff
from modelfleet.kube.client import Client
from modelfleet.sources.kinds import Scope

BEAT_S = 1.0
ENDS_WITHIN_S = 2.0
"""kopf may wait for itself without an end, once one of its watches has failed in a way that it does not know."""
SCANNED_S, MOST_SCANNED_S = 5.0, 60.0
"""How long kopf may take to find out which kinds there are; and how long once it has missed some again and again."""
STEADY_S = 60.0
"""Who ran for so long ended for a reason of its own, and not for the one before."""

log = logging.getLogger(__name__)


class Frame:
    """The watches of a role."""

    def __init__(
        self,
        client: Client,
        guard: Guard,
        scopes: Iterable[Scope],
        observer: Observer,
        there: Callable[[], Collection[Scope]] = tuple,
    ) -> None:
        """`there` are the scopes that are known, from elsewhere, to be there."""
        self._client = client
        self._there = there
        self._patience = SCANNED_S
        self._guard = guard
        self._scopes = tuple(scopes)
        self._memo = Memo(observer)
        self._ending = Event()
        self._lock = Lock()
        self._stop: Callable[[], None] | None = None
        self._beat = time.monotonic()
        self._thread = Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and waits for the end."""
        self._ending.set()
        self.renew()
        wait_for_end(self._thread, 3)

    def renew(self) -> None:
        """Looks anew which kinds there are: kopf does so only when it starts."""
        with self._lock:
            if self._stop:
                self._stop()

    def lag(self) -> float:
        """Seconds since the loop last had a moment for us."""
        return max(0.0, time.monotonic() - self._beat - BEAT_S)

    def _run(self) -> None:
        pause = Backoff(0.2, 8.0)
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                asyncio.run(self._watch())
            except Exception as error:
                log.warning("the watches ended, and begin again: %s", str(error) or type(error).__name__)
            self._beat = time.monotonic()
            if time.monotonic() - began > STEADY_S + MOST_SCANNED_S:
                self._patience = SCANNED_S
            if time.monotonic() - began > STEADY_S:
                pause.reset()
            if self._ending.wait(pause.next()):
                return
            self._beat = time.monotonic()

    async def _watch(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        with self._lock:
            self._stop = lambda: _soon(loop, stop.set)
        if self._ending.is_set():
            return
        self._guard.begin()
        self._tick(loop, time.monotonic())
        registry, ended = kopf.OperatorRegistry(), asyncio.Event()
        register(registry, {scope.watched: None for scope in self._scopes}, self._login, ended.set)
        ends = [asyncio.create_task(event.wait()) for event in (stop, ended)]
        running = asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=_settings(self._scopes),
                memo=self._memo,
                memories=NoMemories(),
                standalone=True,
                # Else it looks for the name of its user, whom a container need not have.
                identity=Identity("modelfleet"),
                stop_flag=stop,
                **_where(self._scopes),
            )
        )
        await asyncio.wait({running, *ends}, return_when=asyncio.FIRST_COMPLETED)
        with self._lock:
            self._stop = None
        # What breaks from here on breaks because it has to end.
        loop.set_exception_handler(lambda *_: None)
        await asyncio.wait({running}, timeout=ENDS_WITHIN_S)
        await _end_all()
        if not running.cancelled() and not stop.is_set():
            running.result()

    def _tick(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        # A callback and not a task: those of this loop are kopf's.
        self._beat = time.monotonic()
        loop.call_later(BEAT_S, self._tick, loop, began)
        # A server that has just started tells of some of its kinds only, and kopf would never watch the others.
        if self._beat - began > self._patience and (missed := self._guard.unasked().intersection(self._there())):
            self._patience = min(2 * self._patience, MOST_SCANNED_S)
            log.warning("not watched, and looked for again: %s", ", ".join(sorted(map(str, missed))))
            self.renew()

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        context = await asyncio.to_thread(self._client.ssl_context)
        connector = aiohttp.TCPConnector(limit=0, ssl=context or True)
        session = aiohttp.ClientSession(connector=connector, middlewares=(self._guard,))
        return kopf.AiohttpSession(server=self._client.server, aiohttp_session=session)


def _settings(scopes: Iterable[Scope]) -> kopf.OperatorSettings:
    """As an observer needs them: bounded in time, silent, writing nothing."""
    made = kopf.OperatorSettings()
    for watched in {scope.watched for scope in scopes if scope.watched.selector}:
        made.watching.label_selectors[watched.group, watched.version, watched.plural] = watched.selector
    made.posting.enabled = False
    made.persistence.diffbase_storage = NoEssence()
    made.scanning.disabled = True  # may be forbidden, and tells of CRDs only; the lists tell us
    made.networking.request_timeout = 90.0
    made.networking.connect_timeout = 10.0
    made.networking.error_backoffs = ()  # the guard has its own, which know Retry-After and never give up
    made.watching.server_timeout = 240  # a whole number, or the API server refuses it
    made.watching.client_timeout = 270
    made.watching.connect_timeout = 10.0
    made.watching.inactivity_timeout = 70.0
    made.watching.chunk_size = 1  # of its lists only the version is used
    made.watching.reconnect_backoff = 0.1
    made.process.ultimate_exiting_timeout = None  # the process is not kopf's to end
    made.queueing.idle_timeout = 0.5
    made.queueing.exit_timeout = 0.5
    return made


def _where(scopes: Sequence[Scope]) -> dict[str, Any]:
    namespaces = sorted({scope.namespace for scope in scopes if scope.namespace})
    return {"namespaces": namespaces} if namespaces else {"clusterwide": True}


async def _end_all() -> None:
    """Ends all other tasks of this loop. Some of kopf's take a cancellation for something else, and go on."""
    for _ in range(50):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            return
        for task in others:
            task.cancel()
        done, _ = await asyncio.wait(others, timeout=0.1)
        for task in done:
            if not task.cancelled():
                task.exception()  # or asyncio complains that nobody looked


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        log.debug("the loop has ended already")
