"""Statuses of small fleets, and the parts of them that tests ask for."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from modelfleet.compiler import compile_fleet
from modelfleet.findings import Key
from modelfleet.fleet.nodes import parse_node
from modelfleet.fleet.parse import Foreign, parse_object
from modelfleet.fleet.pods import parse_pod
from modelfleet.fleet.snapshot import FleetSnapshot, entries_of, snapshot_of
from modelfleet.fleet.standings import parse_standings
from modelfleet.fleet.times import seconds
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import parse_workload
from modelfleet.fleet.world import Endpoint, World
from modelfleet.placement.result import FleetPlacement, Placement, Share
from modelfleet.placement.stock import Stock
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from tests.support.documents import Document

GPU = Key("HardwareClass", "", "gpu")
M = Key("ModelDeployment", "default", "m")
P = Key("RoutingPolicy", "default", "p")
NOW = "2026-01-31T12:00:00Z"
REPLICA = (Endpoint("10.0.0.1", 80),)


class Said(NamedTuple):
    """One condition, as far as most tests care."""

    status: str
    reason: str
    message: str


@dataclass
class Cluster:
    """What the API server shows around the objects of a test."""

    nodes: list[Document] = field(default_factory=list)
    pods: list[Document] = field(default_factory=list)
    """Of the model `m`."""
    deployments: list[Document] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    standing: list[Document] = field(default_factory=list)
    """The classes in the status that the model `m` has."""
    refused: tuple[Trouble, ...] = ()
    """What cannot be made for it."""
    unwritten: bool = False
    """Whether what is wanted for it is not there yet."""
    plan: Callable[[FleetSnapshot], FleetPlacement] | None = None
    """Who says where replicas are to be."""
    ready: tuple[str, ...] = ("m",)
    """The models that have a replica which takes requests."""


def planned(*shares: Share, stuck: Collection[str] = ()) -> Callable[[FleetSnapshot], FleetPlacement]:
    """A plan that has the replicas of the model `m` there; of no model where nothing is given.

    On the `stuck` classes no new version of it can be rolled out.
    """
    placed = {M: Placement(shares, stuck=frozenset(stuck))} if shares else {}
    return lambda snapshot: FleetPlacement(placed, Stock(snapshot))


def statuses(*documents: Document, cluster: Cluster | None = None) -> dict[Key, dict[str, Any]]:
    """The status of each of these documents."""
    around = cluster or Cluster()
    parsed = [parse_object(_stored(raw)) for raw in documents]
    entries = {
        one.key: names for raw, one in zip(documents, parsed, strict=True) if (names := entries_of(raw)) is not None
    }
    ours = [one for one in parsed if not isinstance(one, Foreign)]
    snapshot = replace(
        snapshot_of(ours, entries, World(endpoints=dict.fromkeys(map(_model, around.ready), REPLICA))),
        nodes=tuple(node for raw in around.nodes if (node := parse_node(raw))),
        pods={M: tuple(pod for raw in around.pods if (pod := parse_pod(raw)))},
        workloads={M: tuple(one for raw in around.deployments if (one := parse_workload(raw)))},
        unknown=around.unknown,
        now=seconds(NOW),
        standing={M: parse_standings({"classes": around.standing})},
        refused={M: around.refused},
        unwritten=frozenset({M} if around.unwritten else ()),
    )
    placement = around.plan(snapshot) if around.plan else None
    return summarise(snapshot, map(judged_of, ours), compile_fleet(snapshot).findings, placement)


def _model(name: str) -> Key:
    return Key("ModelDeployment", "default", name)


def _stored(raw: Document) -> Document:
    """The document as the API server has it: the owner of what is there for the model `m`."""
    return {**raw, "metadata": {"uid": "uid-m", "generation": 3, **raw["metadata"]}}


def said(status: dict[str, Any], type_: str) -> Said:
    """What a status says of one condition."""
    (found,) = [one for one in status["conditions"] if one["type"] == type_]
    return Said(found["status"], found["reason"], found["message"])


def types(status: dict[str, Any]) -> list[str]:
    """The conditions of a status, in their order."""
    return [one["type"] for one in status["conditions"]]
