"""What a status remembers of an object: the version of its spec that is in force."""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from modelfleet.api.meta import Status
from modelfleet.api.model import Integer, Model

Anything = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]
"""A spec without a schema of its own: it is checked when it is read, as the object was."""


class InForceStatus(Model):
    """The version that is in force."""

    generation: Integer = Field(description="Its metadata.generation.", ge=0)
    spec: Anything | None = Field(default=None, description="Its spec, for who was not there when the object said so.")


class KeptStatus(Status):
    """What is reported of kinds of which the last good version stays in force."""

    in_force: InForceStatus | None = Field(
        default=None,
        description="The newest version without an error, which is in force; absent where there never was one.",
        # Written whole: nobody else may own a part of a spec that was good.
        json_schema_extra={"x-kubernetes-map-type": "atomic"},
    )
