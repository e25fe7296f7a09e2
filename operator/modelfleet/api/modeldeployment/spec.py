"""What an application team says of a model."""

from pydantic import Field

from modelfleet.api.enums import Work
from modelfleet.api.model import Integer, Model
from modelfleet.api.modeldeployment.engine import Engine
from modelfleet.api.modeldeployment.external import External, TokenPrice
from modelfleet.api.modeldeployment.placement import Placement, Rollout, Scale, Warmup
from modelfleet.api.scalars.addresses import ModelSource
from modelfleet.api.scalars.names import DnsName, ServedName


class ServedModel(Model):
    """The model itself."""

    name: ServedName = Field(description="What its engine or its host calls the model; requests are rewritten to it.")
    source: ModelSource | None = Field(
        default=None,
        description="Where the weights are: hf://, s3://, gs://, az://, oci://, pvc://, file:// or https://.",
    )
    context_tokens: Integer | None = Field(
        default=None, description="The longest context that it serves, in tokens.", ge=1, le=100_000_000
    )


class ModelDeploymentSpec(Model):
    """A model, and either the engine that serves it here or the address where it is served."""

    work: Work = Field(default=Work.INFERENCE, description="The kind of work that it does.")
    model: ServedModel = Field(description="The model itself.")
    engine: Engine | None = Field(default=None, description="The program that serves it on hardware of your own.")
    external: External | None = Field(default=None, description="The address where somebody else serves it.")
    placement: Placement | None = Field(default=None, description="Where it may run, for models with an engine.")
    priority_class_name: DnsName | None = Field(
        default=None, description="The PriorityClass of its pods: who wins the last unit is the scheduler's business."
    )
    scale: Scale | None = Field(
        default=None, description="How many replicas there are; without it, one. kubectl scale needs it to be there."
    )
    rollout: Rollout | None = Field(default=None, description="How a new version takes the place of the old one.")
    warmup: Warmup | None = Field(default=None, description="What a new replica is spared.")
    price: TokenPrice | None = Field(
        default=None, description="What a hosted model charges; hardware of your own is priced by its class."
    )
