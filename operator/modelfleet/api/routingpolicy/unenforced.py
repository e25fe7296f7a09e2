"""What this version checks, but no gateway enforces yet: one list for lint, kubectl explain and the manual."""

from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.rule import attributes

ENFORCED = frozenset({"serves", "identifiers", "tiers", "rules", "timeouts", "retries", "degrade", "breaker", "mode"})
"""The clauses of which a policy may be made today; what comes to be enforced comes to stand here."""

WITHIN = ("spec.tiers[*].maxInFlight", "spec.rules[*].classify")
"""Parts that are not enforced of clauses that are."""

UNENFORCED = (*(f"spec.{clause}" for clause in attributes(RoutingPolicySpec) if clause not in ENFORCED), *WITHIN)
"""The places of all that is not: a policy that says something there is refused."""

NOTES = {
    **dict.fromkeys(UNENFORCED, "Not enforced yet: a policy with it is refused."),
    "spec.mode": "Observe is not enforced yet: a policy with it is refused.",
}
"""What the description of each place says of that."""
