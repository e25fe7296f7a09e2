"""What is down, and what must go on meanwhile: the rules that say so, and the rows that are held against them.

Two gateways are looked at. The Envoy of one speaks to the xds replicas, that of the other to a relay beside it. A row
is a number of stages: in each some parts are down, and from one to the next some come back. After the last all is up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import combinations, product
from typing import NamedTuple

DIRECT, RELAYED = GATEWAYS = ("direct", "relayed")

AT_ONCE_S = 5.0
"""For an edit to be in force, and for a gateway that was killed to serve again."""
FOUND_S = 30.0
"""The same where it has to be found out first that a replica which takes connections says nothing any more."""
TOLD_S = 15.0
"""Until a status does not say of Envoys that they have a policy, when those cannot be told anything any more."""
TOLD_OF_FROZEN_S = 60.0
"""The same where nothing broke, and somebody has only become silent."""
RECOVERED_S = 10.0
"""Until what was edited is in force again after all is back."""
SETTLED_S = 30.0
"""Until statuses are right again: a Lease of one that was killed runs out first."""


class Part(Enum):
    """What can be down. In the order in which it can be brought back."""

    ETCD = "etcd"
    API = "API server"
    ONE_XDS = "one xds"
    XDS = "all xds"
    OPERATOR = "operator"
    RELAY = "relay"
    GATEWAY = "gateway"


class Down(NamedTuple):
    """A part, and how it is down: killed, or frozen, so that it takes connections and answers nobody."""

    part: Part
    frozen: bool = False

    def __str__(self) -> str:
        return self.part.value + (" (frozen)" if self.frozen else "")


ETCD, API, ONE_XDS, XDS, OPERATOR, RELAY, GATEWAY = map(Down, Part)
Stage = frozenset[Down]


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be so in a stage. The gateways that are named must do it, and the others cannot."""

    takes_edits: bool
    """Whether the API server takes an edit."""
    followed_by: frozenset[str]
    """The gateways at which an edit, once taken, is in force at once."""
    restarted: frozenset[str]
    """The gateways of which an Envoy that is killed serves again."""
    within_s: float
    """How long both may take."""
    told: bool
    """Whether statuses are written."""
    steady: bool
    """Whether nothing happens of which the status of an unedited policy would have to tell."""
    told_within_s: float
    """How long such a status may go on saying that a policy is in force where nobody knows any more."""


def expected(down: Stage, *, cold: bool = False) -> Expected:
    """What must be so. `cold` is where all xds replicas were started while the API server was away.

    Requests are not spoken of: a gateway loses none in any stage, but for the time in which its Envoy does not run.
    """
    parts = {one.part for one in down}
    frozen = {one.part for one in down if one.frozen}
    # Edits are the API server's, and it keeps nothing that etcd does not.
    takes_edits = not parts & {Part.API, Part.ETCD}
    # One replica is as good as two. One that has read nothing yet must not speak: it would tell gateways that there is
    # nothing. Whoever has read all goes on without an API server.
    central = Part.XDS not in parts and not cold
    lost = {DIRECT, RELAYED} if Part.GATEWAY in parts else {RELAYED} if Part.RELAY in parts else set()
    reached = {DIRECT, RELAYED} - lost if central else set()
    # A relay has all that its gateway needs, on disk if need be. Who has none starts with what an xds has.
    restarted = {DIRECT, RELAYED} - lost - (set() if central else {DIRECT})
    return Expected(
        takes_edits=takes_edits,
        followed_by=frozenset(reached),
        restarted=frozenset(restarted),
        within_s=FOUND_S if Part.ONE_XDS in frozen else AT_ONCE_S,
        told=takes_edits and Part.OPERATOR not in parts,
        steady=len(reached) == len(GATEWAYS) and Part.ONE_XDS not in parts,
        told_within_s=TOLD_OF_FROZEN_S if frozen & {Part.XDS, Part.RELAY, Part.GATEWAY} else TOLD_S,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix."""

    stages: tuple[Stage, ...]
    why: str
    """What it is about, that the rules alone do not say."""
    waits: bool = False
    """Whether it waits until statuses tell of gateways that nobody reaches."""
    falls: bool = False
    """Whether a replica dies in the first stage, too: gateways have to help themselves."""
    usual: bool = True
    """Whether it belongs to every run, and not only to one at evidence size."""

    def __str__(self) -> str:
        return ", then ".join(" + ".join(map(str, sorted(stage, key=_order))) for stage in self.stages)


def _order(down: Down) -> int:
    return list(Part).index(down.part)


def _frozen(*downs: Down) -> Stage:
    return frozenset(down._replace(frozen=True) for down in downs)


def _killed(*downs: Down) -> Stage:
    return frozenset(downs)


def _only(why: str, *downs: Down, waits: bool = False, falls: bool = False, usual: bool = True) -> Row:
    return Row((_killed(*downs),), why, waits, falls, usual)


ROWS = (
    _only("an edit waits for the server, everything else does not notice", API, usual=False),
    Row((_frozen(API),), "who asks it gets no answer instead of an error, and holds its watches for good"),
    _only("the API server is up and takes nothing", ETCD),
    Row((_frozen(ETCD),), "the API server waits for it with every write", usual=False),
    _only("who programs gateways asks the API server itself", OPERATOR),
    Row((_frozen(OPERATOR),), "it wakes up to a Lease that may have run out", usual=False),
    _only("whom it served goes to the other one", ONE_XDS),
    Row((_frozen(ONE_XDS),), "whom it served has to find out that it is silent", usual=False),
    _only("gateways keep what they have, and statuses do not go on for ever as if they could be told", XDS, waits=True),
    Row((_frozen(XDS),), "the same, where connections to them stay", waits=True, usual=False),
    _only("its gateway keeps what it has, and comes back with it", RELAY),
    Row((_frozen(RELAY),), "the same, where its gateway waits for it", waits=True, usual=False),
    _only("an Envoy that is gone is told of as long as it is missed", GATEWAY, waits=True, usual=False),
    Row((_frozen(GATEWAY),), "an Envoy that sleeps has what it acknowledged, and nothing newer", usual=False),
    Row((_killed(API, XDS), _killed(API)), "replicas that cannot read the cluster do not speak: D07, B02", falls=True),
    Row((_killed(ETCD, XDS), _killed(ETCD)), "nor do those that can read and may be told half of it", usual=False),
    Row((_killed(XDS, GATEWAY), _killed(XDS)), "a gateway starts while nobody can tell it anything: D05", usual=False),
    Row((_killed(XDS, RELAY, GATEWAY), _killed(XDS)), "its whole pod starts then, from what is on disk", usual=False),
    Row((_killed(ETCD, GATEWAY), _killed(ETCD)), "a gateway starts while nothing can be stored", usual=False),
    _only("all that programs gateways is down: D06", API, XDS, OPERATOR, falls=True, usual=False),
    Row(
        (_killed(*map(Down, set(Part) - {Part.ONE_XDS})), _killed(ETCD, API, XDS, OPERATOR)),
        "the power fails, and the gateways' pods are back first",
    ),
)
_HOW = tuple(product((False, True), repeat=2))


def pairs() -> Iterator[Row]:
    """All pairs of parts, each of which is killed or frozen."""
    for one, other in combinations(Part, 2):
        if {one, other} != {Part.ONE_XDS, Part.XDS}:
            for frozen, also in _HOW:
                yield Row((frozenset({Down(one, frozen), Down(other, also)}),), "no two faults make a third one")


def rows(*, all_pairs: bool) -> list[Row]:
    """The rows of a run."""
    if not all_pairs:
        return [row for row in ROWS if row.usual]
    known = {row.stages for row in ROWS}
    return [*ROWS, *(row for row in pairs() if row.stages not in known)]
