"""The placement of one model while it is being made."""

from dataclasses import dataclass

from modelfleet.placement.cases import Case


@dataclass(slots=True)
class Draft:
    """How many replicas each class is to have, in the order of the case's options."""

    case: Case
    counts: list[int]
    """Replicas so far."""
    awaited: list[int]
    """Replicas that wait elsewhere until they may come back to it."""

    @property
    def left(self) -> int:
        """Replicas that have no class yet."""
        return self.case.wanted - sum(self.counts)

    def behind(self, index: int) -> int:
        """Replicas on classes that are less preferred than this one."""
        return sum(self.counts[index + 1 :])

    def drop_behind(self, index: int, replicas: int) -> None:
        """Takes so many replicas away from the classes behind this one, from the least preferred ones first."""
        for last in reversed(range(index + 1, len(self.counts))):
            dropped = min(replicas, self.counts[last])
            self.counts[last] -= dropped
            replicas -= dropped


def draft_of(case: Case) -> Draft:
    """A draft with nothing in it."""
    none = [0] * len(case.options)
    return Draft(case, none[:], none[:])
