"""How many replicas find room on nodes, and how that shrinks while some of it is promised."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from modelfleet.fleet.requests import Requests

PLENTY = 1_000_000
"""As many as anybody could want."""

Amounts = Mapping[str, int]
"""Thousandths by the name of the resource."""


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """Replicas of one size, and the nodes that may take them. Two lots are the same only as objects."""

    need: Requests
    """What one replica takes on a node; nothing where nodes cannot tell how many they hold."""
    nodes: tuple[str, ...]


def fitting(need: Requests, free: Amounts) -> int:
    """How many times this much can be taken from what is free."""
    return max(0, min((free.get(name, 0) // amount for name, amount in need), default=PLENTY))


class Ledger:
    """What is free on each node."""

    def __init__(self, free: Mapping[str, Amounts]) -> None:
        self._free = {node: dict(amounts) for node, amounts in free.items()}
        self._rooms: dict[Lot, dict[str, int]] = {}
        self._totals: dict[Lot, int] = {}
        self._lots: defaultdict[str, list[Lot]] = defaultdict(list)

    def room(self, lot: Lot) -> int:
        """How many replicas more fit, each on one node: eight units on eight nodes are no room for one of eight."""
        if lot not in self._totals:
            self._open(lot)
        return self._totals[lot]

    def take(self, lot: Lot, count: int) -> None:
        """Takes the room of so many replicas, or of as many as there is room for, the first nodes first."""
        count = min(count, self.room(lot))
        rooms = self._rooms[lot]
        for node in list(rooms) if count else ():
            here = min(count, rooms[node])
            free = self._free[node]
            for name, amount in lot.need:
                free[name] -= amount * here
            self._recount(node)
            count -= here
            if not count:
                break

    def _open(self, lot: Lot) -> None:
        rooms = {node: room for node in lot.nodes if (room := fitting(lot.need, self._free[node]))}
        self._rooms[lot], self._totals[lot] = rooms, sum(rooms.values())
        for node in rooms:
            self._lots[node].append(lot)

    def _recount(self, node: str) -> None:
        for lot in self._lots[node]:
            rooms = self._rooms[lot]
            before, after = rooms.get(node, 0), fitting(lot.need, self._free[node])
            self._totals[lot] += after - before
            if after:
                rooms[node] = after
            else:
                rooms.pop(node, None)
