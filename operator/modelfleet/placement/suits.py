"""Whether work is where it belongs."""

from collections import defaultdict
from collections.abc import Iterator

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Condition, Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_suits(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Models on a class that does not suit their work, and classes that suit none of the work placed on them."""
    placed: dict[str, list[ModelDeployment]] = defaultdict(list)
    for model in snapshot.models.values():
        for index, choice in enumerate(model.spec.placement.classes if model.spec.placement else ()):
            hardware = snapshot.classes.get(choice.name)
            if hardware is None:
                continue
            placed[choice.name].append(model)
            if not suits(hardware, model):
                yield _misplaced(model, index, hardware)
    for name, models in placed.items():
        if not any(suits(snapshot.classes[name], model) for model in models):
            yield _suits_nobody(snapshot.classes[name], models)


def suits(hardware: HardwareClass, model: ModelDeployment) -> bool:
    """Whether the model's work belongs on this class."""
    return hardware.spec.suits is None or model.spec.work in hardware.spec.suits


def _misplaced(model: ModelDeployment, index: int, hardware: HardwareClass) -> Finding:
    listed = ", ".join(hardware.spec.suits or ())
    message = (
        f'HardwareClass "{hardware.metadata.name}" suits {listed}, not {model.spec.work}: replicas there are flagged'
    )
    return Finding(
        model.key,
        ("spec", "placement", "classes", index, "name"),
        Reason.MISPLACED,
        f"{message} Misplaced; choose another class, or add {model.spec.work} to its suits",
        Severity.WARNING,
        Condition.MISPLACED,
    )


def _suits_nobody(hardware: HardwareClass, models: list[ModelDeployment]) -> Finding:
    work = ", ".join(sorted({model.spec.work.value for model in models}))
    return Finding(
        hardware.key,
        ("spec", "suits"),
        Reason.MISPLACED,
        f"suits none of the work placed on it, which is {work}: correct suits, or move the models",
        Severity.WARNING,
        Condition.MISPLACED,
    )
