"""What an application team says of its requests."""

from enum import StrEnum

from pydantic import Field

from modelfleet.api.model import Distinct, Model, Ordered
from modelfleet.api.routingpolicy.access import Access
from modelfleet.api.routingpolicy.decision import Classifier, RoutingRule
from modelfleet.api.routingpolicy.ladder import Breaker, Escalate, Retries, Rung, Timeouts
from modelfleet.api.routingpolicy.serves import Identifiers, Serves
from modelfleet.api.routingpolicy.sharing import Affinity, Limit, Regions, Shadow, TrafficClasses
from modelfleet.api.routingpolicy.tiers import Tier


class Mode(StrEnum):
    """Whether the policy acts."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class Observable(StrEnum):
    """The clauses that can be watched before they act."""

    RULES = "rules"
    RETRIES = "retries"
    ESCALATE = "escalate"
    DEGRADE = "degrade"
    CLASSES = "classes"
    LIMITS = "limits"
    SHADOW = "shadow"
    REGIONS = "regions"
    AFFINITY = "affinity"


class RoutingPolicySpec(Model):
    """Which requests it is for, and where they go; serves and tiers are a whole policy."""

    serves: Serves = Field(description="The names that the policy answers to.")
    identifiers: Identifiers | None = Field(default=None, description="Which headers say what a request belongs to.")
    tiers: Ordered[Tier] = Field(
        description="The tiers, from small to large. Without a rule that fits, a request goes to the first.",
        min_length=1,
        max_length=8,
    )
    rules: Ordered[RoutingRule] | None = Field(
        default=None, description="Which request goes where; the first that fits.", max_length=64
    )
    classifier: Classifier | None = Field(default=None, description="What bounds the choice that classify makes.")
    timeouts: Timeouts | None = Field(default=None, description="How long things may take.")
    retries: Retries | None = Field(default=None, description="Repeats on the same rung.")
    escalate: Escalate | None = Field(default=None, description="Asking a larger tier when the answer is unsure.")
    degrade: Ordered[Rung] | None = Field(
        default=None,
        description="What a request falls to, in order, when its tier cannot serve it; an answer ends it.",
        max_length=8,
    )
    breaker: Breaker | None = Field(
        default=None, description="When a replica is left alone; without one, after 5 failures for 10s."
    )
    classes: TrafficClasses | None = Field(
        default=None, description="Classes of traffic by name, so that one cannot starve another."
    )
    limits: Ordered[Limit] | None = Field(default=None, description="How much may be asked in a while.", max_length=16)
    shadow: Ordered[Shadow] | None = Field(
        default=None, description="Models that hear some of the requests.", max_length=8
    )
    regions: Regions | None = Field(default=None, description="In which order regions serve.")
    affinity: Affinity | None = Field(default=None, description="What makes requests go to the same replica.")
    access: Access | None = Field(default=None, description="Who may call; left out, whoever reaches the gateway.")
    mode: Mode = Field(
        default=Mode.ENFORCE,
        description="Enforce, or Observe: decide and record what would have happened, and change nothing.",
    )
    observe: Distinct[Observable] | None = Field(
        default=None, description="Single clauses that only observe.", max_length=16
    )
