"""What the schema of a HardwareClass cannot say."""

from modelfleet.api.hardwareclass.spec import (
    Family,
    HardwareClassSpec,
    TaintEffect,
    Toleration,
    TolerationOperator,
    Unit,
)
from modelfleet.api.rule import Rule, unless


def _takes_something(unit: Unit) -> bool:
    return unit.resources is not None or unit.device_class is not None


def _memory_has_a_device(spec: HardwareClassSpec) -> bool:
    return spec.family is not Family.CPU or spec.unit.accelerator_memory is None


def _operator_fits_value(toleration: Toleration) -> bool:
    return toleration.operator is not TolerationOperator.EXISTS or not toleration.value


def _names_a_taint(toleration: Toleration) -> bool:
    return toleration.key is not None or toleration.operator is TolerationOperator.EXISTS


def _seconds_fit_effect(toleration: Toleration) -> bool:
    return toleration.toleration_seconds is None or toleration.effect is TaintEffect.NO_EXECUTE


TOLERATIONS = ("spec.nodes.tolerations[*]",)

RULES = (
    Rule(
        name="unit-takes-something",
        at=("spec.unit",),
        reads=("resources", "deviceClass"),
        cel="has(self.resources) || has(self.deviceClass)",
        broken=unless(_takes_something),
        message="a unit takes resources, a deviceClass or both: add what one unit needs on a node",
        example="unit: {acceleratorMemory: 24Gi}",
    ),
    Rule(
        name="cpu-has-no-accelerator-memory",
        at=("spec",),
        reads=("family", "unit.acceleratorMemory"),
        cel="self.family != 'cpu' || !has(self.unit.acceleratorMemory)",
        field=".unit.acceleratorMemory",
        broken=lambda spec: () if _memory_has_a_device(spec) else [("unit", "acceleratorMemory")],
        message="the family cpu has no accelerator: remove acceleratorMemory, or say gpu or accelerator as family",
        example="{family: cpu, unit: {resources: {cpu: 6}, acceleratorMemory: 24Gi}}",
    ),
    Rule(
        name="toleration-exists-has-no-value",
        at=TOLERATIONS,
        cel="!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
        broken=unless(_operator_fits_value),
        message="operator Exists tolerates every value: remove value, or use operator Equal",
        example="nodes: {selector: {pool: a}, tolerations: [{key: gpu, operator: Exists, value: l4}]}",
    ),
    Rule(
        name="toleration-names-a-key",
        at=TOLERATIONS,
        cel="has(self.key) || (has(self.operator) && self.operator == 'Exists')",
        broken=unless(_names_a_taint),
        message="a toleration without key tolerates every taint and needs operator Exists: add key or operator",
        example="nodes: {selector: {pool: a}, tolerations: [{value: l4}]}",
    ),
    Rule(
        name="toleration-seconds-need-no-execute",
        at=TOLERATIONS,
        cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        broken=unless(_seconds_fit_effect),
        message="tolerationSeconds goes with effect NoExecute only: set the effect, or remove the seconds",
        example="nodes: {selector: {pool: a}, tolerations: [{key: gpu, operator: Exists, tolerationSeconds: 60}]}",
    ),
)
