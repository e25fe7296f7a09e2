"""Which requests go wrong, and how: drawn from the seed and the request's number, so that it can be repeated."""

from dataclasses import dataclass

from modelfleet.engines_sim.behaviour import Behaviour
from modelfleet.engines_sim.chance import picked


class Broken(Exception):
    """The answer ends here. With `reset` nothing of it is sent at all; without, what was sent arrives first."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Faults:
    """What befalls one request."""

    fail: bool
    reset: bool
    truncate: bool


def drawn(behaviour: Behaviour, number: int) -> Faults:
    """The faults of the request with this number."""
    seed = behaviour.seed
    return Faults(
        fail=picked(behaviour.fail_rate, "fail", seed, number),
        reset=picked(behaviour.reset_rate, "reset", seed, number),
        truncate=picked(behaviour.truncate_rate, "truncate", seed, number),
    )
