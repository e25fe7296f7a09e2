import pytest

from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SCOPE, SECRET
from modelfleet.xds.events import Settled
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import (
    Talk,
    cluster,
    endpoints,
    fleet,
    started,
    static_cluster,
)


def test_a_starting_client_is_answered_type_by_type_at_once() -> None:
    talk = Talk(*fleet(0, "a"))
    assert talk.ask(CLUSTER) == [(CLUSTER, ["a"], [])]
    first = talk.last[0]
    assert talk.ask(ENDPOINTS, "a") == [(ENDPOINTS, ["a"], [])]
    second = talk.last[0]
    assert talk.ack(first) == []
    assert talk.ack(second) == []
    assert talk.ask(LISTENER) == [(LISTENER, ["l"], [])]


def test_a_change_goes_out_in_phases() -> None:
    talk = started(*fleet(0, "a"))
    assert [it[0] for it in talk.publish(*fleet(1, "a"))] == [CLUSTER, ENDPOINTS, SECRET]
    first, second, third = talk.last
    assert talk.ack(second) == []
    assert talk.ack(third) == []
    assert talk.ack(first) == [(ROUTES, ["a"], [])]
    assert talk.ack(talk.last[0]) == [(SCOPE, ["a"], [])]


def test_removals_leave_last_and_in_reverse() -> None:
    talk = started(*fleet(0, "a", "b"))
    assert talk.publish(*fleet(0, "a"), cluster("c")) == [(CLUSTER, ["c"], [])]
    assert talk.ack_all() == [(SCOPE, ["b"]), (ROUTES, ["b"]), (CLUSTER, ["b"]), (ENDPOINTS, ["b"]), (SECRET, ["b"])]


def test_a_removal_waits_until_the_one_before_it_is_taken() -> None:
    talk = started(*fleet(0, "a", "b"))
    assert talk.publish(*fleet(0, "a")) == [(SCOPE, [], ["b"])]
    leaving = talk.last[0]
    assert talk.ask(ENDPOINTS, unsubscribe=["b"]) == []
    assert talk.ack(leaving) == [(ROUTES, [], ["b"])]


def test_a_cluster_that_comes_back_while_it_leaves_is_sent_again() -> None:
    talk = started(cluster("a"), cluster("b"))
    assert talk.publish(cluster("a")) == [(CLUSTER, [], ["b"])]
    leaving = talk.last[0]
    assert talk.publish(cluster("a"), cluster("b")) == []
    assert talk.ack(leaving) == [(CLUSTER, ["b"], [])]


@pytest.mark.parametrize("eds", ["", "other"])
def test_a_changed_cluster_is_followed_by_its_unchanged_endpoints(eds: str) -> None:
    name = eds or "a"
    talk = started(cluster("a", 0, eds), endpoints(name), cluster("b"), endpoints("b"))
    changed = talk.publish(cluster("a", 1, eds), endpoints(name), cluster("b"), endpoints("b"))
    assert changed == [(CLUSTER, ["a"], []), (ENDPOINTS, [name], [])]


def test_endpoints_on_the_way_are_sent_again_when_the_cluster_changes_meanwhile() -> None:
    talk = started(cluster("a"), endpoints("a"))
    talk.publish(cluster("a"), endpoints("a", 1))
    on_the_way = talk.last[0]
    assert talk.publish(cluster("a", 1), endpoints("a", 1)) == [(CLUSTER, ["a"], [])]
    assert talk.ack(on_the_way) == [(ENDPOINTS, ["a"], [])]


def test_a_changed_cluster_without_endpoints_is_followed_by_nothing() -> None:
    talk = started(cluster("a"), endpoints("a"))
    assert talk.publish(static_cluster("a"), endpoints("a")) == [(CLUSTER, ["a"], [])]


def test_a_changed_cluster_whose_endpoints_are_missing_is_followed_by_word_of_it() -> None:
    talk = Talk(cluster("a"))
    talk.take(CLUSTER)
    talk.take(ENDPOINTS, "a")
    assert talk.publish(cluster("a", 1)) == [(CLUSTER, ["a"], []), (ENDPOINTS, [], ["a"])]


def test_a_reconnected_client_gets_a_route_only_after_its_clusters() -> None:
    old = {it.name: it.version for it in (cluster("a"),)}
    talk = Talk(*fleet(1, "a"))
    assert talk.ask(CLUSTER, have=old) == [(CLUSTER, ["a"], [])]
    first = talk.last[0]
    assert talk.ask(ROUTES, "a", have={"a": "old"}) == []
    assert talk.ack(first) == [(ROUTES, ["a"], [])]


def test_a_reconnected_client_loses_a_cluster_only_after_all_that_may_name_it_was_asked_for() -> None:
    talk = Talk(*fleet(0, "a"))
    state = gateway_resources(fleet(0, "a", "b"))
    have = {url: {name: it.version for name, it in of.items()} for url, of in state.by_type.items()}
    assert talk.ask(CLUSTER, have=have[CLUSTER]) == []
    assert talk.ask(LISTENER, have=have[LISTENER]) == []
    assert talk.ask(ROUTES, "a", have=have[ROUTES]) == []
    assert talk.ask(SCOPE, have=have[SCOPE]) == [(SCOPE, [], ["b"])]
    assert talk.ack(talk.last[0]) == [(CLUSTER, [], ["b"])]


def test_a_client_has_settled_when_it_has_taken_all_and_asked_for_all_that_follows() -> None:
    resources = fleet(0, "a")
    talk = Talk(*resources)
    for type_url, names in ((CLUSTER, ()), (ENDPOINTS, ["a"]), (LISTENER, ()), (SCOPE, ())):
        talk.take(type_url, *names)
        assert talk.stream.status.settled is None
    talk.take(ROUTES, "a")
    settled = Settled(gateway_resources(resources).version, complete=True, affected=frozenset())
    assert talk.events[-1] == talk.stream.status.settled == settled


def test_a_client_stays_settled_on_the_old_state_until_it_has_taken_the_new_one() -> None:
    talk = started(*fleet(0, "a"))
    before = Settled(gateway_resources(fleet(0, "a")).version, complete=True, affected=frozenset())
    after = Settled(gateway_resources(fleet(1, "a")).version, complete=True, affected=frozenset())
    talk.publish(*fleet(1, "a"))
    assert talk.stream.status.settled == before
    talk.ack_all()
    assert talk.stream.status.settled == after


def test_what_an_unasked_name_would_follow_from_is_forgotten_with_it() -> None:
    talk = Talk(cluster("a"), endpoints("a"))
    talk.take(CLUSTER)
    assert talk.stream.status.settled is None
    talk.publish(static_cluster("a"))
    talk.ack_all()
    assert talk.stream.status.settled


def test_a_reconnected_client_gets_the_endpoints_that_it_has_behind_a_changed_cluster() -> None:
    talk = Talk(cluster("a", 1), endpoints("a"))
    assert talk.ask(CLUSTER, have={"a": cluster("a").version}) == [(CLUSTER, ["a"], [])]
    assert talk.ask(ENDPOINTS, "a", have={"a": endpoints("a").version}) == [(ENDPOINTS, ["a"], [])]


def test_a_cluster_whose_endpoints_are_gone_before_they_were_sent_again_does_not_wait_for_them() -> None:
    talk = started(cluster("a"), endpoints("a"))
    talk.publish(cluster("a"), endpoints("a", 1))
    on_the_way = talk.last[0]
    assert talk.publish(cluster("a", 1), endpoints("a", 1)) == [(CLUSTER, ["a"], [])]
    assert talk.publish() == []
    assert talk.ack(on_the_way) == [(ENDPOINTS, [], ["a"])]
