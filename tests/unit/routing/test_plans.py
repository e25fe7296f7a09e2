"""What each clause comes to, in the numbers that gateways are told."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.api.routingpolicy.decision import When
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.clauses.conditions import plan_condition
from modelfleet.routing.gateways import plan_gateways
from modelfleet.routing.plan import BreakerPlan, GatewayPlan, HostPlan, PolicyPlan, TargetPlan
from tests.support.documents import Document, fleet, model, policy

HOSTED = "{{engine: null, external: {{url: '{}'{}}}}}"


def planned(*documents: Document, gateway: str = "default") -> GatewayPlan:
    world = World(gateways={gateway: Gateway(gateway)})
    (plan,) = plan_gateways(replace(fleet(*documents), world=world))
    return plan


def one(change: str = "", *others: Document, **spec: Any) -> PolicyPlan:
    (plan,) = planned(policy(change, **spec), *(others or [model()])).policies
    return plan


def target(engine: str = "", change: str = "") -> TargetPlan:
    (found,) = planned(policy(change), model(engine)).targets
    return found


def host(url: str, more: str = "") -> HostPlan:
    found = target(HOSTED.format(url, more)).host
    assert found is not None
    return found


def test_the_five_line_policy_has_safe_defaults_for_everything() -> None:
    assert one().numbers == {
        "features": [],
        "times": {"total": 600_000, "firstToken": 60_000, "answer": 600_000, "gap": 60_000, "lower": True},
        "tiers": [{"name": "light", "models": [{"name": "m", "weight": 1, "cluster": "default/m/way", "alias": "m"}]}],
        "rules": [],
        "classes": [],
        "ladder": {"falls": []},
        "retries": {"attempts": 1, "percent": 20},
    }


@pytest.mark.parametrize(
    ("timeouts", "times", "stream"),
    [
        ("{total: 30s}", (30_000, 60_000, 30_000, 60_000), 1_800_000),
        ("{answer: 20s, firstToken: 4s}", (600_000, 4_000, 20_000, 60_000), 1_800_000),
        ("{betweenTokens: 10s, firstToken: 4s}", (600_000, 4_000, 600_000, 10_000), 1_800_000),
        ("{betweenTokens: 2s, firstToken: 4s}", (600_000, 4_000, 600_000, 2_000), 1_800_000),
        ("{stream: 10m}", (600_000, 60_000, 600_000, 60_000), 600_000),
    ],
)
def test_timeouts_that_are_left_out_have_their_default(timeouts: str, times: tuple[int, ...], stream: int) -> None:
    plan = one(f"timeouts: {timeouts}")
    said = plan.numbers["times"]
    assert (said["total"], said["firstToken"], said["answer"], said["gap"]) == times
    assert plan.stream_ms == stream


def test_whether_callers_may_lower_is_the_policy_s_word() -> None:
    assert one("timeouts: {clientMayLower: false}").numbers["times"]["lower"] is False
    assert one("timeouts: {total: 1s}").numbers["times"]["lower"] is True


def test_identifiers_are_headers_in_lower_case_and_features_in_order() -> None:
    names = "identifiers: {session: X-Session, step: X-Step, feature: X-Feature, features: [search, legal]}"
    numbers = one(names).numbers
    said = {name: numbers[name] for name in ("session", "step", "feature", "features")}
    assert said == {"session": "x-session", "step": "x-step", "feature": "x-feature", "features": ["legal", "search"]}
    assert "session" not in one("identifiers: {step: x-step}").numbers


@pytest.mark.parametrize(
    ("when", "plan"),
    [
        ({"headers": {"X-A": "Bc"}}, {"headers": {"x-a": "Bc"}}),
        ({"path": "/v1/*"}, {"path": {"text": "/v1/", "prefix": True}}),
        ({"path": "/v1/chat"}, {"path": {"text": "/v1/chat", "prefix": False}}),
        ({"promptBytes": ">=5"}, {"promptBytes": {"sign": ">=", "number": 5}}),
        ({"maxTokens": "<7"}, {"maxTokens": {"sign": "<", "number": 7}}),
        ({"tools": False, "stream": True}, {"tools": False, "stream": True}),
        (
            {"class": "a", "step": "b", "feature": "c", "tenant": "d"},
            {"class": "a", "step": "b", "feature": "c", "tenant": "d"},
        ),
        ({"missing": ["a.b", "header:X-A"]}, {"missing": [{"path": "a.b"}, {"header": "x-a"}]}),
        ({"empty": ["messages"]}, {"empty": [{"path": "messages"}]}),
    ],
)
def test_a_condition_is_numbers_and_names(when: dict[str, Any], plan: dict[str, Any]) -> None:
    assert plan_condition(When.model_validate(when)) == plan


def test_no_condition_is_an_empty_one() -> None:
    assert plan_condition(None) == {}


def test_rules_lead_to_tiers_by_number_to_models_with_shares_or_to_an_answer() -> None:
    rules = [
        {"name": "a", "tier": "large"},
        {"name": "b", "models": [{"name": "m", "weight": 3}, {"name": "n", "weight": 0}]},
        {"name": "c", "answer": {"body": "no"}},
    ]
    tiers = [{"name": "light", "models": [{"name": "m"}]}, {"name": "large", "models": [{"name": "m"}]}]
    share = {"name": "m", "weight": 3, "cluster": "default/m/way", "alias": "m"}
    assert one("", tiers=tiers, rules=rules).numbers["rules"] == [
        {"name": "a", "when": {}, "tier": 2},
        {"name": "b", "when": {}, "models": [share]},
        {"name": "c", "when": {}, "answer": {"status": 200, "body": "no"}},
    ]


def test_classes_are_in_the_order_of_their_names() -> None:
    classes = "classes: {b: {share: 20%, when: {stream: true}}, a: {share: 80%}}"
    assert one(classes).numbers["classes"] == [{"name": "a"}, {"name": "b", "when": {"stream": True}}]


def test_a_policy_may_lower_the_size_of_a_body() -> None:
    assert one(serves={"models": ["a"], "maxBodyBytes": 2048}).numbers["maxBodyBytes"] == 2048
    assert "maxBodyBytes" not in one().numbers


def test_a_policy_claims_each_name_on_each_of_its_hosts() -> None:
    both = {"models": ["b", "a"], "hosts": ["y.example.com", "x.example.com"]}
    assert one(serves=both).claims == tuple((f"{at}.example.com", name) for at in "xy" for name in "ab")
    assert one().claims == (("", "auto"),)


def test_only_the_policies_that_name_a_gateway_are_on_it_and_only_with_their_targets() -> None:
    mine = policy(name="p", serves={"models": ["a"], "gateways": ["edge"]})
    other = policy(name="q", tiers=[{"name": "t", "models": [{"name": "n"}]}])
    plan = planned(mine, other, model(), model(name="n"), gateway="edge")
    assert [it.key.name for it in plan.policies] == ["p"]
    assert [it.name for it in plan.targets] == ["default/m"]


def test_a_gateway_that_nobody_names_has_a_plan_all_the_same() -> None:
    plan = planned(policy(), model(), gateway="edge")
    assert (plan.gateway.name, plan.policies, plan.targets) == ("edge", (), ())


def test_a_target_is_a_model_as_one_breaker_sees_it() -> None:
    assert target("model: {name: engine-name}") == TargetPlan(
        name="default/m",
        model=Key("ModelDeployment", "default", "m"),
        declared=True,
        alias="engine-name",
        breaker=BreakerPlan(5, 10_000),
        connect_ms=1_000,
        slow_start_ms=0,
        tries=2,
        host=None,
    )


def test_a_target_knows_the_most_tries_of_those_who_share_it() -> None:
    few, many = policy("retries: {attempts: 0}"), policy("retries: {attempts: 3}")
    few["metadata"]["name"], many["metadata"]["name"] = "few", "many"
    many["spec"]["serves"]["models"] = ["other"]
    for order in ((few, many), (many, few)):
        (found,) = planned(*order, model()).targets
        assert found.tries == 4


@pytest.mark.parametrize(
    ("breaker", "name"),
    [
        ("{consecutive: 5, ejectFor: 10s}", "default/m"),
        ("{ejectFor: 10s}", "default/m"),
        ("{consecutive: 3}", "default/m/3x10000ms"),
        ("{consecutive: 5, ejectFor: 10001ms}", "default/m/5x10001ms"),
    ],
)
def test_only_a_breaker_that_differs_makes_another_target(breaker: str, name: str) -> None:
    found = target(change=f"breaker: {breaker}")
    assert found.name == name
    assert one(f"breaker: {breaker}").targets == (name,)
    assert one(f"breaker: {breaker}").numbers["tiers"][0]["models"][0]["cluster"] == f"{name}/way"


@pytest.mark.parametrize(
    ("change", "name", "connect_ms"),
    [
        ("timeouts: {total: 1s}", "default/m", 1_000),
        ("timeouts: {total: 250ms}", "default/m/connect-250ms", 250),
        ("{timeouts: {answer: 300ms}, breaker: {consecutive: 2}}", "default/m/2x10000ms/connect-300ms", 300),
    ],
)
def test_a_shorter_time_to_connect_makes_another_target(change: str, name: str, connect_ms: int) -> None:
    found = target(change=change)
    assert (found.name, found.way, found.connect_ms) == (name, f"{name}/way", connect_ms)
    assert one(change).targets == (name,)


def test_policies_that_agree_on_the_breaker_share_its_targets() -> None:
    other = "{serves: {models: [b]}, breaker: {consecutive: 2}}"
    plan = planned(policy(), policy(other, name="q"), policy("serves: {models: [c]}", name="r"), model())
    assert [it.name for it in plan.targets] == ["default/m", "default/m/2x10000ms"]


def test_a_model_with_a_share_nowhere_is_no_target_and_one_named_twice_is_one() -> None:
    tiers = [{"name": "t", "models": [{"name": "m"}, {"name": "n", "weight": 0}]}]
    rules = [{"name": "r", "models": [{"name": "m", "weight": 7}]}]
    plan = planned(policy(tiers=tiers, rules=rules), model(), model(name="n"))
    assert [it.name for it in plan.targets] == ["default/m"]


def test_a_model_that_is_gone_is_a_target_of_its_own_name() -> None:
    (found,) = planned(policy()).targets
    assert (found.name, found.declared, found.alias, found.host) == ("default/m", False, "m", None)


def test_a_model_of_another_namespace_is_another_one() -> None:
    made = policy(namespace="a"), model(namespace="a"), policy("serves: {models: [b]}", name="q"), model()
    assert [it.name for it in planned(*made).targets] == ["a/m", "default/m"]


def test_a_slow_start_goes_along() -> None:
    assert target("warmup: {slowStart: 90s}").slow_start_ms == 90_000


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com/v1", (True, "api.example.com", 443, "/v1")),
        ("https://API.example.com:8443/a/v1/", (True, "api.example.com", 8443, "/a/v1")),
        ("http://localhost:8080", (False, "localhost", 8080, "")),
        ("http://localhost/", (False, "localhost", 80, "")),
        ("http://[::1]:9000/v1", (False, "::1", 9000, "/v1")),
        ("https://10.0.0.1/v1//", (True, "10.0.0.1", 443, "/v1")),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: tuple[bool, str, int, str]) -> None:
    found = host(url)
    assert (found.secure, found.host, found.port, found.path) == expected


@pytest.mark.parametrize(
    ("url", "path"),
    [("https://a.example.com/v1/", None), ("https://a.example.com/x", "/x"), ("https://a.example.com", "")],
)
def test_a_path_is_told_to_the_script_where_it_is_not_the_usual_one(url: str, path: str | None) -> None:
    (share,) = one("", model(HOSTED.format(url, ""))).numbers["tiers"][0]["models"]
    assert share.get("path") == path


def test_a_hosted_model_knows_its_region_and_its_key_or_passes_on_the_caller_s() -> None:
    found = host("https://a.example.com", ", region: eu, credentials: {secretRef: {name: keys, key: token}}")
    assert (found.region, found.secret) == ("eu", (Key("Secret", "default", "keys"), "token"))
    assert found.passes_through is False
    passing = host("https://a.example.com", ", credentials: {passThrough: true}")
    assert (passing.secret, passing.passes_through) == (None, True)
    (share,) = one("", model(HOSTED.format("https://a.example.com/v1", ", credentials: {passThrough: true}"))).numbers[
        "tiers"
    ][0]["models"]
    assert share["passThrough"] is True
