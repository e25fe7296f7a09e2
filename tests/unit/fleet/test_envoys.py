"""Which Envoys count, and whose word on each: they move between replicas, and replicas and they come and go."""

import math
from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

import pytest

from modelfleet.findings import Key
from modelfleet.fleet.envoys import AWAY_S, COUNTED_S, GatewayState, Heard, Reported, joined
from modelfleet.fleet.reports import GatewayReport, Held, NodeReport, Refused, Report

P = Key("RoutingPolicy", "shop", "p")
OLD, NEW = Held("u", 1, "r1"), Held("u", 2, "r2")


def node(name: str = "n", seconds: float = 100.0, **said: Any) -> NodeReport:
    """One that has been there for long, and has everything."""
    fields: dict[str, Any] = {"connected": True, "settled": True, "new": False, "behind": {}, "refused": ()}
    return NodeReport(name, seconds=seconds, **{**fields, **said})


def gone(name: str = "n", seconds: float = 0.0, **said: Any) -> NodeReport:
    return node(name, seconds, connected=False, **said)


def come(name: str = "n", seconds: float = 0.0, **said: Any) -> NodeReport:
    """One that has connected, and said nothing yet."""
    return node(name, seconds, settled=False, **said)


def heard(*nodes: NodeReport, held: Held = NEW, age: float = 0.0, lost: float | None = None) -> Heard:
    return Heard(Report(1, {"edge": GatewayReport({P: held}, nodes)}, frozenset()), age, lost)


def edge(*reports: Heard, pods: Iterable[str] = ()) -> GatewayState:
    """The gateway, which must not depend on the order of replicas in anything but the order of groups."""
    given: Mapping[str, frozenset[str]] = {"edge": frozenset(pods)}
    first, *others = [joined(order, given).gateways["edge"] for order in permutations(reports)]
    for other in others:
        assert (other.behind, other.refused, other.cut_off, other.new) == (
            first.behind,
            first.refused,
            first.cut_off,
            first.new,
        )
        assert sorted(map(str, other.groups)) == sorted(map(str, first.groups))
    return first


def has(state: GatewayState) -> dict[str, int]:
    """The generation that each Envoy is fed with."""
    return {name: group.policies[P].generation for group in state.groups for name in group.ids}


def test_an_envoy_has_what_its_replica_has_but_for_the_exceptions() -> None:
    refused = Refused("Cluster", ("c",), "no", frozenset({P}))
    state = edge(heard(node("a"), node("b", behind={P: OLD}, refused=(refused,))))
    assert (has(state), state.total, state.cut_off) == ({"a": 2, "b": 2}, 2, ())
    assert (state.behind, state.refused) == ({P: {"b": OLD}}, {P: {"b": refused}})


def test_a_gateway_serves_the_very_version_that_its_replica_has() -> None:
    reported = joined([heard(node(), held=NEW), heard(held=OLD)], {})
    assert reported.serves(P, "u", 2)
    assert not reported.serves(P, "another", 2)
    assert not reported.serves(P, "u", 1), "a replica without an Envoy serves nobody"
    assert not reported.serves(Key("RoutingPolicy", "shop", "other"), "u", 2)


def test_what_is_no_object_s_is_told_by_the_envoy_that_refuses_it() -> None:
    refused = Refused("Listener", ("edge",), "in use", frozenset())
    state = edge(heard(node(refused=(refused,))))
    assert (state.ailing, state.refused) == ({"n": refused}, {})


def test_the_word_of_each_replica_is_about_its_own_envoys() -> None:
    state = edge(heard(node("a"), held=OLD), heard(node("b")))
    assert has(state) == {"a": 1, "b": 2}


def test_an_envoy_is_counted_once_and_where_it_is_now() -> None:
    assert has(edge(heard(node()), heard(gone(), held=OLD))) == {"n": 2}
    assert edge(heard(node()), heard(gone())).total == 1


def test_of_two_replicas_that_both_have_a_stream_of_it_the_one_counts_where_it_came_last() -> None:
    assert has(edge(heard(node(seconds=3)), heard(node(seconds=200), held=OLD))) == {"n": 2}


def test_an_envoy_that_moves_has_what_it_had_until_it_has_said_something_where_it_comes_to() -> None:
    for seconds in (0.0, AWAY_S):
        state = edge(heard(gone(seconds=seconds), held=OLD), heard(come(seconds=seconds, new=True)))
        assert (has(state), state.new) == ({"n": 1}, frozenset())
    state = edge(heard(gone(seconds=1), held=OLD), heard(node(seconds=1)))
    assert has(state) == {"n": 2}


def test_an_envoy_that_comes_is_waited_for_and_counts_as_cut_off_when_it_says_nothing() -> None:
    state = edge(heard(come(new=True)))
    assert (state.new, state.total, state.cut_off) == (frozenset({"n"}), 1, ())
    state = edge(heard(come(seconds=AWAY_S + 0.1, new=True)))
    assert (state.new, state.groups, state.total, state.cut_off) == (frozenset(), (), 1, ("n",))


@pytest.mark.parametrize(
    ("seconds", "counted", "missed"),
    [
        (0.0, True, False),
        (AWAY_S, True, False),
        (AWAY_S + 0.1, True, True),
        (COUNTED_S, True, True),
        (COUNTED_S + 0.1, False, False),
        (math.inf, False, False),
    ],
)
def test_one_that_went_has_what_it_had_for_a_while_then_is_missed_and_then_forgotten(
    seconds: float, counted: bool, missed: bool
) -> None:
    state = edge(heard(gone(seconds=seconds)))
    assert (state.total, state.cut_off) == (int(counted), ("n",) if missed else ())
    lost = edge(heard(node(), lost=seconds))
    assert (lost.total, lost.cut_off) == (state.total, state.cut_off), "as if it went when its replica did"


def test_the_age_of_a_word_counts_for_those_who_had_gone_by_then() -> None:
    assert edge(heard(gone(seconds=5), age=4)).cut_off == ()
    assert edge(heard(gone(seconds=5), age=6)).cut_off == ("n",)
    assert edge(heard(gone(seconds=5), age=56)).total == 0
    assert edge(heard(node(), age=500)).cut_off == (), "who is there stays there while the replica has no news"


def test_what_a_lost_replica_says_of_an_envoy_that_is_elsewhere_does_not_count() -> None:
    state = edge(heard(node(behind={P: None}), held=OLD, lost=3), heard(node(seconds=2)))
    assert (has(state), state.behind) == ({"n": 2}, {})


def test_of_a_lost_replica_and_of_one_where_it_has_just_come_the_lost_one_counts_for_a_moment() -> None:
    assert has(edge(heard(node(), held=OLD, lost=1), heard(come(seconds=1, new=True)))) == {"n": 1}
    state = edge(heard(node(), held=OLD, lost=AWAY_S + 1), heard(come(seconds=1, new=True)))
    assert (has(state), state.new) == ({"n": 2}, frozenset({"n"}))


def test_exceptions_of_those_who_are_cut_off_are_not_told_as_if_they_were_known() -> None:
    refused = Refused("Cluster", ("c",), "no", frozenset({P}))
    state = edge(heard(gone(seconds=30, behind={P: OLD}, refused=(refused,))))
    assert (state.behind, state.refused, state.ailing) == ({}, {}, {})


def test_a_pod_that_is_ready_and_that_no_replica_knows_is_cut_off() -> None:
    state = edge(heard(node("a")), pods=["a", "b"])
    assert (state.total, state.cut_off) == (2, ("b",))


def test_a_pod_that_is_ready_is_missed_for_as_long_as_it_is_ready() -> None:
    assert edge(heard(gone(seconds=4000)), pods=["n"]).cut_off == ("n",)


def test_pods_of_another_gateway_do_not_count() -> None:
    reported = joined([heard(node())], {"shop": {"x"}})
    assert reported.gateways["edge"].total == 1
    assert set(reported.gateways) == {"edge"}


def test_a_gateway_is_known_when_any_replica_has_it_and_a_stranger_when_none_does() -> None:
    other = Heard(Report(1, {}, frozenset({"edge", "egde"})))
    reported = joined([heard(), other], {})
    assert reported == Reported({"edge": GatewayState()}, frozenset({"egde"}), "")


def test_the_same_words_a_while_later_are_the_same_value() -> None:
    """Else every look at the clock would be a change, and every change a look at the fleet."""
    assert edge(heard(node("a", 1), gone("b", 2)), heard(node("c", 5), lost=1)) == edge(
        heard(node("a", 3), gone("b", 4), age=3), heard(node("c", 5), lost=9)
    )


def test_hundreds_of_envoys_over_three_replicas_are_all_there() -> None:
    reports = [heard(*(node(f"n{number:03}") for number in range(first, 600, 3))) for first in range(3)]
    state = joined(reports, {"edge": [f"n{number:03}" for number in range(601)]}).gateways["edge"]
    assert (state.total, state.cut_off, [len(group.ids) for group in state.groups]) == (601, ("n600",), [200] * 3)
