"""An xds replica as the product runs it, in a loop, and when each of its gateways had taken what it published."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.connection import Connection
from modelfleet.xds.events import Event, Refusal, Settled, StreamStatus
from modelfleet.xds.server import LINGER_S, AdsServer
from modelfleet.xds.state import GatewayResources
from tests.support.gateways.loop import PATIENCE_S, Loop


@dataclass
class Replica:
    """Serves while it is entered. With port 0 it finds its address when it begins."""

    loop: Loop
    address: str
    linger: float = LINGER_S
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    """Each with the node that refused."""

    def __post_init__(self) -> None:
        self.cache = SnapshotCache()
        self.server = AdsServer(self.cache, self._heard, self.linger)
        self._settled: dict[tuple[str, str], float] = {}
        self._published: dict[str, float] = {}

    def __enter__(self) -> Self:
        self.address = self.loop.run(self.server.start(self.address))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Its streams end. Nothing happens where it has stopped already."""
        self.loop.run(self.server.stop(0))

    def publish(self, states: Mapping[str, GatewayResources]) -> None:
        """To all gateways, and does not wait."""

        def publish() -> None:
            for gateway, state in states.items():
                self._published[state.version] = time.monotonic()
                if self.cache.publish(gateway, state):
                    self._settled = {key: at_s for key, at_s in self._settled.items() if key[1] != state.version}

        self.loop.call(publish)

    def wait_until_settled(
        self, state: GatewayResources, nodes: Collection[str], patience: float = PATIENCE_S
    ) -> float:
        """Until each of the nodes has answered for all of it; seconds from the publish to the last of the answers."""
        left = set(nodes)

        def reached() -> bool:
            left.difference_update([node for node in left if (node, state.version) in self._settled])
            return not left

        self.loop.wait_until(reached, lambda: f"{len(left)} have not settled, such as {min(left)}", patience)
        return max(self._settled[node, state.version] for node in nodes) - self._published[state.version]

    def status(self, node: str, gateway: str = "default") -> StreamStatus:
        """What the cache says of a node, which is connected once."""
        (found,) = (it for it in self.loop.call(lambda: self.cache.nodes(gateway)) if it.node_id == node)
        return found.status

    def connections(self) -> list[Connection]:
        """The streams that there are."""
        return self.loop.call(lambda: list(self.server._connections))

    def _heard(self, node: str, _gateway: str, event: Event) -> None:
        if isinstance(event, Settled):
            self._settled[node, event.version] = time.monotonic()
        elif isinstance(event, Refusal):
            self.refusals.append((node, event))
