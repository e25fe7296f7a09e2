"""What is not enforced yet says so wherever a user reads of it, and is refused: the two never part."""

from modelfleet.api.crd import object_schema
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import dotted
from modelfleet.routing.unsupported import check_support
from tests.support.documents import fleet, policy
from tests.support.structural import nodes

SAID = {
    "spec.access": "access: {apiKeys: {secretRefs: [{name: keys}]}}",
    "spec.affinity": "affinity: {header: x-session}",
    "spec.classes": "classes: {batch: {share: 20%}}",
    "spec.classifier": "classifier: {tau: 0.5}",
    "spec.escalate": "escalate: {when: {confidenceBelow: 0.5, from: {json: confidence}}}",
    "spec.limits": "limits: [{per: policy, requests: 5, every: 1m}]",
    "spec.mode": "mode: Observe",
    "spec.observe": "observe: [rules]",
    "spec.regions": "regions: {order: [eu]}",
    "spec.rules[0].classify": "rules: [{name: a, classify: {light: else}}]",
    "spec.shadow": "shadow: [{model: m, percent: 5}]",
    "spec.tiers[0].maxInFlight": "tiers: [{name: light, models: [{name: m}], maxInFlight: 5}]",
}
"""Each place that is refused, and a policy that says something there."""


def test_each_of_these_is_refused_and_nothing_beside_it() -> None:
    refused = {place: [dotted(one.path) for one in check_support(fleet(policy(said)))] for place, said in SAID.items()}
    assert refused == {place: [place] for place in SAID}


def test_what_is_refused_is_described_so_and_nothing_else_is() -> None:
    described = {path for path, node in nodes(object_schema(RoutingPolicy)) if "ot enforced yet" in about(node)}
    assert described == {place.replace("[0]", "[*]") for place in SAID}


def about(node: object) -> str:
    return str(node.get("description", "")) if isinstance(node, dict) else ""
