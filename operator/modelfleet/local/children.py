"""Keeps programs running: starts them, waits until they are ready, starts them again, and ends all of them in time."""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self

from modelfleet.local.process import Process, start

FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 10.0
HEALTHY_AFTER_S: Final = 30.0
"""Who has run for so long has earned a quick restart again."""
GRACE_S: Final = 5.0

_POLL_S: Final = 0.1
_JITTER: Final = 0.25


class State(StrEnum):
    """Where a child is in its life; the last two are ends."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. Without an environment it has ours; `ready` is asked until it says yes; OSError is a no."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    grace: float = GRACE_S
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_within: float = 60.0

    def problem(self) -> str | None:
        """Why it cannot be started, as far as can be told without starting it."""
        if self.cwd is not None and not self.cwd.is_dir():
            return f"no such folder: {self.cwd}"
        program = self.command[0]
        if "/" not in program:
            path = (os.environ if self.env is None else self.env).get("PATH", os.defpath)
            return None if shutil.which(program, path=path) else f"no such program: {program}"
        found = (self.cwd or Path()) / program
        if not found.exists():
            return f"no such program: {program}"
        return None if found.is_file() and os.access(found, os.X_OK) else f"not a program: {program}"


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, which tests bring themselves."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
    chance: Callable[[], float] = Random().random  # noqa: S311 - as in kube/backoff.py


class Backoff:
    """How long to wait before the next start: twice as long each time, a little less by chance, quick after health."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._delay = FIRST_DELAY_S

    def after(self, healthy: float) -> float:
        """The wait after a run that was healthy for so many seconds."""
        if healthy >= HEALTHY_AFTER_S:
            self._delay = FIRST_DELAY_S
        delay = self._delay
        self._delay = min(2 * delay, LONGEST_DELAY_S)
        return delay * (1 - _JITTER * self._chance())


class Child:
    """One program that is kept running. `reason` says why its last run ended, and is empty before that."""

    def __init__(
        self,
        program: Program,
        on_line: Callable[[str, str], None],
        on_change: Callable[["Child"], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.program = program
        self.state = State.STOPPED
        self.reason = ""
        self.restarts = 0
        self._on_line = on_line
        self._on_change = on_change
        self._clock = clock or Clock()
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._within = program.grace
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._has_run = False

    @property
    def pid(self) -> int | None:
        """The process to signal: its leash. None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begins to keep it running; once in its life."""
        assert self._task is None, "a child is started once"
        self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"child {self.program.name}")
        self._change(State.STARTING)

    async def stop(self, within: float | None = None) -> None:
        """Ends it and waits for that: gently, and after so many seconds, or its own grace, by force."""
        if not self._stopping.is_set():
            self._within = self.program.grace if within is None else within
            self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    def kill(self) -> None:
        """Cuts short every wait of `stop`, also of one that is under way."""
        self._hurry.set()
        self._stopping.set()

    async def until(self, *states: State) -> State:
        """Waits until it is seen in one of these states, or at an end, and says where it is."""
        while self.state not in {*states, State.STOPPED, State.FAILED}:
            self._changed.clear()
            await self._changed.wait()
        return self.state

    async def _supervise(self) -> None:
        backoff = Backoff(self._clock.chance)
        try:
            while not self._stopping.is_set():
                healthy = await self._run()
                if self._stopping.is_set() or self.state is State.FAILED:
                    return
                self._change(State.BACKING_OFF)
                await _first(self._clock.sleep(backoff.after(healthy)), self._stopping.wait())
                self.restarts += not self._stopping.is_set()
        except Exception as error:
            self.reason = f"was given up: {error!r}"
            self._change(State.FAILED)
            raise
        finally:
            if self.state is not State.FAILED:
                self._change(State.STOPPED)

    async def _run(self) -> float:
        """Runs it once, and says for how many seconds it was well."""
        self._change(State.STARTING)
        problem = self.program.problem()
        if problem is not None:
            self.reason = f"cannot be started: {problem}"
            if not self._has_run:
                # Who was there once is being replaced, and comes back; who never was is a mistake.
                self._change(State.FAILED)
            return 0.0
        try:
            process = await self._launch()
        except OSError as error:
            self.reason = f"cannot be started: {error.strerror or error}"
            return 0.0
        self._has_run = True
        self._process = process
        try:
            return await self._watch(process)
        finally:
            try:
                await process.end(self._within, self._hurry)
            finally:
                process.release()
                self._process = None

    async def _launch(self) -> Process:
        program, name = self.program, self.program.name
        env = os.environ if program.env is None else program.env
        return await start(program.command, env, program.cwd, program.grace, lambda text: self._on_line(name, text))

    async def _watch(self, process: Process) -> float:
        """Until it exits, or is to be ended by us."""
        healthy = 0.0
        if await self._becomes_ready(process):
            since = self._clock.now()
            self._change(State.RUNNING)
            await _first(process.wait(), self._stopping.wait())
            healthy = self._clock.now() - since
        if self._stopping.is_set():
            self.reason = "was stopped"
        elif process.code is None:
            self.reason = f"was not ready within {self.program.ready_within:g} s"
        else:
            self.reason = process.reason
        return healthy

    async def _becomes_ready(self, process: Process) -> bool:
        if self.program.ready is None:
            return True
        yes = asyncio.Event()
        await _first(
            self._poll(self.program.ready, yes),
            self._clock.sleep(self.program.ready_within),
            process.wait(),
            self._stopping.wait(),
        )
        return yes.is_set() and process.code is None

    async def _poll(self, ready: Callable[[], Awaitable[bool]], yes: asyncio.Event) -> None:
        while not yes.is_set():
            with suppress(OSError):
                if await ready():
                    yes.set()
                    return
            await self._clock.sleep(_POLL_S)

    def _change(self, state: State) -> None:
        if state is self.state:
            return
        self.state = state
        self._changed.set()
        if self._on_change is not None:
            self._on_change(self)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Until the first of them is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


class Children:
    """All the children of one run. As a context it leaves none behind."""

    def __init__(
        self,
        on_line: Callable[[str, str], None],
        on_change: Callable[[Child], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._on_line = on_line
        self._on_change = on_change
        self._clock = clock
        self._children: list[Child] = []

    def __iter__(self) -> Iterator[Child]:
        return iter(tuple(self._children))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self, program: Program) -> Child:
        """Keeps one more program running."""
        child = Child(program, self._on_line, self._on_change, self._clock)
        self._children.append(child)
        child.start()
        return child

    async def remove(self, child: Child, within: float | None = None) -> None:
        """Ends one, and forgets it."""
        await child.stop(within)
        self._children.remove(child)

    async def stop(self, within: float = 2 * GRACE_S) -> None:
        """Ends all of them at the same time, and by force who is not gone in so many seconds."""
        await asyncio.gather(*(child.stop(within) for child in self))

    def kill(self) -> None:
        """Cuts short every wait of `stop`, also of one that is under way."""
        for child in self._children:
            child.kill()
