"""What modelfleet reports of a policy."""

from pydantic import Field

from modelfleet.api.inforce import KeptStatus
from modelfleet.api.model import ByName, Integer, Model, Ordered, String


class GatewayStatus(Model):
    """The policy on one gateway."""

    name: String = Field(description="The gateway.")
    acknowledged: Integer = Field(description="Its Envoys that have acknowledged the revision.", ge=0)
    total: Integer = Field(description="Its Envoys.", ge=0)
    revision: String | None = Field(default=None, description="The revision in force there.")
    refused: String | None = Field(default=None, description="Why an Envoy refused the newest revision.")


class LostName(Model):
    """A name that an older policy has."""

    model: String = Field(description="The name that callers would write.")
    host: String | None = Field(default=None, description="The host; left out, any.")
    to: String = Field(description="The policy that has it, as namespace/name.")


class CurrentRung(Model):
    """Where the unluckiest request would end up now."""

    index: Integer = Field(
        description="Its place on the ladder: 0 for what was wanted, the ladder's length where nothing is left.", ge=0
    )
    name: String = Field(description="The tier that it falls to; or wanted, answer, none.")
    since: String = Field(description="Since when.", json_schema_extra={"format": "date-time"})


class Effective(Model):
    """What holds after defaults, for what the spec may leave out."""

    total: String | None = Field(default=None, description="timeouts.total.")
    first_token: String | None = Field(default=None, description="timeouts.firstToken.")
    answer: String | None = Field(default=None, description="timeouts.answer.")
    between_tokens: String | None = Field(default=None, description="timeouts.betweenTokens.")
    stream: String | None = Field(default=None, description="timeouts.stream.")
    attempts: Integer | None = Field(default=None, description="retries.attempts.", ge=0)
    worst_case_tries: Integer | None = Field(
        default=None, description="The most tries that one request can cause.", ge=0
    )


class RoutingPolicyStatus(KeptStatus):
    """Whether the policy is in force, where, and at which revision."""

    programmed: String | None = Field(default=None, description="How many Envoys have acknowledged it, such as 2/3.")
    revision: String | None = Field(default=None, description="The revision that was last sent.")
    gateways: ByName[GatewayStatus] | None = Field(default=None, description="The same by gateway.", max_length=16)
    rung: CurrentRung | None = Field(default=None, description="Where the unluckiest request would end up now.")
    lost_names: Ordered[LostName] | None = Field(
        default=None, description="Names that an older policy has.", max_length=64
    )
    effective: Effective | None = Field(default=None, description="What holds after defaults.")
