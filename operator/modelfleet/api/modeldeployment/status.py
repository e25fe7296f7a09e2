"""What modelfleet reports of a model."""

from pydantic import Field

from modelfleet.api.inforce import KeptStatus
from modelfleet.api.model import ByName, Flag, Integer, Model, String


class ClassStatus(Model):
    """The model on one class of hardware, in the order of preference."""

    name: String = Field(description="The name of the HardwareClass.")
    chosen: Flag = Field(description="Whether replicas run there, or should.")
    units: Integer | None = Field(default=None, description="How many units of it one replica takes.", ge=0)
    replicas: Integer | None = Field(default=None, description="Replicas there.", ge=0)
    ready_replicas: Integer | None = Field(default=None, description="Those of them that are ready.", ge=0)
    reason: String | None = Field(default=None, description="Why it was chosen or refused, in one word.")
    message: String | None = Field(default=None, description="The same for people.")
    since: String | None = Field(
        default=None, description="When the reason came to be.", json_schema_extra={"format": "date-time"}
    )


class RegionReplicas(Model):
    """The model in one region."""

    name: String = Field(description="The region.")
    replicas: Integer = Field(default=0, description="Replicas there.", ge=0)
    ready_replicas: Integer = Field(default=0, description="Those of them that are ready.", ge=0)


class ModelDeploymentStatus(KeptStatus):
    """How many replicas there are, where, why there, and what they cost."""

    replicas: Integer | None = Field(default=None, description="Replicas over all classes.", ge=0)
    ready_replicas: Integer | None = Field(default=None, description="Those of them that are ready.", ge=0)
    selector: String | None = Field(default=None, description="The label selector of its pods, for autoscalers.")
    placed_on: String | None = Field(default=None, description="The classes in use, the preferred one first.")
    classes: ByName[ClassStatus] | None = Field(
        default=None, description="Every class of the placement, and why it was chosen or refused.", max_length=16
    )
    regions: ByName[RegionReplicas] | None = Field(default=None, description="Replicas by region.", max_length=64)
    cost_per_hour: String | None = Field(
        default=None, description="What the replicas cost in an hour, with the currency."
    )
