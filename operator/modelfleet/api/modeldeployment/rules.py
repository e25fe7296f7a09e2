"""What the schema of a ModelDeployment cannot say."""

from modelfleet.api.checks import repeated, unique_in_cel
from modelfleet.api.modeldeployment.engine import Engine, EngineName, EnvSource, EnvVar
from modelfleet.api.modeldeployment.external import Credentials
from modelfleet.api.modeldeployment.placement import Autoscaler, Scale
from modelfleet.api.modeldeployment.spec import ModelDeploymentSpec
from modelfleet.api.rule import Rule, Transition, unless
from modelfleet.findings import Path

HOSTED = "engine: null, external: {url: 'https://api.example.com/v1'}"
WORKLOAD = {
    "placement": "placement",
    "scale": "scale",
    "rollout": "rollout",
    "warmup": "warmup",
    "priorityClassName": "priority_class_name",
}


def _served_once(spec: ModelDeploymentSpec) -> bool:
    return (spec.engine is None) != (spec.external is None)


def _workload_of_hosted(spec: ModelDeploymentSpec) -> list[Path]:
    if spec.external is None or spec.engine is not None:
        return []
    return [(field,) for field, attribute in WORKLOAD.items() if getattr(spec, attribute) is not None]


def _price_of_own(spec: ModelDeploymentSpec) -> list[Path]:
    return [("price",)] if spec.price is not None and spec.external is None else []


def _can_be_started(engine: Engine) -> bool:
    return engine.name is not EngineName.CUSTOM or engine.image is not None or engine.command is not None


def _min_up_to_max(scale: Scale) -> bool:
    return scale.min is None or scale.max is None or scale.min <= scale.max


def _autoscaler_has_max(scale: Scale) -> bool:
    return scale.autoscaler in (None, Autoscaler.NONE) or scale.max is not None


def _one_credential(credentials: Credentials) -> bool:
    return (credentials.secret_ref is not None) != (credentials.pass_through is True)


def _one_value(variable: EnvVar) -> bool:
    return variable.value is None or variable.value_from is None


def _one_source(source: EnvSource) -> bool:
    return (source.secret_key_ref is None) != (source.config_map_key_ref is None)


def _moves_to_another_place(old: ModelDeploymentSpec, new: ModelDeploymentSpec) -> bool:
    return (old.external is None) != (new.external is None)


RULES = (
    Rule(
        name="engine-or-external",
        at=("spec",),
        reads=("engine", "external"),
        cel="has(self.engine) != has(self.external)",
        broken=unless(_served_once),
        message="a model has an engine or is external: give exactly one of engine and external",
        example="engine: null",
    ),
    Rule(
        name="external-has-no-workload",
        at=("spec",),
        reads=("engine", "external", *WORKLOAD),
        cel="!has(self.external) || has(self.engine) || !(has(self.placement) || has(self.scale) || has(self.rollout)"
        " || has(self.warmup) || has(self.priorityClassName))",
        broken=_workload_of_hosted,
        message="an external model runs nowhere here: remove placement, scale, rollout, warmup and priorityClassName",
        example=f"{{{HOSTED}, scale: {{replicas: 2}}}}",
    ),
    Rule(
        name="price-is-for-external",
        at=("spec",),
        reads=("price", "external"),
        cel="!has(self.price) || has(self.external)",
        field=".price",
        broken=_price_of_own,
        message="a price per token is for external models: remove it, and price the HardwareClass instead",
        example="price: {inputPerMillionTokens: '3', outputPerMillionTokens: '15'}",
    ),
    Rule(
        name="custom-engine-can-start",
        at=("spec.engine",),
        reads=("name", "image", "command"),
        cel="self.name != 'custom' || has(self.image) || has(self.command)",
        broken=unless(_can_be_started),
        message="a custom engine needs an image, a command or both: add what is to be started",
        example="engine: {name: custom}",
    ),
    Rule(
        name="env-has-one-value",
        at=("spec.engine.env[*]",),
        cel="!has(self.value) || !has(self.valueFrom)",
        broken=unless(_one_value),
        message="a variable has value or valueFrom: remove one of them",
        example="engine: {name: sim, env: [{name: A, value: b, valueFrom: {secretKeyRef: {name: a, key: b}}}]}",
    ),
    Rule(
        name="env-has-one-source",
        at=("spec.engine.env[*].valueFrom",),
        cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
        broken=unless(_one_source),
        message="a value comes from one place: give exactly one of secretKeyRef and configMapKeyRef",
        example="engine: {name: sim, env: [{name: A, valueFrom: {}}]}",
    ),
    Rule(
        name="classes-unique",
        at=("spec.placement.classes",),
        reads=("[*].name",),
        cel=unique_in_cel("name"),
        broken=repeated(lambda choice: choice.name, "name"),
        message="each class is named once: remove the repetition, or put its units together",
        example="placement: {classes: [{name: a}, {name: a, units: 2}]}",
    ),
    Rule(
        name="placement-regions-unique",
        at=("spec.placement.regions",),
        cel=unique_in_cel(),
        broken=repeated(),
        message="each region is named once: remove the repetition",
        example="placement: {classes: [{name: a}], regions: [eu, eu]}",
    ),
    Rule(
        name="min-up-to-max",
        at=("spec.scale",),
        reads=("min", "max"),
        cel="!has(self.min) || !has(self.max) || self.min <= self.max",
        broken=unless(_min_up_to_max),
        message="min must not be above max: lower min or raise max",
        example="scale: {min: 4, max: 2}",
    ),
    Rule(
        name="autoscaler-has-max",
        at=("spec.scale",),
        reads=("autoscaler", "max"),
        cel="!has(self.autoscaler) || self.autoscaler == 'none' || has(self.max)",
        broken=unless(_autoscaler_has_max),
        message="an autoscaler needs to know where to stop: add max",
        example="scale: {autoscaler: hpa}",
    ),
    Rule(
        name="one-credential",
        at=("spec.external.credentials",),
        cel="has(self.secretRef) != (has(self.passThrough) && self.passThrough)",
        broken=unless(_one_credential),
        message="credentials come from one place: give a secretRef, or passThrough: true, and not both",
        example="{engine: null, external: {url: 'https://api.example.com/v1', credentials: {}}}",
    ),
)

TRANSITIONS = (
    Transition(
        name="stays-where-it-is-served",
        at="spec",
        cel="has(self.external) == has(oldSelf.external)",
        broken=_moves_to_another_place,
        message="a model cannot change between engine and external, which would orphan its workload: make a new one",
        example=("{}", f"{{{HOSTED}}}"),
    ),
)
