"""Nodes, as far as classes of hardware want to know: labels, readiness and what they hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.fleet.labels import REGION, ZONE
from modelfleet.fleet.raw import condition, identity, mapping, mappings, text, texts


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node that do not tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster."""

    name: str
    uid: str
    labels: Mapping[str, str]
    ready: bool
    schedulable: bool
    """Whether it takes new pods, cordoned ones do not."""
    allocatable: Mapping[str, str]
    taints: tuple[Taint, ...]

    @property
    def region(self) -> str:
        """The region that it is in, empty where nobody says."""
        return self.labels.get(REGION, "")

    @property
    def zone(self) -> str:
        """The zone that it is in, likewise."""
        return self.labels.get(ZONE, "")


def parse_node(raw: Any) -> Node | None:
    """The node, or None where it has no name. Never raises."""
    known = identity(raw, "Node")
    if known is None:
        return None
    key, metadata = known
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    return Node(
        name=key.name,
        uid=text(metadata.get("uid")),
        labels=texts(metadata.get("labels")),
        ready=condition(status, "Ready").get("status") == "True",
        schedulable=spec.get("unschedulable") is not True,
        allocatable=texts(status.get("allocatable")),
        taints=tuple(
            Taint(text(taint.get("key")), text(taint.get("value")), text(taint.get("effect")))
            for taint in mappings(spec.get("taints"))
        ),
    )
