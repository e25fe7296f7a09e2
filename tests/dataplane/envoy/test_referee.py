"""Many policies, upstreams and requests made up by chance: the real Envoy does with each what the rules say."""

import time
from collections.abc import Callable

import pytest

from tests.dataplane.referee.arena import Arena, Seen
from tests.dataplane.referee.pairs import Pair, pairs
from tests.dataplane.referee.verdict import differences, explained, lateness_ms
from tests.sizes import scale

SIZE = 300
SHOWN = 5
LATE_MS = 40.0
AGAIN = 2
BUDGET_S = 10.5
"""After that a policy has forgotten what it repeated."""


def disagreements(arena: Arena, made: list[Pair], at_once: int) -> list[tuple[Pair, Seen]]:
    return [(pair, seen) for pair, seen in zip(made, arena.ask(made, at_once), strict=True) if differences(pair, seen)]


def excused(wrong: list[tuple[Pair, Seen]]) -> list[Pair]:
    """Those that say nothing of Envoy, for the machine itself was late. They are asked again, and less at once."""
    return [pair for pair, seen in wrong if lateness_ms(pair, seen) > LATE_MS]


@pytest.mark.alone
@pytest.mark.parametrize("seed", range(scale(1, 17)))
def test_a_real_envoy_does_what_the_rules_say(seed: int, evidence: Callable[..., None]) -> None:
    made = pairs(seed, SIZE)
    with Arena(made) as arena:
        wrong = disagreements(arena, made, 32)
        for _ in range(AGAIN):
            if again := excused(wrong):
                time.sleep(BUDGET_S)
                names = {pair.name for pair in again}
                wrong = [(pair, seen) for pair, seen in wrong if pair.name not in names]
                wrong += disagreements(arena, again, 4)
        evidence(pairs=len(made), disagreements=len(wrong))
        told = "\n\n".join(explained(pair, seen) for pair, seen in wrong[:SHOWN])
        assert not wrong, f"{len(wrong)} of {SIZE} with the seed {seed}, of which the first are\n{told}"
