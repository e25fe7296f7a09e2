"""How far down the ladder requests fall, by what is known of the models on it."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.inforce import Version
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Hidden, World
from modelfleet.statuses.degraded import Degraded, degraded
from modelfleet.statuses.judged import Judged
from modelfleet.statuses.supply import Supply
from tests.support.documents import Document, fleet, model, policy, valid
from tests.support.statuses import REPLICA, Cluster, P, Said, said, statuses

URL = "https://api.example.com/v1"
KEY = Key("Secret", "default", "keys")
BUSY = {"answer": {"body": "busy"}}
NAMES = ("light", "mid", "large")


def tier(name: str, *models: str, **weights: int) -> Document:
    """A tier of these models; without one, of a model of its own name."""
    shares = {**dict.fromkeys(models or (() if weights else (name,)), 1), **weights}
    return {"name": name, "models": [{"name": name, "weight": weight} for name, weight in shares.items()]}


def laddered(*degrade: Document, tiers: tuple[Document, ...] = (), **spec: Any) -> Document:
    """A policy of three tiers, each of a model of its own name unless the test says otherwise."""
    return policy(tiers=list(tiers or map(tier, NAMES)), degrade=list(degrade), **spec)


def status(raw: Document, *ready: str, hosted: tuple[str, ...] = (), unknown: str = "") -> Document:
    """What a policy says while these models have a replica that takes requests."""
    names = {
        one["name"]
        for group in (*raw["spec"]["tiers"], *raw["spec"].get("rules", ()))
        for one in group.get("models", ())
    }
    models = [model(name=name, **external(URL) if name in hosted else {}) for name in sorted(names)]
    return statuses(*models, raw, cluster=Cluster(ready=ready, unknown={unknown: "403 Forbidden"} if unknown else {}))[
        P
    ]


def external(url: str, **credentials: Any) -> Document:
    return {"engine": None, "external": {"url": url, **({"credentials": credentials} if credentials else {})}}


def rung(found: Mapping[str, Any]) -> tuple[int, str]:
    return found["rung"]["index"], found["rung"]["name"]


def to(name: str, when: Document | None = None, **target: Any) -> Document:
    """A rule that leads to the tier of its name, or elsewhere."""
    return {"name": name, **({"when": when} if when else {}), **(target or {"tier": name})}


STREAM = {"stream": True}


def test_while_everything_that_is_wanted_can_be_asked_nothing_falls() -> None:
    found = status(laddered({"tier": "mid"}, BUSY), "light")
    assert said(found, "Degraded") == Said("False", "AsWanted", "whatever requests want has a ready replica")
    assert rung(found) == (0, "wanted")


def test_a_tier_that_has_no_replica_falls_to_the_next_one_that_has() -> None:
    found = status(laddered({"tier": "large"}, {"tier": "mid"}, BUSY), "mid")
    assert said(found, "Degraded") == Said(
        "True",
        "FallsToTier",
        'tier "light" falls to rung 2 "mid": light has no ready replica, large of "large" has no ready replica',
    )
    assert rung(found) == (2, "mid")
    assert said(found, "Ready") == said(found, "Degraded")._replace(status="False")


def test_where_no_tier_is_left_the_answer_is() -> None:
    found = status(laddered({"tier": "mid"}, BUSY))
    assert said(found, "Degraded")[:2] == ("True", "FallsToAnswer")
    assert said(found, "Degraded").message.startswith('tier "light" falls to the answer, rung 2: light has no ready')
    assert rung(found) == (2, "answer")


def test_where_nothing_is_left_the_request_is_refused_and_the_clause_is_named() -> None:
    assert said(status(laddered()), "Degraded") == Said(
        "True",
        "NothingLeft",
        'tier "light" is refused with 503: light has no ready replica, and spec.degrade leads nowhere else',
    )
    assert rung(status(laddered())) == (1, "none")
    assert rung(status(laddered({"tier": "mid"}, {"tier": "large"}))) == (3, "none")


def test_a_tier_never_falls_to_itself() -> None:
    wanted = laddered({"tier": "mid"}, {"tier": "light"}, rules=[to("mid")])
    assert rung(status(wanted, "light")) == (1, "light")
    assert rung(status(wanted)) == (2, "none")


def test_what_no_request_wants_counts_only_as_something_to_fall_to() -> None:
    assert rung(status(laddered({"tier": "mid"}), "light")) == (0, "wanted")
    rules = [to("mid"), to("large", models=[{"name": "gone"}])]
    assert rung(status(laddered(rules=rules), "mid")) == (0, "wanted")


@pytest.mark.parametrize(
    ("ready", "worst"),
    [
        ("light mid large", (0, "wanted")),
        ("light mid", (1, "mid")),
        ("light large", (0, "wanted")),
        ("mid large", (1, "mid")),
        ("light", (2, "light")),
        ("large", (2, "answer")),
        ("mid", (1, "mid")),
        ("", (3, "answer")),
    ],
)
def test_of_all_that_requests_may_want_the_worst_is_told(ready: str, worst: tuple[int, str]) -> None:
    """Large falls over mid to light, and light, which is the default, over mid to the answer."""
    wanted = laddered({"tier": "mid"}, {"tier": "light"}, BUSY, rules=[to("large", STREAM)])
    assert rung(status(wanted, *ready.split())) == worst


def test_every_way_to_begin_that_falls_is_told_the_longest_fall_first() -> None:
    rules = [to("mid", STREAM), to("own", {"tools": True}, models=[{"name": "own"}])]
    found = status(laddered({"tier": "light"}, {"tier": "large"}, rules=rules), "large", "mid")
    assert said(found, "Degraded").message == (
        'rule "own" falls to rung 2 "large": own has no ready replica, light of "light" has no ready replica;'
        ' tier "light" falls to rung 1 "large": light has no ready replica'
    )
    assert rung(found) == (2, "large")


def test_of_two_models_of_a_tier_the_share_of_the_one_that_is_gone_falls() -> None:
    """As which model gets a request is drawn before anybody knows whether it can."""
    found = status(laddered({"tier": "mid"}, BUSY, tiers=(tier("light", a=95, b=5), tier("mid"))), "a", "mid")
    assert said(found, "Degraded") == Said(
        "True", "FallsToTier", 'part of tier "light" falls to rung 1 "mid": b (weight 5 of 100) has no ready replica'
    )
    assert rung(found) == (1, "mid")


def test_the_part_that_is_unlucky_twice_gets_further() -> None:
    tiers = (tier("light", "a", "b"), tier("mid", "c", "d"))
    found = status(laddered({"tier": "mid"}, BUSY, tiers=tiers), "a", "c")
    assert rung(found) == (2, "answer")
    assert said(found, "Degraded").message == (
        'part of tier "light" falls to the answer, rung 2: b (weight 1 of 2) has no ready replica,'
        ' d of "mid" (weight 1 of 2) has no ready replica'
    )


def test_a_model_without_a_share_is_missed_by_nobody() -> None:
    assert rung(status(laddered(tiers=(tier("light", a=1, b=0),)), "a")) == (0, "wanted")


def test_a_hosted_model_can_always_be_asked() -> None:
    assert rung(status(laddered(), hosted=("light",))) == (0, "wanted")
    assert rung(status(laddered({"tier": "mid"}), hosted=("mid",))) == (1, "mid")
    assert rung(status(laddered(tiers=(tier("light"),)), hosted=("light",), unknown="EndpointSlice")) == (0, "wanted")


@pytest.mark.parametrize("kind", ["EndpointSlice", "ModelDeployment"])
def test_where_replicas_cannot_be_told_nothing_is_said(kind: str) -> None:
    found = status(laddered(BUSY), unknown=kind)
    message = f"objects of the kind {kind} could not be read: 403 Forbidden"
    assert said(found, "Degraded") == Said("Unknown", "NotReadable", message)
    assert "rung" not in found


def test_a_policy_that_is_not_accepted_is_not_judged() -> None:
    found = status(laddered(limits=[{"per": "policy", "requests": 1, "every": "1m"}]))
    assert said(found, "Degraded")[:2] == ("Unknown", "NotAccepted")
    assert "rung" not in found
    dangling = statuses(policy())[P]
    assert said(dangling, "Degraded")[:2] == ("Unknown", "NotAccepted")


def judge(raw: Document, snapshot: FleetSnapshot, in_force: Version | None = None, **models: Version) -> Degraded:
    """The policy by itself, which is wrong by its generation 3."""
    made = valid(raw)
    assert isinstance(made, RoutingPolicy)
    judged = [Judged(Key("ModelDeployment", "default", name), "u", 3, None, in_force=it) for name, it in models.items()]
    supply = Supply(snapshot, judged, frozenset(one.key for one in judged), Recall())
    return degraded(Judged(made.key, "u", 3, made, in_force=in_force), supply, wrong=in_force is not None)


def of(found: Degraded) -> tuple[str, str, str]:
    return found.row.status.value, found.row.reason.value, found.row.message


def test_a_policy_whose_model_was_deleted_is_in_force_all_the_same_and_says_what_requests_meet() -> None:
    found = judge(laddered(BUSY), fleet(), Version(3))
    assert of(found) == ("True", "FallsToAnswer", 'tier "light" falls to the answer, rung 1: light does not exist')
    assert of(judge(laddered(BUSY), fleet(), Version(2)))[:2] == ("Unknown", "NotAccepted")


def test_a_model_counts_as_gateways_have_it_and_not_as_it_was_edited() -> None:
    hosted, own = valid(model(name="light", **external(URL))), valid(model(name="light"))
    edited = fleet(model(name="light"), model(name="mid"))
    assert of(judge(laddered(), edited, light=Version(2, hosted)))[1] == "AsWanted"
    edited = fleet(model(name="light", **external(URL)))
    assert of(judge(laddered(), edited, light=Version(2, own)))[1] == "NothingLeft"
    # Nobody here knows any more what it said, and so no gateway asks it.
    assert of(judge(laddered(), edited, light=Version(2)))[1] == "NothingLeft"


def keyed(**secrets: str) -> FleetSnapshot:
    world = World(secrets={KEY: {name: Hidden(text) for name, text in secrets.items()}}, endpoints={})
    raw = model(name="light", **external(URL, secretRef={"name": "keys", "key": "token"}))
    snapshot = fleet(raw, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}})
    return FleetSnapshot({}, snapshot.models, {}, {}, snapshot.declared, world)


def test_a_hosted_model_without_its_key_cannot_be_asked() -> None:
    assert of(judge(laddered(), keyed(token="sesame")))[1] == "AsWanted"
    lacking = of(judge(laddered(BUSY), keyed()))
    assert lacking[1:] == (
        "FallsToAnswer",
        'tier "light" falls to the answer, rung 1: light cannot be asked for want of its key',
    )


def test_a_key_that_could_not_be_read_is_not_missing() -> None:
    unread = FleetSnapshot({}, keyed().models, {}, {}, keyed().declared, unread={KEY: "500"})
    assert of(judge(laddered(), unread)) == ("Unknown", "NotReadable", "Secret default/keys could not be read: 500")
    unknown = FleetSnapshot({}, keyed().models, {}, {}, keyed().declared, unknown={"Secret": "403"})
    assert of(judge(laddered(), unknown))[1:] == ("NotReadable", "objects of the kind Secret could not be read: 403")


def test_a_replica_that_is_ready_is_enough_whatever_is_wrong_with_the_model_now() -> None:
    key = Key("ModelDeployment", "default", "light")
    snapshot = FleetSnapshot({}, {}, {}, {}, frozenset({key}), World(endpoints={key: REPLICA}))
    assert of(judge(laddered(), snapshot, light=Version(2, valid(model(name="light")))))[1] == "AsWanted"
