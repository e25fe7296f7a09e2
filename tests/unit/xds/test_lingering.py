"""What requests lead to stays for a while after it is gone: some of them began before."""

import pytest

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, ROUTES, SCOPE, SECRET
from modelfleet.xds.events import Settled
from modelfleet.xds.stream import MOVES_S, AdsStream
from tests.unit.xds.making import Talk, cluster, endpoints, extension, fleet, listener, routes, scope, started

LINGER = 60.0
LED_TO = (CLUSTER, ENDPOINTS, SECRET)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def lingering(*policies: str) -> tuple[Talk, Clock]:
    """A client that has these policies, of a stream that lets what is gone linger from now on."""
    talk, clock = started(*fleet(0, *policies)), Clock()
    kept = AdsStream(LINGER, clock)
    talk.stream._linger, talk.stream._clock = kept._linger, kept._clock
    return talk, clock


def passed(talk: Talk) -> list[tuple[str, list[str], list[str]]]:
    return talk._heard(talk.stream.on_time())


def test_routes_leave_at_once_and_what_they_lead_to_later() -> None:
    talk, clock = lingering("a", "b")
    talk.publish(*fleet(0, "a"))
    assert talk.ack_all() == [(SCOPE, ["b"]), (ROUTES, ["b"])]
    assert talk.stream.wakes_in == LINGER
    clock.now += LINGER - 0.1
    assert passed(talk) == []
    clock.now += 0.1
    assert talk.stream.wakes_in == 0
    assert passed(talk) == [(it, [], ["b"]) for it in LED_TO]
    talk.ack_all()
    assert talk.stream.wakes_in is None


def test_who_waits_for_a_state_does_not_wait_for_what_lingers() -> None:
    talk, _ = lingering("a", "b")
    talk.publish(*fleet(0, "a"))
    talk.ack_all()
    assert isinstance(talk.events[-1], Settled)
    assert talk.stream.status.settled == talk.events[-1]


def test_what_comes_back_is_as_if_it_had_never_been_gone() -> None:
    talk, clock = lingering("a", "b")
    talk.publish(*fleet(0, "a"))
    talk.ack_all()
    clock.now += LINGER / 2
    talk.publish(*fleet(0, "a", "b"))
    talk.ack_all()
    assert talk.stream.wakes_in is None
    clock.now += LINGER
    assert passed(talk) == []
    # Gone a second time, it lingers as long as the first time.
    talk.publish(*fleet(0, "a"))
    talk.ack_all()
    assert talk.stream.wakes_in == LINGER


def test_each_lingers_for_its_own_time() -> None:
    talk, clock = lingering("a", "b", "c")
    talk.publish(*fleet(0, "a", "b"))
    talk.ack_all()
    clock.now += 10
    talk.publish(*fleet(0, "a"))
    talk.ack_all()
    clock.now += LINGER - 10
    assert passed(talk) == [(it, [], ["c"]) for it in LED_TO]


def test_without_a_time_nothing_lingers() -> None:
    talk = started(cluster("a"), endpoints("a"), cluster("b"), endpoints("b"))
    assert talk.publish(cluster("a"), endpoints("a")) == [(it, [], ["b"]) for it in LED_TO[:2]]
    assert talk.stream.wakes_in is None


# Scopes.


def served(*claims: str) -> list[XdsResource]:
    """Routes for each policy of claims like `*|auto@policy`, with a scope that nobody asks for, as all have."""
    made = [listener("l"), extension("e"), cluster("c"), endpoints("c")]
    for claim in claims:
        key, _, name = claim.partition("@")
        made += [routes(name, ["c"]), scope(f"/{name}", name), scope(key, name)]
    return made


def moved(before: str, after: str) -> tuple[Talk, Clock, list[str]]:
    """A client that had one claim until it was told of the other, and took what it was sent; and what has left it."""
    talk, clock = started(*served(before)), Clock()
    kept = AdsStream(LINGER, clock)
    talk.stream._linger, talk.stream._clock = kept._linger, kept._clock
    talk.publish(*served(after))
    left = talk.ack_all()
    talk.ask(ROUTES, after.partition("@")[2])
    return talk, clock, [name for _, names in [*left, *talk.ack_all()] for name in names]


def is_settled(talk: Talk) -> bool:
    return talk.stream.status.settled == Settled(talk.stream._state.version, True, frozenset())


@pytest.mark.parametrize(("before", "after"), [("*|auto@one", "b|auto@one"), ("b|auto@one", "*|auto@two")])
def test_a_name_that_moves_between_hosts_is_found_for_a_moment_in_its_old_place(before: str, after: str) -> None:
    talk, clock, left = moved(before, after)
    place = before.partition("@")[0]
    assert place not in left
    assert talk.stream.wakes_in == MOVES_S
    assert not is_settled(talk)
    clock.now += MOVES_S
    assert place in [name for _, _, removed in passed(talk) for name in removed]
    talk.ack_all()
    assert is_settled(talk)
    assert talk.stream.wakes_in is None


def test_the_routes_of_a_name_that_has_moved_to_another_policy_stay_as_long() -> None:
    talk, clock, left = moved("*|auto@one", "b|auto@two")
    assert left == ["/one"]
    clock.now += MOVES_S
    assert passed(talk) == [(SCOPE, [], ["*|auto"])]
    assert talk.ack_all() == [(SCOPE, ["*|auto"]), (ROUTES, ["one"])]


def test_a_name_that_nobody_serves_any_more_leaves_at_once() -> None:
    talk, _, left = moved("*|auto@one", "*|other@two")
    assert left == ["*|auto", "/one", "one"]
    assert is_settled(talk)


@pytest.mark.parametrize(("before", "after"), [("b|auto@one", "c|auto@one"), ("b|@lists", "*|@lists")])
def test_what_nobody_who_has_begun_would_find_elsewhere_leaves_at_once(before: str, after: str) -> None:
    talk, _, left = moved(before, after)
    assert before.partition("@")[0] in left
    assert is_settled(talk)
