"""The replicas that run here: started and ended as models come, change and go, each with its endpoint."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Final

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Key
from modelfleet.fleet.world import Endpoint
from modelfleet.local.children import Child, Children, Program, State
from modelfleet.local.engines import HOST, READY_WITHIN_S, Launch, Missing, Secrets, plan_launch

HARDWARE: Final = "local"
DRAIN_S: Final = 5.0
"""For how long a replica that was replaced goes on, so that what it has begun can end."""


@dataclass(slots=True, eq=False)
class Replica:
    """One process of a model."""

    launch: Launch
    port: int
    child: Child

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests."""
        return self.child.state is State.RUNNING


@dataclass(slots=True)
class Running:
    """What runs of one model. `old` serves until `new` does."""

    wanted: int = 0
    missing: str = ""
    new: list[Replica] = field(default_factory=list)
    old: list[Replica] = field(default_factory=list)


class Replicas:
    """All of them."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._running: dict[Key, Running] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def settle(self, models: Iterable[ModelDeployment], secrets: Secrets) -> None:
        """Starts and ends what differs from what these models ask for."""
        wanted = {model.key: model for model in models if model.spec.engine}
        for key in self._running.keys() - wanted.keys():
            running = self._running.pop(key)
            self._end([*running.new, *running.old])
        for key, model in wanted.items():
            self._settle(self._running.setdefault(key, Running()), model, secrets)

    def endpoints(self) -> dict[Key, tuple[Endpoint, ...]]:
        """Where each model answers at present."""
        return {key: tuple(_endpoints(running)) for key, running in self._running.items()}

    def states(self) -> dict[Key, str]:
        """In a few words what is with each model that is not all there; nothing of those that are."""
        return {key: words for key, running in self._running.items() if (words := _words(running))}

    def behind(self) -> set[Key]:
        """The models whose processes are not all those that they ask for now."""
        return {
            key
            for key, running in self._running.items()
            if running.missing or running.old or not all(replica.is_ready for replica in running.new)
        }

    def retire(self) -> None:
        """Ends what was replaced by something that serves, once those who send requests know."""
        for running in self._running.values():
            if running.old and all(replica.is_ready for replica in running.new):
                self._end(running.old)
                running.old = []

    def is_settled(self) -> bool:
        """Whether nothing is on its way up any more."""
        states = [replica.child.state for running in self._running.values() for replica in running.new]
        return State.STARTING not in states

    def _settle(self, running: Running, model: ModelDeployment, secrets: Secrets) -> None:
        launch = plan_launch(model, secrets)
        running.wanted = model.spec.scale.replicas if model.spec.scale else 1
        running.missing = launch.reason if isinstance(launch, Missing) else ""
        if isinstance(launch, Missing):
            return  # what runs is what was right before, and a mistake ends nothing that works
        if any(replica.launch != launch for replica in running.new):
            running.old += running.new
            running.new = []
        self._end(running.new[running.wanted :])
        running.new = running.new[: running.wanted]
        while len(running.new) < running.wanted:
            running.new.append(self._start(model.key, len(running.new), launch))

    def _start(self, key: Key, number: int, launch: Launch) -> Replica:
        port = _free_port()
        command, env = launch.at(port, os.environ)
        name = f"{key.name}-{number + 1}" if number else key.name
        program = Program(
            name=name,
            command=command,
            env=env,
            ready=_asks(port, launch.health),
            ready_within=READY_WITHIN_S,
        )
        return Replica(launch, port, self._children.start(program))

    def _end(self, replicas: Iterable[Replica]) -> None:
        for replica in replicas:
            task = asyncio.get_running_loop().create_task(self._drain(replica))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _drain(self, replica: Replica) -> None:
        if replica.is_ready:
            await asyncio.sleep(DRAIN_S)
        await self._children.remove(replica.child)


def _endpoints(running: Running) -> Iterator[Endpoint]:
    ready = [replica for replica in running.new if replica.is_ready]
    # Until the new ones are all there, the old ones go on: an edit must not thin out what serves.
    old = [replica for replica in running.old if replica.is_ready] if len(ready) < len(running.new) else []
    for replica in (*ready, *old):
        yield Endpoint(HOST, replica.port, HARDWARE)


def _words(running: Running) -> str:
    if running.missing:
        return running.missing
    for replica in running.new:
        if replica.child.state is not State.RUNNING:
            reason = f": {replica.child.reason}" if replica.child.reason else ""
            return f"{replica.child.state}{reason}"
    return ""


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _asks(port: int, path: str | None) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        # Not wait_for: that of Python 3.11 swallows a cancellation which comes together with the answer.
        with suppress(OSError):
            async with asyncio.timeout(2.0):
                return await _answers(port, path)
        return False

    return ready


async def _answers(port: int, path: str | None) -> bool:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        if path is None:
            return True
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n".encode())
        return (await reader.readline()).split()[1:2] == [b"200"]
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
