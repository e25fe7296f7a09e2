"""What requests lead to stays for a while after it is gone: some of them began before."""

from modelfleet.xds.events import Settled
from modelfleet.xds.stream import AdsStream
from modelfleet.xds.types import CLUSTER, ENDPOINTS, ROUTES, SCOPE, SECRET
from tests.unit.xds.making import Talk, cluster, endpoints, started
from tests.unit.xds.test_order import fleet

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
