"""The Envoys of each gateway over all xds replicas: which count, and what each has of a policy."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from modelfleet.findings import Key
from modelfleet.fleet.reports import GatewayReport, Held, NodeReport, Refused, Report

AWAY_S = 10.0
"""So long an Envoy may be between two replicas, or find its feet: what it acknowledged it still has."""
COUNTED_S = 60.0
"""So long one that went is still counted, and missed."""


class Heard(NamedTuple):
    """A report that was heard some seconds ago."""

    report: Report
    age: float = 0.0
    lost: float | None = None
    """How long its replica has not answered any more; None where it does."""


@dataclass(frozen=True, slots=True)
class Group:
    """Envoys that one replica feeds, and the policies as it has them."""

    policies: Mapping[Key, Held]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayState:
    """The Envoys of one gateway."""

    groups: tuple[Group, ...] = ()
    """Those that have what their replica has, but for the exceptions."""
    behind: Mapping[Key, Mapping[str, Held | None]] = field(default_factory=dict)
    """The exceptions: by policy and Envoy what that has instead."""
    new: frozenset[str] = frozenset()
    """Those of them that have yet to acknowledge anything."""
    refused: Mapping[Key, Mapping[str, Refused]] = field(default_factory=dict)
    """By the object that it was made from, and by Envoy."""
    ailing: Mapping[str, Refused] = field(default_factory=dict)
    """What Envoys refuse that is made from no object: a port that is taken, for one."""
    cut_off: tuple[str, ...] = ()
    """Those that are to be counted, and of which nothing is known."""

    @property
    def total(self) -> int:
        """How many Envoys are counted."""
        return len(self.cut_off) + sum(len(group.ids) for group in self.groups)


@dataclass(frozen=True, slots=True)
class Reported:
    """What is known of all gateways."""

    gateways: Mapping[str, GatewayState] = field(default_factory=dict)
    """Those that are set up somewhere."""
    strangers: frozenset[str] = frozenset()
    """Others that Envoys ask for."""
    silence: str = "no gateway has reported yet"
    """Why nothing is known; empty where something is."""

    @property
    def behind(self) -> frozenset[tuple[str, Key]]:
        """By gateway the policies that some Envoy has not as they are to be."""
        return frozenset((name, key) for name, state in self.gateways.items() for key in state.behind)

    def serves(self, policy: Key, uid: str, generation: int) -> bool:
        """Whether some Envoy is to have exactly this version of a policy."""
        held = (group.policies.get(policy) for state in self.gateways.values() for group in state.groups)
        return any((one.uid, one.generation) == (uid, generation) for one in held if one)


def joined(heard: Iterable[Heard], pods: Mapping[str, Collection[str]]) -> Reported:
    """What all replicas tell, taken together. `pods` are the ready pods of each gateway: an Envoy has the name of its.

    Nothing but who tells what matters, so that the same words give the same value.
    """
    reports = tuple(heard)
    strangers = frozenset(name for one in reports for name in one.report.strangers)
    told: dict[str, list[tuple[Heard, GatewayReport]]] = defaultdict(list)
    for one in reports:
        for name, gateway in one.report.gateways.items():
            told[name].append((one, gateway))
    states = {name: _state(found, pods.get(name, ())) for name, found in sorted(told.items())}
    return Reported(states, strangers - states.keys(), "")


class _Word(NamedTuple):
    """What one replica says of one Envoy, and how much that counts beside what others say."""

    rank: int
    closeness: float
    gateway: GatewayReport
    node: NodeReport


_NOTHING, _FRESH, _AWAY, _SURE = range(4)


def _state(told: list[tuple[Heard, GatewayReport]], pods: Collection[str]) -> GatewayState:
    words = _words(told)
    behind: dict[Key, dict[str, Held | None]] = defaultdict(dict)
    refused: dict[Key, dict[str, Refused]] = defaultdict(dict)
    ailing: dict[str, Refused] = {}
    for name, word in words.items():
        for key, had in word.node.behind.items() if word.rank else ():
            behind[key][name] = had
        for one in word.node.refused if word.rank else ():
            for key in one.owners:
                refused[key][name] = one
            if not one.owners:
                ailing[name] = one
    new = frozenset(name for name, word in words.items() if word.rank and word.node.new)
    lost = {name for name, word in words.items() if not word.rank} | (set(pods) - words.keys())
    groups = tuple(_groups(told, words))
    return GatewayState(groups, dict(behind), new, dict(refused), ailing, tuple(sorted(lost)))


def _groups(told: list[tuple[Heard, GatewayReport]], words: Mapping[str, _Word]) -> Iterator[Group]:
    for _, gateway in told:
        ids = tuple(name for name, word in words.items() if word.rank and word.gateway is gateway)
        if ids:
            yield Group(gateway.policies, ids)


def _words(told: list[tuple[Heard, GatewayReport]]) -> dict[str, _Word]:
    """The word that counts on each Envoy, in the order of their names."""
    best: dict[str, _Word] = {}
    for heard, gateway in told:
        for node in gateway.nodes:
            word = _word(heard, gateway, node)
            if word and (node.id not in best or word[:2] > best[node.id][:2]):
                best[node.id] = word
    return dict(sorted(best.items()))


def _word(heard: Heard, gateway: GatewayReport, node: NodeReport) -> _Word | None:
    """None for an Envoy that is not counted any more."""
    seconds = node.seconds + heard.age
    if node.connected and heard.lost is None:
        # Who has come and not yet said anything may have come from another replica, whose word counts for a while.
        rank = _SURE if node.settled else _FRESH if seconds <= AWAY_S else _NOTHING
        return _Word(rank, -seconds, gateway, node)
    gone = heard.lost or 0.0 if node.connected else seconds
    if gone > COUNTED_S:
        return None
    return _Word(_AWAY if gone <= AWAY_S else _NOTHING, -gone, gateway, node)
