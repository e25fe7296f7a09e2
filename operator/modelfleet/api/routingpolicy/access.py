"""Who may call."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.model import Distinct, Model, Ordered, String
from modelfleet.api.scalars.addresses import Url
from modelfleet.api.scalars.names import BodyPath, DnsName


class SecretRef(Model):
    """A Secret in the policy's namespace."""

    name: DnsName = Field(description="The name of the Secret.")


class ApiKeys(Model):
    """Keys of callers."""

    secret_refs: Ordered[SecretRef] = Field(
        description="Secrets of which each entry is the name of a tenant with its key.", min_length=1, max_length=16
    )


class Jwks(Model):
    """Where the issuer's keys are."""

    url: Url = Field(description="The address of the key set.")


class Jwt(Model):
    """Tokens of callers."""

    issuer: Annotated[String, Field(min_length=1, max_length=512)] = Field(
        description="Who issues the tokens, as in iss."
    )
    audiences: Distinct[Annotated[String, Field(min_length=1, max_length=256)]] | None = Field(
        default=None,
        description="Whom the tokens are for, as in aud; left out, it is not looked at.",
        min_length=1,
        max_length=16,
    )
    jwks: Jwks = Field(description="Where the issuer's keys are.")
    tenant_claim: BodyPath | None = Field(
        default=None, description="The claim that names the tenant; without one, sub."
    )


class Access(Model):
    """Who may call; with both, either is enough."""

    api_keys: ApiKeys | None = Field(default=None, description="Keys, as Authorization: Bearer or as x-api-key.")
    jwt: Jwt | None = Field(default=None, description="Tokens that an issuer signed.")
