"""From a snapshot to the case of each model; what many models ask of one class is looked into once."""

from collections.abc import Iterator, Mapping, Sequence

from modelfleet.api.scalars.duration import Duration
from modelfleet.findings import Key, Reason
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.standings import Standing
from modelfleet.fleet.workloads import Workload
from modelfleet.placement.cases import Case, Option, Place
from modelfleet.placement.filters import Question, Refusal, not_found, refusal
from modelfleet.placement.ledger import Lot
from modelfleet.placement.presence import Presence, presence
from modelfleet.placement.rollouts import GRACE, waits_since
from modelfleet.placement.stock import Stock

PENDING_TIMEOUT, RETURN_AFTER = 120.0, 600.0
"""What holds where a model does not say, in seconds."""
NOWHERE = Lot((), ())
NEVER_STOOD = Standing("", 0.0)
NOBODY = Presence()
PASSING = frozenset({Reason.HARDWARE_CLASS_NOT_FOUND, Reason.NO_MATCHING_NODES, Reason.TAINTED, Reason.NODES_NOT_READY})
"""Refusals that say nothing against replicas that run already: they may, for as long as their nodes let them."""

Regions = tuple[str, ...]


class Survey:
    """Makes the cases of the models of a snapshot."""

    def __init__(self, snapshot: FleetSnapshot, stock: Stock) -> None:
        self._snapshot, self._stock = snapshot, stock
        self._labels = {name: label_value(name) for name in snapshot.classes}
        self._names = {label: name for name, label in self._labels.items()}
        self._places: dict[tuple[str, int, Regions, str], Place] = {}

    def case(self, key: Key) -> Case:
        """The case of a model that has an engine."""
        spec, now = self._snapshot.models[key].spec, self._snapshot.now
        patience, return_after, regions = PENDING_TIMEOUT, RETURN_AFTER, Regions()
        choices = {"": 0}
        if placement := spec.placement:
            patience = _seconds(placement.pending_timeout, PENDING_TIMEOUT)
            return_after = _seconds(placement.return_after, RETURN_AFTER)
            regions = placement.regions or ()
            choices = {choice.name: choice.units for choice in placement.classes}
        labels = {self._label(name): units for name, units in choices.items()}
        pods, workloads = self._snapshot.pods.get(key, ()), self._snapshot.workloads.get(key, ())
        found = presence(pods, workloads, labels, now - patience)
        firsts = [one.first for label, one in found.items() if label in labels and one.first is not None]
        options = {
            label: self._option(key, self._place(name, units, regions, key.namespace), regions, found.get(label))
            for label, (name, units) in zip(labels, choices.items(), strict=True)
        }
        return Case(
            key=key,
            wanted=spec.scale.replicas if spec.scale else 1,
            may_preempt=spec.priority_class_name is not None,
            return_after=return_after,
            options=tuple(options.values()),
            strays=tuple(self._stray(key, label, found[label]) for label in sorted(found.keys() - labels.keys())),
            late_at=min(firsts) + patience if firsts else None,
            now=now,
            stuck_at=dict(self._stuck_at(pods, workloads, options, patience)),
        )

    def _stuck_at(
        self, pods: Sequence[Pod], workloads: Sequence[Workload], options: Mapping[str, Option], patience: float
    ) -> Iterator[tuple[str, float]]:
        for workload in workloads:
            option = options.get(workload.hardware)
            since = waits_since(workload, pods, option.fading if option else 0)
            if since is not None:
                # Where nodes are made as they are needed, one may be on its way.
                is_made = option is not None and bool(option.place.name) and option.place.is_open
                yield workload.hardware, since + (max(GRACE, patience) if is_made else GRACE)

    def _label(self, name: str) -> str:
        return self._labels.get(name) or label_value(name)

    def _option(self, key: Key, place: Place, regions: Regions, here: Presence | None) -> Option:
        standing = self._standing(key, place.name)
        if here is None:
            return Option(place, standing, NOBODY, lasting=0, pending=0, fading=0)
        usable = self._stock.usable(place.name, regions) if here.fading else {}
        return Option(
            place,
            standing,
            here,
            lasting=_lasting(place.refusal, here),
            pending=0 if place.refusal else here.waiting,
            fading=sum(node in usable for node in here.fading),
        )

    def _stray(self, key: Key, label: str, here: Presence) -> Option:
        name = self._names.get(label, label)
        place = Place(name, here.units // max(1, here.pods), None, NOWHERE, is_open=False)
        return Option(place, self._standing(key, name), here, lasting=0, pending=0, fading=0)

    def _standing(self, key: Key, name: str) -> Standing:
        standings = self._snapshot.standing.get(key)
        return standings.get(name, NEVER_STOOD) if standings else NEVER_STOOD

    def _place(self, name: str, units: int, regions: Regions, namespace: str) -> Place:
        asked = (name, units, regions, namespace)
        if asked not in self._places:
            self._places[asked] = self._found(*asked)
        return self._places[asked]

    def _found(self, name: str, units: int, regions: Regions, namespace: str) -> Place:
        if not name:
            return Place(name, units, None, NOWHERE, is_open=True)
        hardware = self._snapshot.classes.get(name)
        if hardware is None:
            return Place(name, units, not_found(name), NOWHERE, is_open=False)
        against = refusal(Question(name, hardware, units, regions, namespace, self._stock))
        lot = self._stock.lot(name, units, regions)
        return Place(name, units, against, lot, is_open=hardware.spec.capacity.provision)


def _lasting(against: Refusal | None, here: Presence) -> int:
    if against is None or against.reason in PASSING:
        return here.bound
    # What fitted once and does not now, as when devices are gone for a moment, fits where it is for as long as it runs.
    return max(0, here.bound - here.outgrown) if against.reason is Reason.DOES_NOT_FIT else 0


def _seconds(duration: Duration | None, default: float) -> float:
    return duration.milliseconds / 1000 if duration else default
