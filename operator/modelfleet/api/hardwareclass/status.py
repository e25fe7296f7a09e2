"""What modelfleet reports of a class of hardware."""

from pydantic import Field

from modelfleet.api.meta import Status
from modelfleet.api.model import ByName, Integer, Model, Ordered, String


class Units(Model):
    """Units, counted."""

    total: Integer | None = Field(default=None, description="What the ready nodes hold, at most maxUnits.", ge=0)
    used: Integer | None = Field(default=None, description="What models take.", ge=0)
    free: Integer | None = Field(default=None, description="What another model could take.", ge=0)


class RegionStatus(Units):
    """The class in one region."""

    name: String = Field(description="The region, as nodes are labelled.")
    matching_nodes: Integer | None = Field(default=None, description="Nodes of this class there.", ge=0)
    ready_nodes: Integer | None = Field(default=None, description="Those of them that are ready.", ge=0)


class PlacedModel(Model):
    """A model that runs on this class."""

    namespace: String = Field(description="The namespace of the ModelDeployment.")
    name: String = Field(description="The name of the ModelDeployment.")
    units: Integer = Field(description="The units that it takes.", ge=0)


class HardwareClassStatus(Status):
    """What there is of the class, who uses it, and whether it does what it says."""

    matching_nodes: Integer | None = Field(default=None, description="Nodes that the selector matches.", ge=0)
    ready_nodes: Integer | None = Field(default=None, description="Those of them that are ready.", ge=0)
    units: Units | None = Field(default=None, description="Units over all regions.")
    regions: ByName[RegionStatus] | None = Field(default=None, description="The same by region.", max_length=64)
    models: Ordered[PlacedModel] | None = Field(
        default=None, description="Who uses the class, the largest first; the first hundred.", max_length=100
    )
    cost_per_hour: String | None = Field(default=None, description="What the units in use cost in an hour.")
