"""What people are told of a class of a model, with the fix.

The same for as long as it is true: a sentence with a number that every other model changes would be written anew, on
every model that waits, each time.
"""

from modelfleet.api.hardwareclass.spec import Market
from modelfleet.findings import Key, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.bounds import Bounds
from modelfleet.placement.cases import Option
from modelfleet.placement.draft import Draft
from modelfleet.placement.ledger import Lot
from modelfleet.placement.news import lacking
from modelfleet.placement.stock import Stock
from modelfleet.placement.words import counted, listed

MOST_HOLDERS = 2
MARKETS = {
    Market.RESERVED: "its nodes are reserved",
    Market.ON_DEMAND: "its nodes are on demand",
    Market.SPOT: "its nodes are spot, so they may be reclaimed: name another class behind it for that case",
}


class Sentences:
    """Says why each class has what it has; what is true for many models is put into words once."""

    def __init__(self, snapshot: FleetSnapshot, stock: Stock, bounds: Bounds) -> None:
        self._snapshot, self._stock, self._bounds = snapshot, stock, bounds
        self._holders: dict[str, tuple[Key, ...]] = {}
        self._full: dict[Lot, str] = {}

    def of(self, draft: Draft, index: int, reason: Reason, going: int) -> str:
        """Why this class of the draft has what it has, with so many replicas that wait for successors elsewhere."""
        option = draft.case.options[index]
        if option.place.refusal:
            return self._refused(draft, index, going)
        match reason:
            case Reason.CHOSEN:
                said = self._chosen(option)
            case Reason.NOT_NEEDED:
                said = _not_needed(draft)
            case Reason.UNSCHEDULABLE:
                said = self._unschedulable(draft, option)
            case Reason.ROOM_AGAIN:
                said = _room_again(draft, draft.awaited[index])
            case _:
                said = self._no_room(draft, index)
        return f"{said}; {_until_ready(going)}" if going else said

    def stray(self, going: int) -> str:
        """What there is to say of a class that the model does not name."""
        return f"spec.placement.classes does not name it: {_until_ready(going)}, name it to keep them there"

    def _refused(self, draft: Draft, index: int, going: int) -> str:
        option, count = draft.case.options[index], draft.counts[index]
        said = [option.place.refusal.message] if option.place.refusal else []
        if there := min(count, option.lasting):
            said.append(f"{counted(there, 'replica')} may stay while nodes let them")
        if waiting := count - there:
            said.append(f"{counted(waiting, 'replica')} can wait nowhere better")
        if going:
            said.append(_until_ready(going))
        return "; ".join(said)

    def _chosen(self, option: Option) -> str:
        hardware = self._snapshot.classes.get(option.place.name)
        if hardware is None:
            return "spec.placement names no class, so any node will do"
        capacity = hardware.spec.capacity
        made = (
            ", and are made as they are needed"
            if capacity.provision and not self._stock.nodes(option.place.name)
            else ""
        )
        return f"the first class of the list that takes them; {MARKETS[capacity.market]}{made}"

    def _unschedulable(self, draft: Draft, option: Option) -> str:
        if not option.here.late:
            # The pods that waited are gone, and with them the words of the scheduler.
            kept = option.standing.message if option.standing.reason == Reason.UNSCHEDULABLE else ""
            return kept or "the scheduler found no node for it there: free some, or add nodes"
        holders = self._held_by(option, draft.case.key)
        said = option.here.words.removesuffix(".") or "the scheduler has no node for it"
        return f"{said}; {holders}free some, or add nodes"

    def _no_room(self, draft: Draft, index: int) -> str:
        option = draft.case.options[index]
        most = self._snapshot.classes[option.place.name].spec.capacity.max_units
        if most is not None and not self._bounds.afford(draft, index):
            said, fix = f"its maxUnits of {most} are given out", "raise it, or lower the replicas of others"
        else:
            said, fix = self._none_left(option), "free some, or add nodes"
        waiting = lacking(draft, index, self._stock)
        if waiting > 0:
            fix += f"; {counted(waiting, 'replica')} can wait nowhere better"
        return f"{said}: {self._held_by(option, draft.case.key)}{fix}"

    def _none_left(self, option: Option) -> str:
        if option.place.units == 1:
            return "no unit of it is left"
        known = self._full.get(option.place.lot)
        if known is None:
            largest = self._stock.largest_on(option.place.name, option.place.lot.nodes)
            known = f"no node has {option.place.units} units free at once, the largest free block is {largest}"
            if largest >= option.place.units:
                known = (
                    f"what has {option.place.units} units free at once goes to replicas that wait or come back before"
                )
            self._full[option.place.lot] = known
        return known

    def _held_by(self, option: Option, own: Key) -> str:
        known = self._holders.get(option.place.name)
        if known is None:
            # One more than are told, for the one that it is told to.
            holders = self._stock.holders(option.place.name)[: MOST_HOLDERS + 1]
            known = self._holders[option.place.name] = tuple(key for key, _ in holders)
        others = [f"{key.namespace}/{key.name}" for key in known if key != own][:MOST_HOLDERS]
        return f"held by {listed(others)}; " if others else ""


def _not_needed(draft: Draft) -> str:
    if not draft.case.wanted:
        return "no replica is wanted: spec.scale.replicas is 0"
    return "every replica has room on classes that are preferred to it"


def _room_again(draft: Draft, replicas: int) -> str:
    said = f"there is room again for {counted(replicas, 'replica')} that left or never came"
    wait = f"they come once that has been so for {draft.case.return_after:g} seconds"
    return f"{said}: {wait}, lower spec.placement.returnAfter to have them sooner"


def _until_ready(going: int) -> str:
    return f"{counted(going, 'replica')} may stay until successors elsewhere are ready"
