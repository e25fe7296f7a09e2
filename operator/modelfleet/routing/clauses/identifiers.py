"""identifiers: the headers that say what a request belongs to."""

from typing import Any

from modelfleet.api.routingpolicy.spec import RoutingPolicySpec


def plan_identifiers(spec: RoutingPolicySpec) -> dict[str, Any]:
    """The names of the headers, as far as there are any, and the features that count by name."""
    names = spec.identifiers
    if names is None:
        return {"features": []}
    headers = {"session": names.session, "step": names.step, "feature": names.feature}
    return {
        **{what: header.lower() for what, header in headers.items() if header},
        "features": sorted(names.features or ()),
    }
