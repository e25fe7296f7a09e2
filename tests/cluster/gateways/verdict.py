"""Whether anybody suffered while pods came and went: from what the API server said, the stub heard and users got."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from tests.cluster.gateways.census import GOES_S, Life
from tests.cluster.gateways.engines import Asked
from tests.cluster.gateways.load import Fate
from tests.dataplane.support.records import Record

EARLY_S = 0.5
"""A gateway may hear that a pod is ready before we do."""
KNOWN_S = 1.0
"""So long it may take until a gateway knows of a replica that has become ready."""
ASKED_TO_GO, UNREADY = "asked to go", "not ready"
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lost:
    """A request that failed although another replica could have answered it."""

    fate: Fate
    tries: tuple[str, ...]
    """What the decision record says of each."""
    heard: tuple[str, ...]
    """Where the stub heard it, and how long after it had begun."""
    ready: int
    """How many replicas were ready all that time."""


class Verdict:
    """The whole story, once it is over."""

    def __init__(
        self, lives: Iterable[Life], heard: Iterable[Asked], fates: Sequence[Fate], records: Iterable[Record]
    ) -> None:
        self.fates = fates
        self._models: dict[str, list[Life]] = defaultdict(list)
        self._addresses: dict[str, list[Life]] = defaultdict(list)
        for life in lives:
            self._models[life.model].append(life)
            self._addresses[life.address].append(life)
        self._heard = sorted(heard)
        self._records = {record["id"]: record for record in records}
        self.failed = [fate for fate in fates if fate.why]

    def late(self) -> list[str]:
        """Requests that came to an address where no replica of their model was ready any more, or yet."""
        return [
            f"{one}: {[(life.model, life.ready, life.asked) for life in self._addresses[one.address]]}"
            for one in self._heard
            if not any(
                life.model == one.model and life.may_hear(one.at - GOES_S, one.at + EARLY_S)
                for life in self._addresses[one.address]
            )
        ]

    def lost(self) -> list[Lost]:
        """Failed requests for which there was somebody else."""
        found = []
        for fate in self.failed:
            ready = sum(life.serves(fate.began, fate.ended, KNOWN_S) for life in self._models[fate.model])
            if ready:
                found.append(Lost(fate, self._tries(fate), self._where(fate), ready))
        return found

    def unrecorded(self) -> list[Fate]:
        """Requests of which there is no decision record."""
        return [fate for fate in self.fates if fate.id not in self._records]

    def tries(self) -> Mapping[int, int]:
        """How many requests took how many tries."""
        return Counter(len(record["attempts"]) for record in self._records.values())

    def delays(self) -> dict[str, list[float]]:
        """Milliseconds from when a replica was not to be asked any more until the last request that reached it.

        Of each replica that was ready once and stopped to be: 0 where no request came any more.
        """
        times: dict[str, list[float]] = defaultdict(list)
        for one in self._heard:
            times[one.address].append(one.at)
        found: dict[str, list[float]] = {ASKED_TO_GO: [], UNREADY: []}
        for address, lives in self._addresses.items():
            spans = sorted(
                ((span.since, span.until, life) for life in lives for span in life.ready), key=lambda one: one[0]
            )
            for (_, until, life), following in zip(spans, [*(since for since, _, _ in spans[1:]), inf], strict=False):
                if until < inf:
                    place = bisect_right(times[address], following)
                    last = times[address][place - 1] if place else until
                    found[ASKED_TO_GO if until == life.asked else UNREADY].append(1000 * max(0.0, last - until))
        return found

    def _tries(self, fate: Fate) -> tuple[str, ...]:
        record = self._records.get(fate.id)
        if record is None:
            return ("no record",)
        tries = (f"{one['target']} {one['status']} {one['reason']} {one['ms']} ms" for one in record["attempts"])
        return (*tries, f"reason {record['reason']}, skipped {record['skipped']}")

    def _where(self, fate: Fate) -> tuple[str, ...]:
        heard = (one for one in self._heard if one.number == fate.number)
        return tuple(f"{one.address} after {1000 * (one.at - fate.began):.0f} ms" for one in heard)


def shown(found: Sequence[object]) -> str:
    """How many there are, and the first of them."""
    return "\n".join([f"{len(found)}:", *(str(one) for one in found[:SHOWN])])


def percentiles(values: Sequence[float]) -> str:
    """p50, p99 and the largest."""
    if not values:
        return "none"
    ordered = sorted(values)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return f"{p50:.0f} / {p99:.0f} / {ordered[-1]:.0f} of {len(ordered)}"
