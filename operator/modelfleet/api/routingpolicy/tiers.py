"""Tiers, from small to large, and the models in them."""

from pydantic import Field

from modelfleet.api.model import Integer, Model, Ordered
from modelfleet.api.scalars.names import DnsLabel, DnsName


class WeightedModel(Model):
    """A model with its part of the requests."""

    name: DnsName = Field(description="The name of the ModelDeployment, in the policy's namespace.")
    weight: Integer | None = Field(
        default=None, description="Its share of the sum of all weights; without one, 1.", ge=0, le=1_000_000
    )


class Tier(Model):
    """Models of one size, any of which may answer."""

    name: DnsLabel = Field(description="How rules, the ladder and the evidence call the tier; not unsure and not else.")
    models: Ordered[WeightedModel] = Field(description="The models, with their shares.", min_length=1, max_length=8)
    max_in_flight: Integer | None = Field(
        default=None,
        description="The most requests in flight per gateway; past it the tier is skipped before anything is sent.",
        ge=1,
        le=1_000_000,
    )
