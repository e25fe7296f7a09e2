"""Where a model may run, and how much of it."""

from enum import StrEnum

from pydantic import Field

from modelfleet.api.model import Integer, Model, Ordered
from modelfleet.api.scalars.duration import Duration
from modelfleet.api.scalars.names import DnsName, Word


class Spread(StrEnum):
    """Over what replicas are spread."""

    NONE = "none"
    NODE = "node"
    ZONE = "zone"
    REGION = "region"


class Autoscaler(StrEnum):
    """Who sets the number of replicas."""

    NONE = "none"
    HPA = "hpa"
    KEDA = "keda"


class ClassChoice(Model):
    """A class of hardware that the model may run on."""

    name: DnsName = Field(description="The name of the HardwareClass.")
    units: Integer = Field(default=1, description="How many units of it one replica takes.", ge=1, le=1024)


class Placement(Model):
    """Where the model may run, in order of preference."""

    classes: Ordered[ClassChoice] = Field(
        description="The classes of hardware, the preferred one first.", min_length=1, max_length=8
    )
    pending_timeout: Duration | None = Field(
        default=None,
        description="How long a replica may wait for a node before it goes to the next class; without one, 2m.",
    )
    return_after: Duration | None = Field(
        default=None,
        description="How long a preferred class must have had room before replicas come back to it; without one, 10m.",
    )
    regions: Ordered[Word] | None = Field(
        default=None,
        description="The regions it may run in, preferred first; left out, any.",
        min_length=1,
        max_length=16,
    )
    spread: Spread = Field(default=Spread.ZONE, description="Over what replicas are spread.")


class Scale(Model):
    """How many replicas there are, over all classes together."""

    replicas: Integer = Field(
        default=1, description="The number of replicas. Set by the autoscaler where there is one.", ge=0, le=10_000
    )
    min: Integer | None = Field(
        default=None, description="The fewest replicas of an autoscaler; without one, 1.", ge=0, le=10_000
    )
    max: Integer | None = Field(default=None, description="The most replicas of an autoscaler.", ge=1, le=10_000)
    concurrency_per_replica: Integer | None = Field(
        default=None, description="How many requests one replica serves at once.", ge=1, le=100_000
    )
    autoscaler: Autoscaler | None = Field(
        default=None,
        description="Who sets replicas: none, hpa or keda, by this object's scale subresource; without one, none.",
    )


class Rollout(Model):
    """How a new version takes the place of the old one."""

    surge: Integer | None = Field(
        default=None,
        description="How many replicas of a new version a class gets before an old one goes, 1 or 0; without one, 1."
        " With 1 nobody stops serving, and the class needs room for one replica more. With 0 an old replica goes first,"
        " for classes that are always full: one fewer serves on each class meanwhile, and nobody where there is but"
        " one.",
        ge=0,
        le=1,
    )


class Warmup(Model):
    """What a new replica is spared."""

    slow_start: Duration | None = Field(
        default=None, description="How long its share of requests grows from little to full."
    )
