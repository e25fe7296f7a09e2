from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SCOPE, SECRET
from modelfleet.xds.events import Ack
from tests.unit.xds.making import Talk, cluster, endpoints, listener, routes, scope

A, B, C = cluster("a"), cluster("b"), cluster("c")


def test_a_first_request_without_names_asks_for_all() -> None:
    assert Talk(A, B).ask(CLUSTER) == [(CLUSTER, ["a", "b"], [])]


def test_a_star_asks_for_all() -> None:
    assert Talk(A, B).ask(CLUSTER, "*") == [(CLUSTER, ["a", "b"], [])]


def test_names_ask_for_these_only() -> None:
    assert Talk(A, B).ask(CLUSTER, "b") == [(CLUSTER, ["b"], [])]


def test_every_resource_comes_with_its_version_and_its_bytes() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER)
    (resource,) = talk.last[0].resources
    assert (resource.version, resource.resource.type_url, resource.resource.value) == (A.version, CLUSTER, A.body)


def test_nothing_is_answered_before_there_is_a_state() -> None:
    talk = Talk()
    assert talk.ask(CLUSTER) == []
    assert talk.ask(ENDPOINTS, "a", have={"a": "1"}) == []
    assert talk.publish(A, endpoints("a")) == [(CLUSTER, ["a"], []), (ENDPOINTS, ["a"], [])]


def test_who_asks_for_all_of_nothing_is_told_that_there_is_nothing() -> None:
    talk = Talk(A)
    assert talk.ask(LISTENER) == [(LISTENER, [], [])]
    assert talk.ack(talk.last[0]) == []
    assert talk.events == []


def test_a_name_that_does_not_exist_is_told_to_be_removed_once() -> None:
    talk = Talk(A)
    assert talk.ask(ENDPOINTS, "a", "b") == [(ENDPOINTS, [], ["a", "b"])]
    assert talk.ack(talk.last[0]) == []
    assert talk.publish(A, B) == []
    assert talk.publish(A, B, endpoints("a")) == [(ENDPOINTS, ["a"], [])]


def test_a_type_that_is_not_served_gets_no_answer() -> None:
    assert Talk(A).ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", "x") == []
    assert Talk(A).ask("") == []


def test_a_client_that_has_all_is_sent_nothing() -> None:
    assert Talk(A, B).ask(CLUSTER, have={"a": A.version, "b": B.version}) == []


def test_a_client_is_sent_what_differs_and_told_what_is_gone_in_two_responses() -> None:
    talk = Talk(A, B)
    assert talk.ask(CLUSTER, have={"a": A.version, "b": "old", "c": C.version}) == [(CLUSTER, ["b"], [])]
    assert talk.ack(talk.last[0]) == [(CLUSTER, [], ["c"])]


def test_a_name_that_is_subscribed_and_had_and_gone_is_told_once() -> None:
    talk = Talk(A)
    assert talk.ask(CLUSTER, "a", "c", have={"a": A.version, "c": C.version}) == [(CLUSTER, [], ["c"])]
    assert talk.ack(talk.last[0]) == []


def test_what_a_client_has_without_wanting_it_is_not_spoken_of() -> None:
    assert Talk(A).ask(CLUSTER, "a", have={"c": C.version}) == [(CLUSTER, ["a"], [])]


def test_a_version_without_letters_is_no_version() -> None:
    talk = Talk(A)
    assert talk.ask(CLUSTER, have={"a": "", "c": ""}) == [(CLUSTER, ["a"], [])]
    assert talk.ack(talk.last[0]) == [(CLUSTER, [], ["c"])]


def test_who_subscribes_again_is_sent_it_again() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER, "a", "b")
    assert talk.ask(CLUSTER, "a") == [(CLUSTER, ["a"], [])]


def test_who_subscribes_again_while_it_is_on_the_way_is_sent_it_twice() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER, "a")
    first = talk.last[0]
    assert talk.ask(CLUSTER, "a") == []
    assert talk.ack(first) == [(CLUSTER, ["a"], [])]


def test_who_subscribes_again_to_what_does_not_exist_is_told_again() -> None:
    talk = Talk(A)
    talk.take(CLUSTER, "c")
    assert talk.ask(CLUSTER, "c") == [(CLUSTER, [], ["c"])]


def test_nothing_is_sent_of_a_name_that_was_given_up() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER, "a", "b")
    assert talk.ask(CLUSTER, unsubscribe=["a"]) == []
    assert talk.publish(cluster("a", 1), cluster("b", 1)) == [(CLUSTER, ["b"], [])]


def test_a_name_that_was_given_up_and_taken_up_on_the_way_is_sent_again() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER, "a")
    on_the_way = talk.last[0]
    talk.ask(CLUSTER, unsubscribe=["a"])
    talk.ask(CLUSTER, "a")
    assert talk.ack(on_the_way) == [(CLUSTER, ["a"], [])]


def test_a_star_can_be_given_up_and_names_stay() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER, "*", "a")
    assert talk.ask(CLUSTER, unsubscribe=["*"]) == []
    assert talk.publish(cluster("a", 1), cluster("b", 1), C) == [(CLUSTER, ["a"], [])]


def test_a_name_that_the_star_still_brings_is_sent_when_it_is_given_up() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER, "*", "a")
    assert talk.ask(CLUSTER, unsubscribe=["a"]) == [(CLUSTER, ["a"], [])]


def test_a_star_can_come_later() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER, "a")
    assert talk.ask(CLUSTER, "*") == [(CLUSTER, ["b"], [])]


def test_an_unchanged_state_sends_nothing() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER)
    assert talk.publish(B, A) == []


def test_a_change_sends_what_changed_and_what_is_gone() -> None:
    talk = Talk(A, B)
    talk.take(CLUSTER)
    assert talk.publish(cluster("a", 1), C) == [(CLUSTER, ["a", "c"], [])]
    assert talk.ack(talk.last[0]) == [(CLUSTER, [], ["b"])]
    assert talk.ack(talk.last[0]) == []


def test_one_response_of_a_type_is_on_the_way_and_the_latest_state_follows() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER)
    first = talk.last[0]
    assert talk.publish(cluster("a", 1)) == []
    assert talk.publish(cluster("a", 2), B) == []
    assert talk.ack(first) == [(CLUSTER, ["a", "b"], [])]
    assert talk.last[0].resources[0].version == cluster("a", 2).version


def test_a_change_that_is_undone_on_the_way_is_not_sent() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER)
    first = talk.last[0]
    talk.publish(cluster("a", 1))
    talk.publish(A)
    assert talk.ack(first) == []


def test_nonces_grow_and_are_never_used_twice() -> None:
    talk = Talk(A, endpoints("a"))
    talk.ask(CLUSTER)
    first = talk.last[0]
    talk.ask(ENDPOINTS, "a")
    assert int(talk.last[0].nonce) > int(first.nonce)


def test_an_old_or_unknown_or_foreign_nonce_is_no_answer_and_yet_a_wish() -> None:
    talk = Talk(A, B, endpoints("a"))
    talk.ask(CLUSTER, "a")
    for nonce in ("0", "99", "x"):
        assert talk.ask(CLUSTER, "b", nonce=nonce) == []
        assert talk.ask(CLUSTER, nonce=nonce, refusal="no") == []
    talk.ask(ENDPOINTS, "a", nonce="1")
    assert talk.events == []
    assert talk.ask(CLUSTER, nonce="1") == [(CLUSTER, ["b"], [])]


def test_a_nonce_counts_once() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER)
    first = talk.last[0]
    talk.ack(first)
    talk.ack(first)
    assert [type(event) for event in talk.events].count(Ack) == 1


def test_an_acknowledgement_says_what_was_taken() -> None:
    talk = Talk(A)
    talk.ask(CLUSTER, "a", "b")
    talk.ack(talk.last[0])
    assert talk.events[0] == Ack(CLUSTER, {"a": A.version}, ("b",))


def test_more_than_a_client_takes_at_once_goes_in_parts() -> None:
    big = [routes(f"r{number}", ["x" * 1_400_000]) for number in range(3)]
    talk = Talk(*big)
    assert talk.ask(ROUTES) == [(ROUTES, ["r0"], [])]
    assert talk.ack(talk.last[0]) == [(ROUTES, ["r1"], [])]


def test_one_that_is_too_big_goes_alone() -> None:
    talk = Talk(routes("r", ["x" * 4_000_000]), routes("s"))
    assert talk.ask(ROUTES) == [(ROUTES, ["r"], [])]
    assert talk.ack(talk.last[0]) == [(ROUTES, ["s"], [])]


def test_every_type_can_be_asked_for_and_be_missing() -> None:
    talk = Talk(A, endpoints("a"), listener("l"), routes("r"), scope("s", "r"))
    assert talk.ask(SECRET, "x") == [(SECRET, [], ["x"])]
    assert talk.ack(talk.last[0]) == []
    assert talk.ask(SCOPE) == [(SCOPE, ["s"], [])]
