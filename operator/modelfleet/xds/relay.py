"""The xds server beside one Envoy: mirrors what the central one has for it, and keeps what it accepted on disk."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from enum import Enum, auto

from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.cachefile import CacheFile
from modelfleet.xds.dial import Dial
from modelfleet.xds.events import Ack, Connected, Event, Refusal
from modelfleet.xds.keeper import Keeper
from modelfleet.xds.mirror import Mirror, Request, Response, Who
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import GatewayResources
from modelfleet.xds.upstream import Upstream

PATIENCE_S = 1.0
"""So long a changed cluster waits for the endpoints and secrets that it names: they come in the same breath."""
GRACE_S = 1.0

_log = logging.getLogger(__name__)


class Happened(Enum):
    """What a relay counts."""

    TAKEN = auto()
    REFUSED = auto()
    WRITTEN = auto()
    NOT_WRITTEN = auto()


class Relay:
    """The parts, and who tells whom. For one event loop."""

    def __init__(
        self,
        who: Who,
        upstream: Sequence[str],
        file: CacheFile,
        count: Callable[[Happened], None],
        dial: Dial | None = None,
    ) -> None:
        self._who = who
        self._count = count
        self._cache = SnapshotCache()
        # What is gone lingers at the central server, and leaves here when that says so.
        self._server = AdsServer(self._cache, self._heard, linger=0)
        self._keeper = Keeper(file, lambda done: count(Happened.WRITTEN if done else Happened.NOT_WRITTEN))
        self._mirror = Mirror(self._keeper.load())
        self._upstream = Upstream(upstream, self, dial=dial)
        self._published: GatewayResources | None = None
        self._waiting: asyncio.TimerHandle | None = None

    @property
    def has_state(self) -> bool:
        """Whether there is anything to serve."""
        return self._published is not None

    @property
    def is_connected(self) -> bool:
        """Whether the central server can be heard."""
        return self._upstream.is_connected

    @property
    def lost_s(self) -> float:
        """The seconds since it could."""
        return self._upstream.lost_s

    def sizes(self) -> dict[str, float]:
        """How many resources there are, by the short name of their type."""
        return self._mirror.sizes()

    async def start(self, listen: str) -> str:
        """Serve what is on disk, and say where. RuntimeError where the port is taken."""
        self._publish()
        return await self._server.start(listen)

    async def run(self, ending: asyncio.Event) -> None:
        """Follow the central server until it is time to end; then end the streams and write what is not on disk yet."""
        keeping = asyncio.ensure_future(self._keeper.run())
        following = asyncio.ensure_future(self._upstream.run())
        waiting = asyncio.ensure_future(ending.wait())
        try:
            done, _ = await asyncio.wait((keeping, following, waiting), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (following, waiting):
                task.cancel()
            await asyncio.gather(following, waiting, return_exceptions=True)
            await self._server.stop(GRACE_S)
            self._keeper.end()
            await keeping

    # What the central server says.

    def hello(self) -> list[Request]:
        """A stream to it has begun."""
        return self._mirror.hello(self._who)

    def on_response(self, response: Response) -> list[Request]:
        """It has sent something."""
        answers = self._mirror.on_response(response)
        for answer in answers:
            self._count_answer(answer)
        self._follow()
        return answers

    # What Envoy says.

    def _heard(self, node: str, gateway: str, event: Event) -> None:
        if gateway != self._who.gateway:
            if isinstance(event, Connected):
                _log.warning("%r is of gateway %r, and there is only %r here", node, gateway, self._who.gateway)
            return
        match event:
            case Connected():
                self._mirror.on_new_client()
            case Ack():
                self._mirror.on_ack(event)
            case Refusal() if not all(event.versions.values()):
                self._mirror.on_stay(event)
            case _:
                pass
        self._follow()

    def _follow(self) -> None:
        """After anything that has happened: pass on what is new, and tell the central server what Envoy made of it."""
        self._publish()
        nodes = self._cache.nodes(self._who.gateway)
        settled = [node.status.settled for node in nodes]
        if nodes and self._published and all(it and it.version == self._published.version for it in settled):
            answers = self._mirror.on_settled(refusal for node in nodes for refusal in node.status.refusals)
            for answer in answers:
                self._count_answer(answer)
            self._upstream.send(answers)
            self._publish()
            if accepted := self._mirror.accepted:
                self._keeper.keep(accepted)
        if self._mirror.owes_word:
            self._upstream.renew()

    def _publish(self) -> None:
        if self._mirror.is_waiting:
            self._wait()
        elif (state := self._mirror.latest()) and state is not self._published:
            self._published = state
            self._cache.publish(self._who.gateway, state)

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(PATIENCE_S, self._end_waiting)

    def _end_waiting(self) -> None:
        self._waiting = None
        self._mirror.on_patience_end()
        self._follow()

    def _count_answer(self, answer: Request) -> None:
        refused = answer.HasField("error_detail")
        self._count(Happened.REFUSED if refused else Happened.TAKEN)
        if refused:
            _log.warning("refused %s of the central server: %s", answer.type_url, answer.error_detail.message)
