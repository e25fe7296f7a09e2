"""Added latency: requests at a fixed rate, which waits for no answer, compared with asking the engine directly."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.bodies import SIZES
from tests.bench.costs import Progress
from tests.bench.envoys import READER
from tests.bench.ours import ALIAS
from tests.bench.report import Row, Spread, percentile
from tests.bench.rounds import added, turns
from tests.bench.stage import DIRECT, SEED, Stage
from tests.bench.traffic import Load, Outcome, over_capacity

HEADROOM = 0.8
"""Nobody is asked for more than this part of what its core can serve: that would be a measurement of a queue."""
CONNECTIONS = 32
PARTS = {"p50": 0.5, "p99": 0.99}


@dataclass(frozen=True)
class Setting:
    """One rate of one kind of request."""

    size: str
    streams: bool
    rate: float
    seconds: float = 1.0

    def __str__(self) -> str:
        return f"{self.size} {'streams' if self.streams else 'JSON'} at {self.rate:,g}/s"


SETTINGS = [
    *(Setting(size, False, 100) for size in SIZES),
    Setting("8 KB", False, 1000),
    *(Setting(size, True, 50) for size in SIZES),
]
SLOW = [Setting("8 KB", False, 20, 2), Setting("8 KB", True, 5, 3)]
"""For whoever cannot bear the others, beside ourselves."""


@dataclass
class Delays:
    """Of one target in one setting: microseconds on top of the engine's own."""

    parts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu_us: list[float] = field(default_factory=list)
    completed: int = 0
    failed: int = 0
    behind: int = 0
    known: str = ""
    """Why it was not asked at all."""

    @property
    def over(self) -> str:
        """A round in which a busy machine did not keep up is left out; only most of them speak against the target."""
        return self.known or ("over capacity" if self.behind > len(self.cpu_us) else "")

    def row(self, setting: Setting, name: str) -> Row:
        row: dict[str, Any] = {"load": str(setting), "target": name}
        if self.over:
            return row | {"added p50 us": self.over}
        row |= {f"added {part} us": Spread(values) for part, values in self.parts.items()}
        return row | {"CPU us": Spread(self.cpu_us), "requests": self.completed, "failed": self.failed}


def delays(up: Stage, rounds: int, progress: Progress) -> list[Row]:
    """A row for each setting and target. Of a stream it is the first byte that counts."""
    targets = [name for name in up.targets if name not in (DIRECT, READER)]
    found = {(setting, name): Delays(known=_known(up, setting, name)) for setting in SETTINGS for name in targets}
    slow = {name for (_, name), of in found.items() if of.known}
    found |= {(setting, name): Delays() for setting in SLOW for name in targets if name in {*slow, ALIAS}}
    rng = random.Random(SEED)
    for number in range(rounds):
        began = time.monotonic()
        for setting in (*SETTINGS, *SLOW):
            _play(up, setting, {name: of for (one, name), of in found.items() if one == setting and not of.known}, rng)
        progress(number, time.monotonic() - began)
    return [of.row(setting, name) for (setting, name), of in found.items()]


def _known(up: Stage, setting: Setting, name: str) -> str:
    """Whether it is more than the target can serve, where its costs have been measured."""
    each = up.each_us.get((name, setting.size, setting.streams))
    most = 1e6 / each if each else setting.rate / HEADROOM
    return f"over capacity ({most:,.0f}/s)" if most * HEADROOM < setting.rate else ""


def _play(up: Stage, setting: Setting, found: dict[str, Delays], rng: random.Random) -> None:
    bodies = up.bodies(setting.size, streams=setting.streams)
    load = Load(setting.size, bodies, setting.streams, CONNECTIONS, setting.seconds, setting.rate)
    for turn in turns(up.play(load, list(found), [DIRECT], rng), [DIRECT]):
        of = found[turn.name]
        if over_capacity(load, turn.found):
            of.behind += 1
            continue
        of.cpu_us.append(turn.found.cpu_each)
        of.completed += turn.found.completed
        of.failed += turn.found.failed
        for part, late in _added(turn.found, turn.before[DIRECT], turn.after[DIRECT]):
            of.parts[part].append(late)


def _added(found: Outcome, before: Outcome, after: Outcome) -> Iterator[tuple[str, float]]:
    for part, share in PARTS.items():
        yield part, added(*(percentile(_times(one), share) for one in (found, before, after)))


def _times(found: Outcome) -> Sequence[float]:
    return found.first_byte or found.latency
