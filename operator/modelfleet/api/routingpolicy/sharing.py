"""Who gets how much: classes of traffic, limits, shadows, regions, affinity."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelfleet.api.model import Integer, Model, Ordered
from modelfleet.api.routingpolicy.decision import Condition
from modelfleet.api.scalars.duration import Duration
from modelfleet.api.scalars.names import WORD, DnsName, HeaderName, Word
from modelfleet.api.scalars.numbers import Overprovisioning, Share
from modelfleet.api.scalars.text import keys_rule


class TrafficClass(Model):
    """A class of traffic with a part of each tier that others cannot take."""

    when: Condition | None = Field(
        default=None, description="Which requests are of this class; one class may leave it out and gets the rest."
    )
    share: Share = Field(description="Its part of what a tier can serve at once, such as 20%.")


TrafficClasses = Annotated[
    dict[str, TrafficClass],
    keys_rule(
        "class-names",
        WORD,
        "the name of a class is one word: letters, digits, '-', '_' and '.', with a letter or digit at both ends",
        "{'a class': {share: 20%}}",
    ),
    Field(min_length=1, max_length=8),
]


class Per(StrEnum):
    """What a limit is counted by."""

    TENANT = "tenant"
    FEATURE = "feature"
    STEP = "step"
    CLASS = "class"
    POLICY = "policy"


class Limit(Model):
    """How much may be asked in a while."""

    per: Per = Field(description="What it is counted by; policy counts all requests together.")
    requests: Integer | None = Field(default=None, description="How many requests.", ge=1, le=1_000_000_000)
    tokens: Integer | None = Field(default=None, description="How many tokens, in and out.", ge=1, le=1_000_000_000_000)
    every: Duration = Field(description="The time in which they are counted, such as 1m.")


class Shadow(Model):
    """A model that hears some of the requests and whose answers nobody sees."""

    model: DnsName = Field(description="The name of the ModelDeployment.")
    percent: Integer = Field(description="The part of the requests, in percent.", ge=1, le=100)


class RegionMode(StrEnum):
    """Who decides that a region has failed."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Regions(Model):
    """In which order regions serve."""

    order: Ordered[Word] = Field(description="The regions, the preferred one first.", min_length=1, max_length=16)
    mode: RegionMode | None = Field(
        default=None, description="automatic: as replicas fail. manual: only the active one. Without one, automatic."
    )
    active: Word | None = Field(
        default=None,
        description="The region that serves now, for manual; null for none.",
        json_schema_extra={"nullable": True},
    )
    overprovisioning: Overprovisioning | None = Field(
        default=None, description="How much of a region must be left before the next one helps; without one, 140%."
    )


class Affinity(Model):
    """What makes requests go to the same replica, as far as its load allows."""

    prefix_bytes: Integer | None = Field(
        default=None, description="The same beginning of the prompt, in bytes.", ge=16, le=65536
    )
    header: HeaderName | None = Field(default=None, description="The same value of this header.")
