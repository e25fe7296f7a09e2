"""The maxUnits of the classes, which no scheduler knows of: what may still be given away of each."""

from collections.abc import Sequence

from modelfleet.fleet.labels import label_value
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.draft import Draft
from modelfleet.placement.ledger import PLENTY
from modelfleet.placement.stock import Stock


class Bounds:
    """The units that are left of each class that has a bound, while the models are placed one after the other."""

    def __init__(self, snapshot: FleetSnapshot, stock: Stock, drafts: Sequence[Draft]) -> None:
        self._open = {
            name: most - stock.live[label_value(name)]
            for name, hardware in snapshot.classes.items()
            if (most := hardware.spec.capacity.max_units) is not None
        }
        self._drafts = drafts if self._open else ()
        for draft in self._drafts:
            for option in draft.case.options:
                if option.place.name in self._open:
                    self._open[option.place.name] += option.here.units
        self._left = dict(self._open)

    def keep(self, draft: Draft, index: int, replicas: int) -> int:
        """How many of so many replicas that are there may stay; these have their units then."""
        option = draft.case.options[index]
        left = self._left.get(option.place.name)
        if left is None:
            return replicas
        kept = min(replicas, max(0, left) // option.place.units)
        self._left[option.place.name] -= kept * option.place.units
        return kept

    def settle(self) -> None:
        """Counts anew, once it is known who stays: those that go have their units until they are gone."""
        self._left = dict(self._open)
        for draft in self._drafts:
            for index, option in enumerate(draft.case.options):
                if option.place.name in self._left:
                    self._left[option.place.name] -= _taken(draft, index)

    def afford(self, draft: Draft, index: int) -> int:
        """How many replicas more of this model the class may have."""
        option = draft.case.options[index]
        left = self._left.get(option.place.name)
        if left is None:
            return PLENTY
        # What the model itself is to give up there is its own to take.
        own = _taken(draft, index) - draft.counts[index] * option.place.units
        return max(0, left + own) // option.place.units

    def give(self, draft: Draft, index: int, replicas: int) -> None:
        """Adds so many replicas to the draft, with their units."""
        before = _taken(draft, index)
        draft.counts[index] += replicas
        name = draft.case.options[index].place.name
        if name in self._left:
            self._left[name] -= _taken(draft, index) - before


def _taken(draft: Draft, index: int) -> int:
    option = draft.case.options[index]
    return max(option.here.units, draft.counts[index] * option.place.units)
