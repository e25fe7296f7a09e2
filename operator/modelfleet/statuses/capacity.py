"""Which nodes are of which class, and what comes close where none is."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from modelfleet.fleet.nodes import Node
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.statuses.conditions import counted

MOST_REGIONS = 64
MOST_VALUES = 3
"""How many values of a label are told as a hint."""
MOST_TO_COMPARE = 500
"""Among more labels than these nobody looks for the nearest."""


class Capacity:
    """The nodes of a fleet, by the classes of hardware that they are of."""

    def __init__(self, snapshot: FleetSnapshot) -> None:
        self.unread = snapshot.unknown.get("Node")
        """Why nothing is known of nodes; None where something is."""
        self._nodes = snapshot.nodes
        self._holders: defaultdict[tuple[str, str], list[Node]] = defaultdict(list)
        self._values: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for node in self._nodes:
            for label, value in node.labels.items():
                self._holders[label, value].append(node)
                self._values[label][value] += 1
        self._hints: dict[str, str] = {}
        self._classes: defaultdict[str, list[str]] = defaultdict(list)
        for name, hardware in snapshot.classes.items():
            for node in self.nodes(hardware.spec.nodes.selector):
                self._classes[node.name].append(name)

    def nodes(self, selector: Mapping[str, str]) -> list[Node]:
        """The nodes that have all of these labels."""
        rarest = min((self._holders.get(label, []) for label in selector.items()), key=len, default=[])
        return [node for node in rarest if selector.items() <= node.labels.items()]

    def shared(self, name: str, nodes: Sequence[Node]) -> Counter[str]:
        """The other classes that some of these nodes, which are of this class, are of as well."""
        return Counter(other for node in nodes for other in self._classes.get(node.name, ()) if other != name)

    def nearest(self, selector: Mapping[str, str]) -> str:
        """What there is instead of a node with all of these labels."""
        if not self._nodes:
            return "there is no node at all"
        return "; ".join(self._missing(selector)) or "each label is on some node, and no node has all of them"

    def _missing(self, selector: Mapping[str, str]) -> Iterator[str]:
        for label, value in selector.items():
            values = self._values.get(label)
            if values is None:
                known = sorted(self._values) if len(self._values) <= MOST_TO_COMPARE else ()
                close = get_close_matches(label, known, n=1)
                yield f"no node has a label {label}" + (f' (did you mean "{close[0]}"?)' if close else "")
            elif value not in values:
                yield self._told(label, values)

    def _told(self, label: str, values: Mapping[str, int]) -> str:
        # Many classes ask for one label, and each for another value.
        if label not in self._hints:
            most = sorted(values.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_VALUES]
            self._hints[label] = "nodes have " + ", ".join(f"{label}={one} ({counted(n, 'node')})" for one, n in most)
        return self._hints[label]


def by_region(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """These nodes by region, as they stand in a status; those that name none are left out."""
    every = Counter(node.region for node in nodes if node.region)
    ready = Counter(node.region for node in nodes if node.ready)
    largest = sorted(every, key=lambda region: (-every[region], region))[:MOST_REGIONS]
    return [{"name": region, "matchingNodes": every[region], "readyNodes": ready[region]} for region in sorted(largest)]
