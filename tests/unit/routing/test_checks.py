"""What the table of mistakes does not show of the smaller checks: where they say nothing."""

import pytest

from modelfleet.api.routingpolicy.unenforced import ENFORCED
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.routing.facts import check_facts
from modelfleet.routing.isolation import check_isolation
from modelfleet.routing.times import check_times
from modelfleet.routing.transport import check_transport
from modelfleet.routing.unsupported import check_support
from tests.support.documents import fleet, model, policy

ACCESS = "access: {apiKeys: {secretRefs: [{name: keys}]}}"
NAMES = "identifiers: {step: x-step, feature: x-feature, features: [search]}"


def facts(change: str) -> list[Finding]:
    return list(check_facts(fleet(policy(change))))


@pytest.mark.parametrize(
    "when",
    [
        "{step: plan}",
        "{feature: search}",
        "{feature: other}",
        "{tenant: acme}",
        "{tenant: anonymous}",
        "{stream: true}",
    ],
)
def test_what_the_policy_can_know_may_be_asked(when: str) -> None:
    assert facts(f"{{rules: [{{name: a, when: {when}, tier: light}}], {NAMES}, {ACCESS}}}") == []


def test_the_tenant_of_everybody_needs_no_access() -> None:
    assert facts("rules: [{name: a, when: {tenant: anonymous}, tier: light}]") == []


def test_without_a_list_of_features_every_feature_is_other() -> None:
    rules = "rules: [{name: a, when: {feature: other}, tier: light}, {name: b, when: {feature: x}, tier: light}]"
    found = facts(f"{{{rules}, identifiers: {{feature: x-feature}}}}")
    assert [finding.path for finding in found] == [("spec", "rules", 1, "when", "feature")]


def test_limits_may_count_by_what_is_known() -> None:
    limits = ", ".join(
        f"{{per: {per}, requests: 1, every: 1s}}" for per in ("tenant", "feature", "step", "class", "policy")
    )
    assert facts(f"{{limits: [{limits}], {NAMES}, {ACCESS}, classes: {{a: {{share: 20%}}}}}}") == []


@pytest.mark.parametrize(
    ("tier", "scale", "measured"),
    [
        ("maxInFlight: 4", "null", True),
        ("maxInFlight: null", "{concurrencyPerReplica: 8}", True),
        ("maxInFlight: null", "{replicas: 2}", False),
        ("maxInFlight: null", "null", False),
    ],
)
def test_a_tier_is_measured_by_its_bound_or_by_all_of_its_models(tier: str, scale: str, measured: bool) -> None:
    raw = policy(
        f"{{classes: {{a: {{share: 20%}}}}, tiers: [{{name: t, models: [{{name: m}}, {{name: n}}], {tier}}}]}}"
    )
    objects = model("scale: {concurrencyPerReplica: 8}"), model(f"scale: {scale}", name="n")
    assert (not list(check_isolation(fleet(raw, *objects)))) == measured


def test_a_model_that_is_not_there_is_not_also_called_unmeasured() -> None:
    assert list(check_isolation(fleet(policy("classes: {a: {share: 20%}}")))) == []


def test_without_classes_nothing_has_to_be_measured() -> None:
    assert list(check_isolation(fleet(policy(), model()))) == []


@pytest.mark.parametrize(
    "timeouts",
    [
        "{firstToken: 10m}",
        "{total: 30s, firstToken: 30s, answer: 30000ms}",
        "{total: 30s, stream: 1h, betweenTokens: 1m}",
    ],
)
def test_bounds_that_can_be_reached_are_nobody_s_mistake(timeouts: str) -> None:
    assert list(check_times(fleet(policy(f"timeouts: {timeouts}")))) == []


def test_a_bound_is_held_against_the_default_of_the_whole() -> None:
    found = list(check_times(fleet(policy("timeouts: {answer: 1h, betweenTokens: 2h}"))))
    assert [finding.path[-1] for finding in found] == ["answer", "betweenTokens"]
    assert "total (10m)" in found[0].message
    assert "stream (30m)" in found[1].message


def test_what_is_said_to_loopback_needs_no_tls() -> None:
    external = "{{engine: null, external: {{url: 'http://{}/v1'}}}}"
    for host in ("127.0.0.1:8000", "127.8.9.10", "localhost", "LocalHost:80", "[::1]:80", "[0:0::1]"):
        assert list(check_transport(fleet(model(external.format(host))))) == []
    for host in ("models.example.com", "localhost.evil.com", "127.example.com", "localhosts", "128.0.0.1", "[::11]"):
        assert len(list(check_transport(fleet(model(external.format(host)))))) == 1, host


def test_an_empty_clause_asks_for_nothing_and_is_not_told() -> None:
    assert list(check_support(fleet(policy("{rules: [], limits: [], degrade: [], shadow: [], observe: []}")))) == []


def test_https_is_nobody_s_mistake() -> None:
    external = "{engine: null, external: {url: 'https://api.example.com/v1'}}"
    jwt = "access: {jwt: {issuer: me, jwks: {url: 'https://auth.example.com'}}}"
    assert list(check_transport(fleet(model(external), policy(jwt), policy(ACCESS, name="q")))) == []


def test_a_policy_of_what_is_enforced_is_told_nothing() -> None:
    clauses = {"serves", "identifiers", "tiers", "rules", "timeouts", "retries", "degrade", "breaker", "mode"}
    assert clauses == ENFORCED
    made = "{degrade: [{tier: light}, {answer: {body: later}}], retries: {attempts: 1}, timeouts: {answer: 1s}}"
    assert list(check_support(fleet(policy("mode: Enforce"), policy(made, name="q")))) == []


def test_a_bound_on_a_tier_is_not_enforced_yet_and_told_where_it_stands() -> None:
    light, large = ({"name": name, "models": [{"name": "m"}]} for name in ("light", "large"))
    (found,) = check_support(fleet(policy(tiers=[light, {**large, "maxInFlight": 4}])))
    assert (found.path, found.severity) == (("spec", "tiers", 1, "maxInFlight"), Severity.WARNING)
    assert found.reason is Reason.UNSUPPORTED
    assert list(check_support(fleet(policy(tiers=[light, large])))) == []


def test_what_is_not_enforced_yet_is_a_warning() -> None:
    (found,) = check_support(fleet(policy("mode: Observe")))
    assert (found.path, found.severity) == (("spec", "mode"), Severity.WARNING)
