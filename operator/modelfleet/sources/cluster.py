"""A fleet as a cluster holds it: the snapshot that is compiled, and the objects that statuses are written on."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from modelfleet.findings import Key
from modelfleet.fleet.endpoints import Places
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.lastgood import OUTLASTING, Judgement
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.parse import Invalid, Valid
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.slices import Slice
from modelfleet.fleet.snapshot import FleetSnapshot, snapshot_of
from modelfleet.fleet.standings import Standing, parse_standings
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload
from modelfleet.fleet.world import Hidden, World
from modelfleet.sources.kinds import OURS
from modelfleet.sources.store import FleetStore

T = TypeVar("T", Pod, Workload, Slice)


@dataclass(frozen=True, slots=True)
class Holders:
    """The Secrets and ConfigMaps that are referred to, as far as they could be read."""

    names: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    """The names of their entries, also of those that are no text."""
    entries: Mapping[Key, Mapping[str, Hidden]] = field(default_factory=dict)
    absent: frozenset[Key] = frozenset()
    forbidden: Mapping[Key, str] = field(default_factory=dict)
    unread: Mapping[Key, str] = field(default_factory=dict)
    """Those that may be there, and why that cannot be told for now."""


def cluster_snapshot(
    store: FleetStore,
    objects: Iterable[Valid | Invalid],
    now: float = 0.0,
    refused: Mapping[Key, tuple[Trouble, ...]] | None = None,
    standing: Mapping[Key, Mapping[str, Standing]] | None = None,
) -> FleetSnapshot:
    """What the fleet is decided from, but for the Secrets and ConfigMaps that it refers to.

    `objects` are those of our kinds, `now` is the time in seconds since 1970, `refused` what of the models' children
    cannot be made, and `standing` how the classes stand with models of which that is known better than from statuses.
    """
    names = _names(store)
    nodes = sorted(_values(store, "Node", Node), key=lambda node: node.name)
    fleet, pods = snapshot_of(objects, {}), tuple(_values(store, "Pod", Pod))
    slices = _by_model(_values(store, "EndpointSlice", Slice), names)
    return replace(
        fleet,
        world=World(endpoints=Places(pods, nodes, fleet.classes).endpoints(slices), in_cluster=True),
        nodes=tuple(nodes),
        pods=_by_model(pods, names),
        workloads=_by_model(_values(store, "Deployment", Workload), names),
        unknown=unknown(store),
        now=now,
        standing=_standing(store, standing or {}),
        refused=dict(sorted((refused or {}).items())),
    )


def with_holders(snapshot: FleetSnapshot, holders: Holders) -> FleetSnapshot:
    """The same with what is known of these."""
    return replace(
        snapshot,
        entries=dict(sorted(holders.names.items())),
        world=replace(snapshot.world, secrets=holders.entries),
        absent=holders.absent,
        forbidden=holders.forbidden,
        unread=holders.unread,
    )


def parsed(store: FleetStore) -> Iterator[Valid | Invalid]:
    """The objects of our kinds, valid or not, in the order of their keys."""
    for watched in OURS:
        for _, sight in sorted(store.held(watched.kind).items()):
            if isinstance(sight.value, Valid | Invalid):
                yield sight.value


def unknown(store: FleetStore) -> dict[str, str]:
    """The kinds of which some could never be read, and why."""
    return {scope.watched.kind: why for scope, why in sorted(store.unread().items(), key=lambda one: str(one[0]))}


def _values(store: FleetStore, kind: str, of: type[Any]) -> Iterator[Any]:
    return (sight.value for sight in store.held(kind).values() if isinstance(sight.value, of))


def _standing(store: FleetStore, known: Mapping[Key, Mapping[str, Standing]]) -> dict[Key, Mapping[str, Standing]]:
    written = {key: sight.status for key, sight in store.held("ModelDeployment").items() if key not in known}
    read = {key: found for key, status in written.items() if (found := parse_standings(status))}
    return dict(sorted({**read, **known}.items()))


def _names(store: FleetStore) -> dict[tuple[str, str], Key]:
    """The models whose names are too long for a label, by their namespace and what the label says instead."""
    keys = store.held("ModelDeployment")
    return {(key.namespace, label): key for key in keys if (label := label_value(key.name)) != key.name}


def _by_model(values: Iterable[T], names: Mapping[tuple[str, str], Key]) -> dict[Key, tuple[T, ...]]:
    """What belongs to each model, by the model's own key."""
    found: dict[Key, list[T]] = defaultdict(list)
    for value in values:
        if value.model:
            plain = Key("ModelDeployment", value.key.namespace, value.model)
            found[names.get((plain.namespace, plain.name), plain)].append(value)
    return {key: tuple(sorted(found[key], key=lambda one: one.key)) for key in sorted(found)}


def judgements(store: FleetStore, objects: Iterable[Valid | Invalid]) -> dict[Key, Judgement]:
    """What the status of each of these objects says is in force."""
    held = {kind: store.held(kind) for kind in OUTLASTING}
    sights = ((one, held.get(one.key.kind, {}).get(one.key)) for one in objects)
    return {one.key: sight.judgement for one, sight in sights if sight and sight.judgement and sight.uid == one.uid}
