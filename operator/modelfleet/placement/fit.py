"""Whether the classes that a model may run on can hold one replica of it."""

from collections.abc import Iterator

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.modeldeployment.placement import ClassChoice
from modelfleet.findings import Condition, Finding, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_fit(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Classes that can hold no replica, and models for which that is true of every class."""
    for model in snapshot.models.values():
        yield from _check(model, snapshot)


def _check(model: ModelDeployment, snapshot: FleetSnapshot) -> Iterator[Finding]:
    choices = model.spec.placement.classes if model.spec.placement else ()
    too_small = [index for index, choice in enumerate(choices) if _too_small(choice, snapshot.classes.get(choice.name))]
    hopeless = len(too_small) == len(choices)
    for index in too_small:
        choice, limit = choices[index], snapshot.classes[choices[index].name].spec.capacity.max_units
        message = f'one replica takes {choice.units} units, and HardwareClass "{choice.name}" has {limit} at most: '
        message += "no class is left to run on" if hopeless else "this class is never chosen"
        yield Finding(
            model.key,
            path=_units(index),
            reason=Reason.DOES_NOT_FIT,
            message=f"{message}; lower units, or raise its maxUnits",
            severity=Severity.ERROR if hopeless else Severity.WARNING,
            condition=Condition.PLACED,
        )


def _too_small(choice: ClassChoice, hardware: HardwareClass | None) -> bool:
    limit = hardware.spec.capacity.max_units if hardware else None
    return limit is not None and choice.units > limit


def _units(index: int) -> Path:
    return ("spec", "placement", "classes", index, "units")
