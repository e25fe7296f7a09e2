"""What xds replicas tell of their gateways, as values. They may be of another version: what is odd is not said."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from modelfleet.findings import Key, printable
from modelfleet.fleet.raw import count, mapping, mappings, text, words

POLICY = "RoutingPolicy"


class Held(NamedTuple):
    """A policy as a gateway has it."""

    uid: str
    generation: int
    """0 where it has something, or nothing, of which the replica does not know."""
    revision: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What an Envoy does not take."""

    type: str
    names: tuple[str, ...]
    message: str
    owners: frozenset[Key]
    """The objects that it was made from; none for what is the gateway's own."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One Envoy."""

    id: str
    connected: bool
    settled: bool
    """Whether it has acknowledged anything since it connected."""
    new: bool
    """Whether its replica knows of no policy that it has."""
    seconds: float
    """Since it connected, or went."""
    behind: Mapping[Key, Held | None]
    """The policies that it has not as they are to be, and what it has instead."""
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What a replica has for a gateway, and the Envoys of it."""

    policies: Mapping[Key, Held]
    nodes: tuple[NodeReport, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What one replica tells."""

    number: int
    """Until there is another one, nothing has changed."""
    gateways: Mapping[str, GatewayReport]
    strangers: frozenset[str]
    """Gateways that Envoys ask for, and that are not set up there."""


def parse_report(raw: Any) -> Report | None:
    """The report, or None where it is none."""
    raw = mapping(raw)
    if raw.get("v") != 1:
        return None
    gateways = {text(one.get("name")): _gateway(one) for one in mappings(raw.get("gateways"))}
    named = raw.get("strangers")
    strangers = frozenset(printable(text(one)) for one in (named if isinstance(named, list) else ()))
    return Report(count(raw.get("number")), gateways, strangers)


def _gateway(raw: Mapping[str, Any]) -> GatewayReport:
    policies = {_policy(one): held for one in mappings(raw.get("policies")) if (held := _held(one))}
    return GatewayReport(policies, tuple(_node(one) for one in mappings(raw.get("nodes"))))


def _node(raw: Mapping[str, Any]) -> NodeReport:
    return NodeReport(
        id=printable(text(raw.get("id"))),
        connected=raw.get("connected") is True,
        settled=raw.get("settled") is True,
        new=raw.get("new") is True,
        seconds=_seconds(raw.get("seconds")),
        behind={_policy(one): _held(one.get("has")) for one in mappings(raw.get("behind"))},
        refused=tuple(_refused(raw)),
    )


def _refused(raw: Mapping[str, Any]) -> Iterator[Refused]:
    for one in mappings(raw.get("refused")):
        names = one.get("names")
        owners = (Key(text(it.get("kind")), text(it.get("namespace")), text(it.get("name"))) for it in _owners(one))
        yield Refused(
            type=text(one.get("type")),
            names=tuple(printable(text(name)) for name in (names if isinstance(names, list) else ())),
            message=printable(words(one.get("message"))),
            owners=frozenset(owners),
        )


def _owners(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return mappings(raw.get("owners"))


def _seconds(value: Any) -> float:
    try:
        seconds = float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        seconds = math.inf
    return 0.0 if math.isnan(seconds) else max(seconds, 0.0)


def _policy(raw: Mapping[str, Any]) -> Key:
    return Key(POLICY, text(raw.get("namespace")), text(raw.get("name")))


def _held(raw: Any) -> Held | None:
    one = mapping(raw)
    revision = printable(words(one.get("revision")))
    return Held(text(one.get("uid")), count(one.get("generation")), revision) if one else None
