"""One run of `modelfleet up`, from its first file to its last child."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception
from typing import Final, Protocol

from modelfleet.envoy.bootstrap import Bootstrap
from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Key, Unusable
from modelfleet.fleet.world import Gateway
from modelfleet.local.binary import Envoy
from modelfleet.local.children import Child, Children, Program, State
from modelfleet.local.envoy import Admin, envoy_program
from modelfleet.local.fleet import LocalFleet
from modelfleet.local.ports import Reservation
from modelfleet.local.replicas import Replicas
from modelfleet.local.rows import rows
from modelfleet.local.state import StateDir
from modelfleet.local.view import View
from modelfleet.local.watching import changes

GATEWAY: Final = "default"
SETTLE_S: Final = 10.0
"""How long the first answer waits for replicas that are on their way up."""
MAX_RECORDS_BYTES: Final = 64 * 1024 * 1024
ROTATE_EVERY_S: Final = 10.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_WORKERS: Final = 4


class ControlPlane(Protocol):
    """What serves a gateway; app.py hands in the xds server."""

    def publish(self, gateway: str, resources: tuple[XdsResource, ...]) -> bool:
        """Makes these the resources of the gateway; whether they differ from those before."""

    async def start(self, address: str) -> str:
        """Begins to serve."""

    async def settle(self, gateway: str) -> Collection[Key]:
        """Waits until a gateway has taken what was published last; of these it refused something."""

    async def stop(self, grace: float) -> None:
        """Ends it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a run has of this machine."""

    state: StateDir
    port: Reservation
    envoy: Envoy
    roots: str


@dataclass(frozen=True, slots=True)
class Input:
    """What the fleet is read from."""

    paths: Sequence[str]
    namespace: str


class Run:
    """A fleet that serves, until it is stopped."""

    def __init__(self, given: Input, place: Place, plane: ControlPlane, view: View, say: Callable[[str], None]) -> None:
        self._given, self._place, self._plane, self._view, self._say = given, place, plane, view, say
        self._poke = asyncio.Event()
        self._compiled = asyncio.Event()
        self._stop = asyncio.Event()
        self._children: Children | None = None

    async def serve(self, on_line: Callable[[str, str], None], when_ready: Callable[[], Awaitable[None]]) -> None:
        """Serves until a signal or a call of `stop`; `when_ready` is called once the gateway answers."""
        with self._signals_heard():
            async with Children(on_line, lambda _: self._poke.set()) as children:
                self._children = children
                fleet = self._fleet(children)
                self._first_reading(fleet)
                await self._plane.start(f"unix:{self._place.state.socket('xds')}")
                try:
                    await self._until_stopped(fleet, children, when_ready)
                finally:
                    await children.stop()
                    await self._plane.stop(0.5)

    def stop(self) -> None:
        """Ends it gently; a second time, at once."""
        if self._stop.is_set() and self._children:
            self._children.kill()
        self._stop.set()
        self._poke.set()

    async def _until_stopped(
        self, fleet: LocalFleet, children: Children, when_ready: Callable[[], Awaitable[None]]
    ) -> None:
        admin = Admin(self._place.state.socket("admin"))
        envoy = children.start(self._envoy())
        works = (self._follow(fleet), self._tell(fleet), self._watch(), self._rotate(admin))
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            task.add_done_callback(self._missed)
        try:
            await self._first_answer(fleet, envoy, when_ready)
            await self._stop.wait()
            self._say("ending: the requests that have begun may finish")
            await admin.drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _missed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._say(f"a fault of modelfleet, please report it: {error!r}")

    async def _first_answer(self, fleet: LocalFleet, envoy: Child, when_ready: Callable[[], Awaitable[None]]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        ready = asyncio.create_task(self._ready(fleet, envoy))
        await asyncio.wait({stopped, ready}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ready.done():
            ready.cancel()
            return
        ready.result()
        await when_ready()

    async def _ready(self, fleet: LocalFleet, envoy: Child) -> None:
        await self._started(envoy)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while not fleet.replicas.is_settled():  # noqa: ASYNC110 - of many children, each with its own event
                    await asyncio.sleep(0.02)
            # What became ready a moment ago is on its way to Envoy, which is no place to send requests to before.
            fleet.compile()
            await self._plane.settle(GATEWAY)
        fleet.begin()

    async def _started(self, envoy: Child) -> None:
        """Envoy runs and has what it was sent. What it refuses may keep it from ever saying so."""
        running = asyncio.create_task(envoy.until(State.RUNNING, State.BACKING_OFF))
        settled = asyncio.create_task(self._plane.settle(GATEWAY))
        try:
            await asyncio.wait({running, settled}, return_when=asyncio.FIRST_COMPLETED)
            if settled.done():
                settled.result()
            if await running is not State.RUNNING:
                raise Unusable(f"Envoy {envoy.reason}: {self._place.state.envoy_log} has its last words")
        finally:
            running.cancel()
            settled.cancel()

    async def _follow(self, fleet: LocalFleet) -> None:
        """Compiles again after each poke, whatever it was about."""
        while not self._stop.is_set():
            await self._poke.wait()
            self._poke.clear()
            try:
                fleet.read()
                fleet.compile()
                self._show(fleet)
                self._compiled.set()
            except Exception as error:
                # A bug of ours must not end what serves: the plan before it stays.
                self._say(f"a fault of modelfleet, please report it: {error!r}; what served before goes on")
                for line in format_exception(error):
                    self._say(line.rstrip())

    async def _tell(self, fleet: LocalFleet) -> None:
        """Says of what was compiled when it is in force."""
        while True:
            await self._compiled.wait()
            self._compiled.clear()
            with suppress(Unusable):  # what was refused is said as it is heard
                fleet.taken(await self._plane.settle(GATEWAY))

    async def _watch(self) -> None:
        async for _ in changes([Path(path) for path in self._given.paths], self._stop):
            self._poke.set()

    async def _rotate(self, admin: Admin) -> None:
        """Keeps the records from filling the disk: the last so many bytes of them, and those before."""
        records = self._place.state.decisions
        while not self._stop.is_set():
            await asyncio.sleep(ROTATE_EVERY_S)
            with suppress(OSError):
                if records.stat().st_size > MAX_RECORDS_BYTES:
                    records.replace(records.with_suffix(".1.jsonl"))
                    await admin.reopen_files()

    def _first_reading(self, fleet: LocalFleet) -> None:
        absent = fleet.read()
        if absent:
            raise Unusable("; ".join(f"{source.name} {source.problem}" for source in absent))
        fleet.compile()
        self._show(fleet)

    def _show(self, fleet: LocalFleet) -> None:
        assert fleet.plan is not None
        self._view.show(rows(fleet.plan.in_force, GATEWAY, fleet.replicas.endpoints(), fleet.replicas.states()))

    def _fleet(self, children: Children) -> LocalFleet:
        place, given = self._place, self._given
        gateway = Gateway(
            GATEWAY, place.port.host, place.port.port, record=str(place.state.decisions), roots=place.roots
        )
        return LocalFleet(given.paths, given.namespace, gateway, self._plane.publish, Replicas(children), self._say)

    def _envoy(self) -> Program:
        state = self._place.state
        bootstrap = Bootstrap(GATEWAY, f"up-{os.getpid()}", (str(state.socket("xds")),), str(state.socket("admin")))
        return envoy_program(self._place.envoy, bootstrap, state.runtime, min(os.cpu_count() or 1, _MOST_WORKERS))

    @contextmanager
    def _signals_heard(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
