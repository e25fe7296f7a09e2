"""Every reason of Programmed and its sentence: what Envoys have of a policy, and which field is to blame."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelfleet.findings import Key
from modelfleet.fleet.envoys import GatewayState, Group, Heard, Reported, joined
from modelfleet.fleet.parse import Invalid, Valid, parse_object
from modelfleet.fleet.reports import Held, Refused, parse_report
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.programmed import Programmed, programmed
from modelfleet.xds.events import Connected
from tests.support.documents import Document, policy
from tests.support.statuses import P, Said
from tests.unit.xds.watched import Scene

M = Key("ModelDeployment", "default", "chat-small")
NOW, BEFORE = Held("u", 3, "r3"), Held("u", 2, "r2")
UNKNOWN = Held("", 0, "")
TIERS = [
    {"name": "light", "models": [{"name": "other"}, {"name": "chat-small"}]},
    {"name": "mid", "models": [{"name": "chat-mid"}]},
]


def cluster(*owners: Key, names: tuple[str, ...] = ("default/chat-small",)) -> Refused:
    return Refused("Cluster", names, "no such file", frozenset(owners or (P, M)))


def state(*ids: str, held: Held | None = NOW, **more: Any) -> GatewayState:
    """Envoys of one replica, which has this version of the policy."""
    return GatewayState((Group({P: held} if held else {}, ids),), **more)


def reported(more: Mapping[str, GatewayState] | None = None, strangers: str = "", **states: GatewayState) -> Reported:
    return Reported({**states, **(more or {})}, frozenset(strangers.split()), "")


def found(around: Reported, *, wrong: bool = False, **spec: Any) -> Programmed:
    """What generation 3 of the policy p says."""
    raw = policy(namespace="default", tiers=TIERS, **spec)
    return told(raw, around, wrong=wrong)


def told(raw: Document, around: Reported, *, wrong: bool = False) -> Programmed:
    parsed = parse_object({**raw, "metadata": {**raw["metadata"], "uid": "u", "generation": 3}})
    assert isinstance(parsed, Valid | Invalid)
    return programmed(judged_of(parsed), around, wrong=wrong)


def said(found: Programmed) -> Said:
    assert found.row.type == "Programmed"
    return Said(found.row.status, found.row.reason, found.row.message)


def test_a_policy_that_every_envoy_has_is_programmed_and_says_by_how_many_and_as_what() -> None:
    all_of_it = found(reported(default=state("a", "b")))
    assert said(all_of_it) == Said("True", "Programmed", "acknowledged by 2 of 2 Envoys at revision r3")
    assert all_of_it.more == {
        "programmed": "2/2",
        "revision": "r3",
        "gateways": [{"name": "default", "acknowledged": 2, "total": 2, "revision": "r3"}],
    }


def test_where_nobody_can_be_asked_nothing_is_known_and_it_is_said_why() -> None:
    silent = found(Reported(silence="no xds replica answers, of 2: 10.0.0.1:9090: timed out"))
    assert said(silent) == Said("Unknown", "NoGateway", "no xds replica answers, of 2: 10.0.0.1:9090: timed out")
    assert silent.more == {}


def test_an_envoy_that_has_not_answered_for_the_edit_is_waited_for_by_name() -> None:
    waiting = found(reported(default=state("a", "b", behind={P: {"b": BEFORE}})))
    assert said(waiting) == Said("False", "Pending", "acknowledged by 1 of 2 Envoys at revision r3; waiting for b")
    assert waiting.more["programmed"] == "1/2"
    assert waiting.more["gateways"] == [{"name": "default", "acknowledged": 1, "total": 2, "revision": "r3"}]


def test_an_envoy_that_has_just_come_is_waited_for() -> None:
    message = said(found(reported(default=state("a", "b", new=frozenset({"b"}))))).message
    assert message == "acknowledged by 1 of 2 Envoys at revision r3; waiting for b"


def test_of_many_that_are_waited_for_the_first_are_named_and_the_rest_counted() -> None:
    names = [f"gw-{number}" for number in range(9)]
    message = said(found(reported(default=state(*names, behind={P: dict.fromkeys(names)})))).message
    assert message == "acknowledged by 0 of 9 Envoys at revision r3; waiting for gw-0, gw-1, gw-2 and 6 more"


@pytest.mark.parametrize("held", [BEFORE, Held("older", 3, "r3"), None])
def test_envoys_of_a_replica_that_has_not_seen_the_edit_do_not_have_it(held: Held | None) -> None:
    states = GatewayState((Group({P: NOW}, ("a",)), Group({P: held} if held else {}, ("b",))))
    assert said(found(reported(default=states))) == Said(
        "False", "Pending", "acknowledged by 1 of 2 Envoys at revision r3; waiting for b"
    )


def test_what_an_envoy_refuses_is_told_with_the_field_and_what_it_keeps() -> None:
    states = state("a", "b", behind={P: {"b": BEFORE}}, refused={P: {"b": cluster()}})
    refused = found(reported(default=states))
    assert said(refused) == Said(
        "False",
        "Rejected",
        "acknowledged by 1 of 2 Envoys at revision r3; spec.tiers[0].models[1].name: b of gateway default refused"
        " Cluster default/chat-small and keeps generation 2 (revision r2): no such file",
    )
    assert refused.more["programmed"] == "1/2"
    assert refused.more["gateways"][0]["refused"] == "no such file"


@pytest.mark.parametrize(
    ("behind", "new", "keeps"),
    [
        ({P: {"a": None}}, (), "has nothing of it"),
        ({P: {"a": UNKNOWN}}, (), "keeps what it had"),
        ({}, ("a",), "keeps what it had"),
        ({}, (), "has the rest of it"),
    ],
)
def test_what_an_envoy_keeps_is_not_said_more_exactly_than_it_is_known(
    behind: Any, new: tuple[str, ...], keeps: str
) -> None:
    states = state("a", behind=behind, new=frozenset(new), refused={P: {"a": cluster()}})
    message = said(found(reported(default=states))).message
    assert message.startswith("acknowledged by 0 of 1 Envoy at revision r3; ")
    assert f"refused Cluster default/chat-small and {keeps}: no such file" in message


def test_a_refusal_of_the_version_before_is_not_held_against_this_one() -> None:
    states = state("a", held=BEFORE, behind={P: {"a": None}}, refused={P: {"a": cluster()}})
    assert said(found(reported(default=states)))[1:] == (
        "Pending",
        "acknowledged by 0 of 1 Envoy; waiting for a",
    )


SCOPES = ("a.example.com|auto", "*|auto")
RULE = {"name": "r", "when": {"stream": True}, "models": [{"name": "chat-tall"}]}


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (cluster(P, Key("ModelDeployment", "default", "other")), "spec.tiers[0].models[0].name"),
        (cluster(P, Key("ModelDeployment", "default", "chat-mid")), "spec.tiers[1].models[0].name"),
        (cluster(P, Key("ModelDeployment", "default", "chat-tall")), "spec.rules[0].models[0].name"),
        (cluster(P, Key("ModelDeployment", "default", "chat-dark")), "spec.shadow[0].model"),
        (Refused("ScopedRouteConfiguration", ("*|auto",), "no", frozenset({P})), "spec.serves.models[1]"),
        (Refused("ScopedRouteConfiguration", ("/default/p",), "no", frozenset({P})), "spec"),
        (Refused("RouteConfiguration", ("default/p",), "no", frozenset({P})), "spec"),
        (cluster(P, Key("ModelDeployment", "default", "nobody")), "spec"),
    ],
)
def test_the_field_is_the_one_that_what_is_refused_was_made_from(refused: Refused, field: str) -> None:
    spec: Any = {
        "serves": {"models": ["chat", "auto"]},
        "rules": [RULE],
        "shadow": [{"model": "chat-dark", "percent": 1}],
    }
    states = state("a", behind={P: {"a": BEFORE}}, refused={P: {"a": refused}})
    assert f"; {field}: a of gateway default refused " in said(found(reported(default=states), **spec)).message


def test_what_an_envoy_refuses_of_nobody_s_is_why_the_policy_waits_for_it() -> None:
    ailing = {"a": Refused("Listener", ("default",), "cannot bind '0.0.0.0:8080': Address in use", frozenset())}
    message = said(found(reported(default=state("a", new=frozenset({"a"}), ailing=ailing)))).message
    assert message == (
        "acknowledged by 0 of 1 Envoy at revision r3; waiting for a; a of gateway default refused Listener default,"
        " which is no policy's: cannot bind '0.0.0.0:8080': Address in use"
    )
    assert said(found(reported(default=state("a", ailing=ailing)))).status == "True", "it has the policy"


def test_an_envoy_of_which_nothing_is_known_is_missed_by_name() -> None:
    cut_off = found(reported(default=state("a", cut_off=("b",))))
    assert said(cut_off) == Said(
        "False", "CutOff", "acknowledged by 1 of 2 Envoys at revision r3; b cannot be told anything now"
    )
    assert cut_off.more["programmed"] == "1/2"


def test_a_gateway_without_an_envoy_has_the_policy_nowhere() -> None:
    assert said(found(reported(default=GatewayState()))) == Said(
        "False", "NoGateway", "no Envoy of gateway default is connected, or was within a minute"
    )


def test_a_gateway_that_is_not_set_up_is_told_with_those_that_are() -> None:
    around = reported(edge=state("a"), shop=state("b"))
    assert said(found(around)) == Said(
        "False",
        "GatewayNotFound",
        'there is no gateway "default" (there are: edge, shop): correct spec.serves.gateways, or have it set up',
    )
    assert found(around).more == {}


def test_a_gateway_that_envoys_ask_for_is_missing_where_it_is_to_be_set_up() -> None:
    assert said(found(reported(strangers="default"))).message == (
        'gateway "default" is not set up, though Envoys ask for it: have it added to the xds role'
    )


def test_over_several_gateways_all_envoys_count_and_each_gateway_is_told() -> None:
    around = reported(east=state("a", "b"), west=state("c", behind={P: {"c": None}}), other=state("d"))
    both = found(around, serves={"models": ["auto"], "gateways": ["west", "east"]})
    assert said(both).message == "acknowledged by 2 of 3 Envoys at revision r3; waiting for c"
    assert both.more == {
        "programmed": "2/3",
        "revision": "r3",
        "gateways": [
            {"name": "west", "acknowledged": 0, "total": 1},
            {"name": "east", "acknowledged": 2, "total": 2, "revision": "r3"},
        ],
    }


@pytest.mark.parametrize(
    ("west", "reason"),
    [
        (state("c", refused={P: {"c": cluster()}}), "Rejected"),
        (None, "GatewayNotFound"),
        (GatewayState(), "NoGateway"),
        (state("c", behind={P: {"c": None}}), "Pending"),
        (state("c", cut_off=("d",)), "CutOff"),
    ],
)
def test_one_gateway_that_lacks_it_is_enough_whatever_the_other_has(west: GatewayState | None, reason: str) -> None:
    around = reported({"west": west} if west else {}, east=state("a"))
    for gateways in (["west", "east"], ["east", "west"]):
        one = said(found(around, serves={"models": ["auto"], "gateways": gateways}))
        assert (one.status, one.reason) == ("False", reason)


def test_what_somebody_refuses_is_told_before_who_is_waited_for_and_that_before_who_is_missing() -> None:
    behind = {P: dict.fromkeys(("b", "c"), BEFORE)}
    states = state("a", "b", "c", behind=behind, refused={P: {"c": cluster()}}, cut_off=("d",))
    assert said(found(reported(default=states))).reason == "Rejected"
    assert said(found(reported(default=state("a", "b", behind=behind, cut_off=("d",))))).reason == "Pending"


def test_replicas_that_name_the_same_version_otherwise_are_counted_without_a_name() -> None:
    states = GatewayState((Group({P: NOW}, ("a",)), Group({P: Held("u", 3, "other")}, ("b",))))
    both = found(reported(default=states))
    assert said(both) == Said("True", "Programmed", "acknowledged by 2 of 2 Envoys")
    assert "revision" not in both.more


def test_a_policy_with_a_mistake_says_what_stays_in_force_and_on_how_many() -> None:
    around = reported(default=state("a", "b", "c", held=BEFORE, behind={P: {"c": Held("u", 1, "r1")}}))
    wrong = found(around, wrong=True)
    assert said(wrong) == Said(
        "False",
        "NotAccepted",
        "generation 1 stays in force on 1 of 3 Envoys; generation 2 stays in force on 2 of 3 Envoys",
    )
    assert wrong.more["programmed"] == "0/3"


def test_a_policy_that_cannot_even_be_read_is_in_force_where_some_version_of_it_is() -> None:
    around = reported(default=state("a", held=BEFORE), other=GatewayState((Group({}, ("b",)),)))
    assert (
        said(told(policy(namespace="default", nonsense=1), around)).message
        == "generation 2 stays in force on 1 of 1 Envoy"
    )


@pytest.mark.parametrize("behind", [{}, {P: {"a": UNKNOWN}}, {P: {"a": None}}])
def test_a_policy_with_a_mistake_of_which_no_version_is_known_anywhere_is_in_force_nowhere(behind: Any) -> None:
    assert said(found(reported(default=state("a", held=None, behind=behind)), wrong=True)) == Said(
        "False", "NotAccepted", "nothing of it is in force before what is wrong is put right"
    )


def test_a_policy_with_a_mistake_is_not_in_force_everywhere_because_there_is_no_envoy() -> None:
    assert said(found(reported(default=GatewayState()), wrong=True)).reason == "NotAccepted"


def test_a_version_that_became_wrong_by_an_edit_of_something_else_stays_and_says_so() -> None:
    assert said(found(reported(default=state("a")), wrong=True)) == Said(
        "True", "Programmed", "acknowledged by 1 of 1 Envoy at revision r3"
    )


def chained(scene: Scene) -> Said:
    """The policy shop/p at generation 2, by what its only replica tells."""
    report = parse_report(scene.acks.document())
    assert report
    raw = policy(namespace="shop", serves={"models": ["auto"], "gateways": ["edge"]})
    parsed = parse_object({**raw, "metadata": {**raw["metadata"], "uid": "u-p", "generation": 2}})
    assert isinstance(parsed, Valid)
    return said(programmed(judged_of(parsed), joined([Heard(report)], {}), wrong=False))


def test_from_what_a_stream_hears_to_what_the_policy_says() -> None:
    scene = Scene()
    scene.publish({"p": 0, "q": 0})
    scene.join("a", "b")
    assert chained(scene).message == "acknowledged by 0 of 2 Envoys; waiting for a, b"
    scene.publish({"p": 1, "q": 0}, 2)
    assert chained(scene).message == "acknowledged by 0 of 2 Envoys at revision r1; waiting for a, b"
    scene.settle("a")
    scene.refuse("b", "p", "no such file")
    assert chained(scene) == Said(
        "False",
        "Rejected",
        "acknowledged by 1 of 2 Envoys at revision r1; spec: b of gateway edge refused Cluster p and keeps generation 1"
        " (revision r0): no such file",
    )
    scene.hear("c", Connected())
    assert chained(scene).message.startswith("acknowledged by 1 of 3 Envoys at revision r1; spec: b of gateway edge")
    scene.settle("b")
    scene.settle("c")
    assert chained(scene) == Said("True", "Programmed", "acknowledged by 3 of 3 Envoys at revision r1")
