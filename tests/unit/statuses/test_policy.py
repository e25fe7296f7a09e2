"""What is true of a policy: its names, its references, and what holds where it says nothing."""

from typing import Any

from modelfleet.findings import Key
from tests.support.documents import Document, model, policy
from tests.support.statuses import Cluster, P, Said, said, statuses, types

Q = Key("RoutingPolicy", "default", "q")


def status(raw: Document, **unknown: str) -> dict[str, Any]:
    return statuses(model(), raw, cluster=Cluster(unknown=unknown))[P]


def test_a_policy_is_in_order_before_any_gateway_has_it_and_does_not_say_more() -> None:
    found = status(policy())
    assert types(found) == ["Accepted", "ResolvedRefs", "Conflicted", "Programmed", "Degraded", "Ready"]
    states = [said(found, type_).status for type_ in types(found)]
    assert states == ["True", "True", "False", "Unknown", "False", "Unknown"]
    assert said(found, "Ready") == Said("Unknown", "NoGateway", "no gateway has reported yet")


def test_a_model_that_is_not_there_is_told_with_its_place_and_the_name_that_is_near() -> None:
    found = statuses(model(name="chat-small"), policy(tiers=[{"name": "a", "models": [{"name": "chat-smal"}]}]))[P]
    assert said(found, "ResolvedRefs") == Said(
        "False",
        "ModelNotFound",
        'spec.tiers[0].models[0].name: no ModelDeployment "chat-smal" is declared (did you mean "chat-small"?):'
        " correct the name, or add it",
    )
    assert said(found, "Ready") == said(found, "ResolvedRefs")
    assert said(found, "Accepted").status == "True"


def test_more_findings_than_anybody_reads_are_counted() -> None:
    rules = [{"name": f"r{number}", "when": {"stream": True}, "models": [{"name": "gone"}]} for number in range(9)]
    message = said(status(policy(rules=rules)), "ResolvedRefs").message
    assert message.count('no ModelDeployment "gone"') == 5
    assert message.endswith("; and 4 more")


def test_models_that_could_not_be_read_are_not_missing() -> None:
    found = statuses(policy(), cluster=Cluster(unknown={"ModelDeployment": "500"}))[P]
    assert said(found, "ResolvedRefs") == Said(
        "Unknown", "NotReadable", "objects of the kind ModelDeployment could not be read: 500"
    )


def test_a_clause_that_cannot_be_enforced_keeps_the_policy_out() -> None:
    found = status(policy(limits=[{"per": "policy", "requests": 1, "every": "1m"}]))
    assert said(found, "Accepted")[:2] == ("False", "Unsupported")
    assert said(found, "Accepted").message.startswith("spec.limits: ")


def test_a_warning_is_told_and_keeps_nothing_out() -> None:
    found = status(policy(tiers=[{"name": name, "models": [{"name": "m"}]} for name in ("light", "mid")]))
    assert said(found, "Accepted")[:2] == ("True", "Accepted")
    assert said(found, "Accepted").message.startswith("taken, and warned of: spec.tiers[1].name: ")


def test_what_keeps_a_policy_out_is_told_before_what_is_only_warned_of() -> None:
    tiers = [{"name": name, "models": [{"name": "m"}]} for name in ("light", "mid")]
    found = status(policy(tiers=tiers, limits=[{"per": "policy", "requests": 1, "every": "1m"}]))
    assert said(found, "Accepted").reason == "Unsupported"
    assert "; spec.tiers[1].name: " in said(found, "Accepted").message


def test_a_policy_that_is_wrong_says_every_field() -> None:
    found = status(policy(mode="broken", tiers=[]))
    assert said(found, "Accepted").status == "False"
    assert "spec.mode: " in said(found, "Accepted").message
    assert "spec.tiers: " in said(found, "Accepted").message
    assert said(found, "Ready") == said(found, "Accepted")
    assert "effective" not in found


def test_of_two_policies_that_claim_a_name_the_younger_says_who_has_it() -> None:
    younger = policy(name="q", serves={"models": ["own", "auto"], "hosts": ["a.example.com"]})
    older = policy(serves={"models": ["auto"], "hosts": ["a.example.com"]})
    for raw, created in ((older, "2026-01-01T00:00:00Z"), (younger, "2026-01-02T00:00:00Z")):
        raw["metadata"]["creationTimestamp"] = created
    found = statuses(model(), older, younger)
    assert said(found[P], "Conflicted")[:2] == ("False", "NoConflict")
    assert "lostNames" not in found[P]
    assert said(found[Q], "Accepted").status == "True"
    assert said(found[Q], "Conflicted")[:2] == ("True", "Conflicted")
    assert "is served by RoutingPolicy default/p already" in said(found[Q], "Ready").message
    assert said(found[Q], "Ready").status == "False"
    assert found[Q]["lostNames"] == [{"model": "auto", "host": "a.example.com", "to": "default/p"}]


def test_a_name_that_is_lost_on_every_host_is_listed_without_one() -> None:
    found = statuses(model(), policy(), policy(name="q"))
    assert found[Q]["lostNames"] == [{"model": "auto", "to": "default/p"}]


def test_who_is_kept_out_takes_no_name_from_anybody_and_is_asked_for_none() -> None:
    found = statuses(model(), policy(limits=[{"per": "policy", "requests": 1, "every": "1m"}]), policy(name="q"))
    assert said(found[Q], "Conflicted").status == "False"
    assert said(found[P], "Conflicted")[:2] == ("Unknown", "NotAccepted")


def test_what_holds_where_a_policy_says_nothing_is_shown() -> None:
    assert status(policy())["effective"] == {
        "total": "10m",
        "firstToken": "60s",
        "answer": "10m",
        "betweenTokens": "60s",
        "stream": "30m",
        "attempts": 1,
        "worstCaseTries": 2,
    }


def test_what_a_policy_says_holds_before_the_defaults() -> None:
    times = {"total": "30s", "firstToken": "1s", "betweenTokens": "3s", "stream": "4m"}
    degrade = [{"answer": {"status": 200, "body": "busy"}}]
    found = status(policy(timeouts=times, retries={"attempts": 3}, degrade=degrade))["effective"]
    assert found == {**times, "answer": "30s", "attempts": 3, "worstCaseTries": 4}
    assert status(policy(timeouts={**times, "answer": "2s"}, degrade=degrade))["effective"]["answer"] == "2s"
    assert status(policy(timeouts={**times}, degrade=degrade))["effective"]["attempts"] == 0
