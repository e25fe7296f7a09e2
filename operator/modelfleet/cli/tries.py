"""What lint says of policies that have no errors: the most tries that one request can cause."""

from modelfleet.api.routingpolicy.rules.tries import WorstCase, worst_case
from modelfleet.findings import Key, Severity
from modelfleet.sources.review import Review


def worst_cases(review: Review) -> dict[Key, WorstCase]:
    """The worst case of each policy that no error is told of, in the order of their names."""
    wrong = {finding.subject for finding in review.findings if finding.severity is Severity.ERROR}
    return {key: worst_case(policy.spec) for key, policy in review.policies.items() if key not in wrong}
