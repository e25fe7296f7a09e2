"""The room that is put by for replicas that come back to a class, so that no two count on the same node."""

from collections import Counter
from collections.abc import Sequence

from modelfleet.placement.bounds import Bounds
from modelfleet.placement.draft import Draft
from modelfleet.placement.ledger import Ledger, Lot
from modelfleet.placement.stock import Stock


class Promises:
    """What is free even if all pods that wait for a node get one."""

    def __init__(self, stock: Stock, bounds: Bounds, drafts: Sequence[Draft]) -> None:
        self._stock, self._bounds, self._drafts = stock, bounds, drafts
        self._put_by: Counter[str] = Counter()
        """Units by the name of the class."""
        self._free: Ledger | None = None

    def spare(self, draft: Draft, index: int) -> int:
        """How many replicas of the model could come to this class."""
        option = draft.case.options[index]
        allowed = self._bounds.afford(draft, index) - -(-self._put_by[option.place.name] // max(1, option.place.units))
        return max(0, allowed if option.place.is_open else min(allowed, self._ledger().room(option.place.lot)))

    def put_by(self, draft: Draft, index: int, replicas: int) -> None:
        """Keeps the room for replicas that are to come back later."""
        option = draft.case.options[index]
        self._put_by[option.place.name] += replicas * option.place.units
        self._ledger().take(option.place.lot, replicas)

    def bring(self, draft: Draft, index: int, replicas: int) -> None:
        """Brings replicas to this class, from the least preferred ones first."""
        self._ledger().take(draft.case.options[index].place.lot, replicas)
        self._bounds.give(draft, index, replicas)
        draft.drop_behind(index, replicas)

    def _ledger(self) -> Ledger:
        if self._free is None:  # most of the time nobody is about to come back
            self._free = Ledger(self._stock.free)
            for lot, pods in self._waiting().items():
                self._free.take(lot, pods)
        return self._free

    def _waiting(self) -> Counter[Lot]:
        waiting: Counter[Lot] = Counter()
        for option in (option for draft in self._drafts for option in draft.case.options):
            waiting[option.place.lot] += option.pending + option.here.late
        return waiting
