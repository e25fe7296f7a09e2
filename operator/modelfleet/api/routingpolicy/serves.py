"""Which requests a policy is for, and how it tells who is behind them."""

from pydantic import Field

from modelfleet.api.model import Distinct, Integer, Model
from modelfleet.api.scalars.names import DnsLabel, DnsName, HeaderName, ServedName, Word


class Serves(Model):
    """The names that the policy answers to."""

    models: Distinct[ServedName] = Field(
        description="What callers write as model, such as auto.", min_length=1, max_length=64
    )
    hosts: Distinct[DnsName] | None = Field(
        default=None,
        description="The host names of these requests; left out, every host; a policy that names the host comes first.",
        min_length=1,
        max_length=32,
    )
    gateways: Distinct[DnsLabel] = Field(
        default=("default",), description="The gateways that serve it.", min_length=1, max_length=16
    )
    max_body_bytes: Integer | None = Field(
        default=None,
        description="The largest request body; larger ones get 413. It can only lower the gateway's own limit.",
        ge=1024,
        le=64 * 1024 * 1024,
    )


class Identifiers(Model):
    """Which headers say what a request belongs to."""

    session: HeaderName | None = Field(
        default=None, description="The header with the session; where it is sent, weights stick to the session."
    )
    step: HeaderName | None = Field(default=None, description="The header with the step of a workflow, for when.step.")
    feature: HeaderName | None = Field(
        default=None, description="The header with the feature, for when.feature and limits."
    )
    features: Distinct[Word] | None = Field(
        default=None,
        description="The features that count by name; any other counts as other.",
        min_length=1,
        max_length=64,
    )
