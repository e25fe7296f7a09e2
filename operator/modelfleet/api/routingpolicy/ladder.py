"""What happens when a tier cannot serve: the clock, repeats, climbs, falls."""

from enum import StrEnum

from pydantic import Field

from modelfleet.api.model import Distinct, Flag, Integer, Model, Number
from modelfleet.api.routingpolicy.decision import Answer
from modelfleet.api.scalars.duration import Duration
from modelfleet.api.scalars.names import BodyPath, DnsLabel, HeaderName

DEFAULT_TOTAL = Duration.parse("10m")
DEFAULT_STREAM = Duration.parse("30m")


class Timeouts(Model):
    """How long things may take; the smaller bound wins."""

    total: Duration | None = Field(
        default=None,
        description="Everything up to a stream's first byte, or to the whole JSON answer; without one, 10m.",
    )
    first_token: Duration | None = Field(default=None, description="A stream's first byte, per try; without one, 60s.")
    answer: Duration | None = Field(
        default=None, description="A whole JSON answer, per try; without one, what total leaves."
    )
    between_tokens: Duration | None = Field(
        default=None, description="The gap between two pieces of a stream; without one, 60s."
    )
    stream: Duration | None = Field(default=None, description="A stream as a whole; without one, 30m.")
    client_may_lower: Flag = Field(
        default=True, description="Whether a caller may ask for less with x-request-timeout; never for more."
    )


class Failure(StrEnum):
    """What a try can fail of."""

    CONNECT = "connect"
    RESET = "reset"
    TIMEOUT = "timeout"
    OVERLOAD = "overload"
    SERVER_ERROR = "5xx"


class Retries(Model):
    """Repeats on the same rung, on another replica where there is one."""

    attempts: Integer | None = Field(
        default=None,
        description="How often a rung is tried again; without one, 0 with a ladder and 1 without.",
        ge=0,
        le=11,
    )
    retry_on: Distinct[Failure] | None = Field(
        default=None,
        description="The failures that lead to the next try; another ends the request. Left out, all.",
        min_length=1,
        max_length=5,
    )
    budget_percent: Integer = Field(
        default=20, description="Repeats in percent of the requests of the last 10 s, at least 3.", ge=0, le=100
    )


class EscalateTo(StrEnum):
    """Where an answer of low confidence leads."""

    NEXT_TIER = "nextTier"


class ConfidenceFrom(Model):
    """Where an answer says how sure it is."""

    json_: BodyPath | None = Field(default=None, alias="json", description="The path in a JSON answer.")
    header: HeaderName | None = Field(default=None, description="The name of a response header.")


class EscalateWhen(Model):
    """Which answers are not good enough."""

    confidence_below: Number = Field(description="The confidence that is too low, from 0 to 1.", ge=0, le=1)
    from_: ConfidenceFrom = Field(alias="from", description="Where the answer says it.")


class Escalate(Model):
    """Asking a larger tier when the answer is not sure of itself."""

    when: EscalateWhen = Field(description="Which answers are not good enough.")
    to: EscalateTo = Field(default=EscalateTo.NEXT_TIER, description="Where the request goes then.")
    max: Integer | None = Field(default=None, description="How often, for one request; without one, 1.", ge=1, le=7)


class Rung(Model):
    """A step of the ladder: a tier, or the answer at its end."""

    tier: DnsLabel | None = Field(default=None, description="The tier that the request falls to.")
    answer: Answer | None = Field(default=None, description="The answer that it gets when nothing can serve it.")


class Breaker(Model):
    """When a replica is left alone for a while."""

    consecutive: Integer = Field(default=5, description="How many failures in a row.", ge=1, le=1000)
    eject_for: Duration = Field(default=Duration.parse("10s"), description="For how long.")
