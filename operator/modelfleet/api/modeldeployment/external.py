"""A model that somebody else serves."""

from pydantic import Field

from modelfleet.api.model import Flag, Model
from modelfleet.api.modeldeployment.engine import EntryRef
from modelfleet.api.scalars.addresses import Url
from modelfleet.api.scalars.names import Currency, Word
from modelfleet.api.scalars.numbers import Price


class Credentials(Model):
    """How a hosted model knows who calls."""

    secret_ref: EntryRef | None = Field(default=None, description="The entry of a Secret that holds the bearer token.")
    pass_through: Flag | None = Field(
        default=None, description="true: the caller's own authorization goes along. Without it, it never does."
    )


class External(Model):
    """An OpenAI-compatible address outside the fleet."""

    url: Url = Field(description="The address, up to and with the version: https://api.example.com/v1.")
    region: Word | None = Field(default=None, description="Where it is, for policies that order regions.")
    credentials: Credentials | None = Field(default=None, description="Left out, requests go without credentials.")


class TokenPrice(Model):
    """What a hosted model charges."""

    input_per_million_tokens: Price = Field(description='For a million tokens in, as a decimal in quotes: "3".')
    output_per_million_tokens: Price = Field(description='For a million tokens out, as a decimal in quotes: "15".')
    currency: Currency = Field(default="USD", description="The currency of the prices.")
