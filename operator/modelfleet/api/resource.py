"""A resource as a whole: a spec that keeps its kind's rules, under a name."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from modelfleet.api.meta import Kind, ObjectMeta, Status
from modelfleet.api.model import Model
from modelfleet.api.rule import Rule, Transition, judge
from modelfleet.findings import Key


class Resource(Model):
    """What the kinds have in common. Status is no part of it: it is ours to write, and never an input."""

    KIND: ClassVar[Kind]
    STATUS: ClassVar[type[Status]]
    RULES: ClassVar[tuple[Rule, ...]]
    TRANSITIONS: ClassVar[tuple[Transition, ...]] = ()
    NOTES: ClassVar[Mapping[str, str]] = {}
    """What is to be said behind the descriptions of fields, by paths such as `spec.tiers[*].models`."""

    api_version: Literal["modelfleet.dev/v1alpha1"] = "modelfleet.dev/v1alpha1"
    kind: str
    metadata: ObjectMeta = Field(description="The name of the object, and where it lives.")

    @property
    def key(self) -> Key:
        """The identity of the object."""
        return Key(self.KIND.name, self.metadata.namespace if self.KIND.namespaced else "", self.metadata.name)

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        errors = [InitErrorDetails(type=rule.error(), loc=path, input=None) for rule, path in judge(self.RULES, self)]
        if errors:
            raise ValidationError.from_exception_data(self.KIND.name, errors)
        return self
