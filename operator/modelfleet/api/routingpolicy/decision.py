"""How a request finds its tier: rules, what they ask, and the score."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from modelfleet.api.model import Distinct, Flag, Integer, Model, Number, Ordered, String
from modelfleet.api.routingpolicy.tiers import WeightedModel
from modelfleet.api.rule import Rule, unless
from modelfleet.api.scalars.addresses import RequestPath
from modelfleet.api.scalars.names import ByHeader, DnsLabel, RequestItem, Word
from modelfleet.api.scalars.numbers import Bound, Comparison
from modelfleet.findings import Reason

LAST_WITH_WORDS, FIRST_ERROR = 203, 400
"""What lies between these has no body, has a part of one, or sends the caller elsewhere."""

HeaderText = Annotated[String, Field(max_length=256)]


class When(Model):
    """What a request must be like; everything that is said must hold."""

    headers: ByHeader[HeaderText] | None = Field(
        default=None, description="Headers and the values that they must have."
    )
    path: RequestPath | None = Field(default=None, description="The path; with * at the end, its beginning.")
    step: Word | None = Field(default=None, description="The step, from the header that identifiers names.")
    feature: Word | None = Field(default=None, description="The feature, from the header that identifiers names.")
    tenant: Word | None = Field(default=None, description="The tenant, from the key or token that access asks for.")
    class_: Word | None = Field(default=None, alias="class", description="The class of traffic, one of spec.classes.")
    prompt_bytes: Comparison | None = Field(
        default=None, description="The size of the prompt in bytes, such as >100000."
    )
    max_tokens: Comparison | None = Field(default=None, description="The tokens that the caller allows, such as >4096.")
    tools: Flag | None = Field(default=None, description="Whether the request offers tools.")
    stream: Flag | None = Field(default=None, description="Whether the caller asks for a stream.")
    missing: Distinct[RequestItem] | None = Field(
        default=None,
        description="Holds when any of these is absent or null: dotted body paths, or header:NAME. Lists are not"
        " entered: what would be in one is always absent.",
        min_length=1,
        max_length=16,
    )
    empty: Distinct[RequestItem] | None = Field(
        default=None, description='Holds when any of these is there and is [], {} or "".', min_length=1, max_length=16
    )


def _says_something(value: Any) -> Any:
    if value == {}:
        raise PydanticCustomError("says_nothing", "Input should have at least 1 condition")
    return value


Condition = Annotated[When, BeforeValidator(_says_something), Field(json_schema_extra={"minProperties": 1})]
"""What a request must be like, at least in one respect: who means every request leaves it out."""


AnswerStatus = Annotated[
    Integer,
    Field(ge=200, le=599),
    Rule(
        name="answer-status",
        cel=f"self <= {LAST_WITH_WORDS} || self >= {FIRST_ERROR}",
        broken=unless(lambda status: status <= LAST_WITH_WORDS or status >= FIRST_ERROR),
        message="must be 200 to 203, or 400 to 599 for an error: an answer has words",
        example="204",
        reason=Reason.INVALID_VALUE,
    ),
]
"""A status that a body may follow: what comes behind a 204 or 304 would be taken for the next answer."""


class Answer(Model):
    """An answer that needs no model, in the form that the caller asked in."""

    status: AnswerStatus = Field(
        default=200, description="The status: 200 to 203, or 400 to 599, which make it an error."
    )
    body: String = Field(description="What it says.", min_length=1, max_length=4096)


class RoutingRule(Model):
    """One rule: when it holds, and to which tier, models or answer the request then goes."""

    name: DnsLabel = Field(description="The name that shows up in the evidence; default is taken.")
    when: Condition | None = Field(default=None, description="What the request must be like; left out, every request.")
    tier: DnsLabel | None = Field(default=None, description="The tier that it goes to.")
    models: Ordered[WeightedModel] | None = Field(
        default=None, description="The models that it goes to, outside the tiers.", min_length=1, max_length=8
    )
    answer: Answer | None = Field(default=None, description="The answer that it gets at once.")
    classify: dict[str, Bound] | None = Field(
        default=None,
        description="The tier by the request's score: for each tier the score that it goes up to, else for the last"
        " one, and for unsure the tier that doubt goes to.",
        min_length=1,
        max_length=9,
    )


class Classifier(Model):
    """What bounds the score's choice."""

    floor: DnsLabel | None = Field(default=None, description="The smallest tier that a score, or doubt, may choose.")
    ceiling: DnsLabel | None = Field(default=None, description="The largest tier that a score, or doubt, may choose.")
    tau: Number | None = Field(
        default=None,
        description="How sure the score must be, from 0 to 1; less is unsure. Without one, 0.6.",
        ge=0,
        le=1,
    )
