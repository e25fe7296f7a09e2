"""A fleet on its way to a gateway, with all that must hold before anything is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.findings import Finding, Key, Path, Reason, Severity
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.parse import Foreign, Invalid, Parsed, Valid, parse_object
from modelfleet.fleet.secrets import hidden_entries
from modelfleet.fleet.snapshot import FleetSnapshot, entries_of, snapshot_of
from modelfleet.fleet.world import Endpoint, Gateway, Hidden, World
from tests.dataplane.support.client import Address
from tests.dataplane.support.gateway import NAME
from tests.support.hostile.names import PORT

OTHER = "other"
"""A gateway that is compiled for and that nobody runs."""


@dataclass(frozen=True)
class Place:
    """Where a fleet is compiled for: its gateway, and who answers for all of its models."""

    gateway: Gateway
    upstream: Address


@dataclass(frozen=True)
class Compiled:
    """What became of it."""

    plan: FleetPlan
    parsed: list[Parsed]
    faults: list[str]


def compiled(documents: Iterable[Any], place: Place, before: InForce | None = None) -> Compiled:
    """Parses and compiles, as a process that was just started or as one that knows the fleet."""
    raws = [placed(raw, place.upstream[1]) for raw in documents]
    parsed = [parse_object(raw) for raw in raws]
    snapshot = _snapshot(raws, parsed, place)
    plan = compile_fleet(snapshot, before)
    faults = [f"a fault of ours: {defect}" for defect in plan.defects]
    for raw, item in zip(raws, parsed, strict=True):
        faults += _unexplained(raw, item)
    faults += _silently_left_out(parsed, snapshot, plan)
    faults += _unsound(raws, parsed, plan)
    return Compiled(plan, parsed, faults)


def placed(raw: Any, port: int) -> Any:
    """The document with the port of whoever answers in place of the one that names stand for."""
    try:
        url = raw["spec"]["external"]["url"]
    except (KeyError, TypeError, IndexError):
        return raw
    if not isinstance(url, str):
        return raw
    spec = {**raw["spec"], "external": {**raw["spec"]["external"], "url": url.replace(f":{PORT}", f":{port}", 1)}}
    return {**raw, "spec": spec}


def _snapshot(raws: list[Any], parsed: list[Parsed], place: Place) -> FleetSnapshot:
    entries: dict[Key, frozenset[str]] = {}
    secrets: dict[Key, dict[str, Hidden]] = {}
    for raw, item in zip(raws, parsed, strict=True):
        names = entries_of(raw)
        if names is not None:
            entries.setdefault(item.key, names)
            secrets.setdefault(item.key, dict(hidden_entries(raw)))
    known = snapshot_of(parsed, entries)
    replicas = (Endpoint(*place.upstream, "local"),)
    endpoints = {key: replicas for key, model in known.models.items() if has_replica(model)}
    return snapshot_of(parsed, entries, World({NAME: place.gateway, OTHER: Gateway(OTHER)}, endpoints, secrets))


def has_replica(model: Any) -> bool:
    """A model that asks for no replica has none."""
    return not (model.spec.scale and model.spec.scale.replicas == 0)


def _unsound(raws: list[Any], parsed: list[Parsed], plan: FleetPlan) -> list[str]:
    """What is said of valid objects beside each other, where the words or the place are not sound."""
    valid = {item.key: raw for raw, item in reversed([*zip(raws, parsed, strict=True)]) if isinstance(item, Valid)}
    wrong = [it for it in plan.findings if it.subject not in valid or not _is_sound(valid[it.subject], it.subject, it)]
    return [f"{found}: not a sound finding" for found in wrong]


def _unexplained(raw: Any, item: Parsed) -> list[str]:
    """What is wrong with the words about an object that was refused."""
    if not isinstance(item, Invalid):
        return []
    if not item.findings:
        return [f"{item.key} is refused without a word"]
    return [f"{found}: not a sound finding" for found in item.findings if not _is_sound(raw, item.key, found)]


def _is_sound(raw: Any, key: Key, found: Finding) -> bool:
    names_a_field = bool(found.path) or not isinstance(raw, dict) or found.reason is Reason.UNKNOWN_KIND
    return (
        found.subject == key
        and bool(found.message.strip())
        and found.message.isprintable()
        and names_a_field
        and _begins_in(raw, found.path)
    )


def _begins_in(raw: Any, path: Path) -> bool:
    """Whether all but the last step of a path leads somewhere: a field that is missing is not there itself."""
    for step in path[:-1]:
        if isinstance(raw, dict):
            raw = {_whole(key): value for key, value in raw.items()}
        if not isinstance(raw, dict | list) or (isinstance(raw, dict) and step not in raw):
            return False
        raw = raw[step]  # type: ignore[index]
    return True


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _silently_left_out(parsed: list[Parsed], snapshot: FleetSnapshot, plan: FleetPlan) -> list[str]:
    """Valid objects that are not in force although nothing is said of them."""
    told = {it.subject for it in plan.findings if it.severity is Severity.ERROR or it.reason is Reason.UNSUPPORTED}
    serving = {*plan.in_force.models, *plan.in_force.policies}
    valid = {*snapshot.models, *snapshot.policies}
    lost = [f"{key} is left out without a word" for key in sorted(valid - serving - told)]
    ghosts = serving - {item.key for item in parsed if not isinstance(item, Foreign)}
    return [*lost, *(f"{key} is in force and nobody declares it" for key in sorted(ghosts))]


def refused(items: Iterable[Parsed]) -> int:
    return sum(isinstance(item, Invalid) for item in items)


def objects(items: Iterable[Parsed]) -> int:
    return sum(isinstance(item, Valid | Invalid) for item in items)
