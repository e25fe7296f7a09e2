"""What all kinds share: group and version, metadata, conditions, and what a kind is beside its schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from modelfleet.api.model import Integer, Model, String, T
from modelfleet.api.scalars.names import LABEL_KEYS, Annotations, DnsLabel, DnsName, LabelValue

GROUP = "modelfleet.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class StatusCondition(Model):
    """One aspect of the state, in the form that kubectl wait, Argo CD and Flux read."""

    type: String = Field(description="Which aspect: Ready, or one that the kind's reference lists.", max_length=316)
    status: ConditionStatus = Field(description="Whether it holds.")
    observed_generation: Integer = Field(
        description="The generation that this was said of; older than metadata.generation: not yet judged.",
        ge=0,
    )
    last_transition_time: String = Field(
        description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    reason: String = Field(description="Why, in one word of a closed list.", min_length=1, max_length=1024)
    message: String = Field(description="Why, for people: the field and the fix where there is one.", max_length=32768)


ListByType = Annotated[
    tuple[T, ...],
    Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


class Status(Model):
    """What every kind reports."""

    observed_generation: Integer | None = Field(
        default=None, description="The generation of the object that this status speaks of.", ge=0
    )
    conditions: ListByType[StatusCondition] = Field(
        default=(), description="The aspects of the state; Ready sums them up.", max_length=16
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; wide ones show with `-o wide` only."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "number", "date", "boolean"] = "string"
    wide: bool = False


def condition_column(type_: str, description: str) -> Column:
    """A column with the status of one condition."""
    return Column(type_, f'.status.conditions[?(@.type=="{type_}")].status', description)


READY = condition_column("Ready", "Whether it does what it says.")
REASON = Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', "Why it is ready, or not.")
MESSAGE = Column("Message", '.status.conditions[?(@.type=="Ready")].message', "The same for people.", wide=True)
AGE = Column("Age", ".metadata.creationTimestamp", "How long it has existed.", "date")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind beside its schema: what it is called, and what kubectl shows of it."""

    name: str
    plural: str
    short: str
    namespaced: bool
    columns: tuple[Column, ...]
    scale: Mapping[str, Any] | None = None

    @property
    def singular(self) -> str:
        """The name as a word of the command line."""
        return self.name.lower()


class ObjectMeta(Model):
    """The metadata of an object. What we do not use is the API server's business, but its names are known."""

    name: DnsName = Field(description="What the object is called; no other of its kind and namespace is.")
    namespace: DnsLabel = Field(default="", description="Where it lives.")
    labels: Annotated[dict[str, LabelValue], LABEL_KEYS] = Field(default={}, description="What it can be selected by.")
    annotations: Annotations = Field(default={}, description="What else is said about it.")
    uid: String = Field(default="", description="Which object of this name it is.")
    generation: Integer = Field(default=0, description="How often its spec has changed.")
    creation_timestamp: String = Field(default="", description="Since when it exists.")
    generate_name: Any = None
    resource_version: Any = None
    deletion_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    finalizers: Any = None
    managed_fields: Any = None
    owner_references: Any = None
    self_link: Any = None
