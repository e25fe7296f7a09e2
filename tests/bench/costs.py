"""CPU per request: every target kept busy in turn, and compared with plain Envoy just before and after."""

import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.bodies import SIZES
from tests.bench.cores import resident_mb
from tests.bench.envoys import PLAIN
from tests.bench.report import Row, Spread
from tests.bench.rounds import ratio, turns
from tests.bench.stage import DIRECT, SEED, Stage
from tests.bench.traffic import Load, Outcome

SECONDS = 0.8
CONNECTIONS = {"0.5 KB": 16, "8 KB": 16, "64 KB": 16, "512 KB": 8}

BySize = dict[str, list[float]]
Progress = Callable[[int, float], None]


def _by_size() -> BySize:
    return defaultdict(list)


@dataclass
class Costs:
    """Of one target."""

    ratios: BySize = field(default_factory=_by_size)
    each_us: BySize = field(default_factory=_by_size)
    completed: int = 0
    failed: int = 0

    def take(self, size: str, found: Outcome) -> None:
        self.each_us[size].append(found.cpu_each)
        self.completed += found.completed
        self.failed += found.failed

    def row(self, name: str, memory: float) -> Row:
        row: dict[str, Any] = {"target": name}
        row |= {size: Spread(self.ratios[size]) if self.ratios[size] else 1 for size in self.each_us}
        row |= {f"us {size}": median(values) for size, values in self.each_us.items()}
        return row | {"requests": self.completed, "failed": self.failed, "MB": round(memory)}


def costs(up: Stage, rounds: int, progress: Progress, *, streams: bool) -> list[Row]:
    """A row for each target: CPU as a multiple of plain Envoy's, by size. The stage then knows what each can bear."""
    found: dict[str, Costs] = {name: Costs() for name in up.targets if name != DIRECT}
    rng = random.Random(SEED)
    for number in range(rounds):
        began = time.monotonic()
        for size in SIZES:
            connections = 8 if streams else CONNECTIONS[size]
            _play(up, Load(size, up.bodies(size, streams=streams), streams, connections, SECONDS), found, rng)
        progress(number, time.monotonic() - began)
    for name, of in found.items():
        up.each_us.update({(name, size, streams): median(values) for size, values in of.each_us.items()})
    return [of.row(name, resident_mb(up.targets[name].pid)) for name, of in found.items()]


def _play(up: Stage, load: Load, found: dict[str, Costs], rng: random.Random) -> None:
    runs = up.play(load, [name for name in found if name != PLAIN], [PLAIN], rng)
    for name, outcome in runs:
        found[name].take(load.size, outcome)
    for turn in turns(runs, [PLAIN]):
        around = turn.before[PLAIN].cpu_each, turn.after[PLAIN].cpu_each
        found[turn.name].ratios[load.size].append(ratio(turn.found.cpu_each, *around))
