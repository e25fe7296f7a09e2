"""What every gateway is to have, and what each connected node has made of it. For one event loop and its thread."""

from collections.abc import Callable
from dataclasses import dataclass

from modelfleet.xds.events import StreamStatus
from modelfleet.xds.state import GatewayResources

Wake = Callable[[], None]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Where one connected node stands. A node that has two streams is listed twice."""

    node_id: str
    gateway: str
    status: StreamStatus


class SnapshotCache:
    """The latest state of each gateway. Streams are woken by a new one and fetch it when they can."""

    def __init__(self) -> None:
        self._resources: dict[str, GatewayResources] = {}
        self._wakes: dict[str, set[Wake]] = {}
        self._nodes: dict[int, NodeStatus] = {}

    def publish(self, gateway: str, resources: GatewayResources) -> bool:
        """Make it the latest. False when it says what the one before said, and nobody is woken."""
        older = self._resources.get(gateway)
        self._resources[gateway] = resources
        if older is not None and older.version == resources.version:
            return False
        for wake in tuple(self._wakes.get(gateway, ())):
            wake()
        return True

    def latest(self, gateway: str) -> GatewayResources | None:
        """None as long as nothing was published, which is not the same as nothing."""
        return self._resources.get(gateway)

    def watch(self, gateway: str, wake: Wake) -> Callable[[], None]:
        """Have it called at every new state. The result ends that."""
        wakes = self._wakes.setdefault(gateway, set())
        wakes.add(wake)

        def end() -> None:
            wakes.discard(wake)
            if not wakes and self._wakes.get(gateway) is wakes:
                del self._wakes[gateway]

        return end

    def note(self, connection: int, node: NodeStatus | None) -> None:
        """Where the node of a connection stands; None when it is gone."""
        if node is None:
            self._nodes.pop(connection, None)
        else:
            self._nodes[connection] = node

    def nodes(self, gateway: str) -> tuple[NodeStatus, ...]:
        """The connected nodes of the gateway, by id."""
        found = (it for it in self._nodes.values() if it.gateway == gateway)
        return tuple(sorted(found, key=lambda it: it.node_id))
