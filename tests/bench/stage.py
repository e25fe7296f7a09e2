"""Everything that a measurement of the request path needs, up at the same time, and one setting played on it."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import envoys, ours
from tests.bench.bodies import SIZES, write_bodies
from tests.bench.peers import haproxy, litellm, vllm_router
from tests.bench.rounds import ordered
from tests.bench.traffic import Load, Missing, Outcome, Target, measure, program, stub

SEED = 7
WARM_S = 0.2
EVERY = 3
"""So many targets stand between two runs of a reference."""
DIRECT = "direct"

Start = Callable[[Path, str], AbstractContextManager[Target]]
PEERS: dict[str, Start] = {
    haproxy.NAME: haproxy.haproxy,
    vllm_router.NAME: vllm_router.vllm_router,
    litellm.NAME: litellm.litellm,
}
STARTS: dict[str, Start] = {
    envoys.PLAIN: envoys.plain,
    envoys.READER: envoys.reader,
    **PEERS,
    # Last, because gRPC grumbles at every child that is started by a process in which it runs.
    ours.ALIAS: lambda _, engine: ours.alias(engine),
    ours.REWRITE: lambda _, engine: ours.rewrite(engine),
}


@dataclass(frozen=True)
class Stage:
    """What is up."""

    wire: Path
    folder: Path
    targets: dict[str, Target] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    each_us: dict[tuple[str, str, bool], float] = field(default_factory=dict)
    """What a request costs of the core, by target, size and whether it is a stream: the most that it can serve."""

    def bodies(self, size: str, *, streams: bool) -> Path:
        folder = self.folder / f"{size.replace(' ', '')}-{'streams' if streams else 'json'}"
        return folder if folder.exists() else write_bodies(folder, SIZES[size], streams=streams, seed=SEED)

    @property
    def versions(self) -> dict[str, str]:
        return {target.name: target.version for target in self.targets.values() if target.version}

    def warm_up(self) -> None:
        """Everybody has served all sizes before anybody is measured: what compiles at run time has then done so."""
        for size in SIZES:
            load = Load(size, self.bodies(size, streams=False), seconds=WARM_S)
            for target in self.targets.values():
                measure(self.wire, target, load)

    def play(
        self, load: Load, names: Sequence[str], references: Sequence[str], rng: random.Random
    ) -> list[tuple[str, Outcome]]:
        """One round of one setting, in the order in which it ran."""
        order = ordered(names, references, EVERY, rng)
        return [(name, measure(self.wire, self.targets[name], load)) for name in order]


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Starts all, and leaves out a peer that cannot be had. Raises Missing where the load generator cannot."""
    wire = program()
    with ExitStack() as stack:
        engine = stack.enter_context(stub(wire))
        found = Stage(wire, folder / "bodies", {DIRECT: Target(DIRECT, engine)})
        for name, start in STARTS.items():
            own = folder / name.replace(" ", "-")
            own.mkdir(parents=True)
            try:
                found.targets[name] = stack.enter_context(start(own, engine))
            except Missing as error:
                if name not in PEERS:
                    raise
                found.missing.append(f"{name} took no part: {' '.join(str(error).split())}")
        found.warm_up()
        yield found
