import pytest

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SCOPE
from modelfleet.xds.events import Ack, Refusal
from tests.unit.xds.making import Talk, cluster, endpoints, listener, names, policy, routes, scope, started

P, Q = policy("p"), policy("q")


def owned(name: str, variant: int = 0, route: int = 0) -> list[XdsResource]:
    """A policy's resources, with a variant of the clusters and another of the rest."""
    owners = (policy(name),)
    return [
        cluster(name, variant, owners=owners),
        endpoints(name, owners=owners),
        routes(name, [name], route, owners),
        scope(name, name, route, owners),
    ]


def refusals(talk: Talk) -> list[Refusal]:
    return [it for it in talk.events if isinstance(it, Refusal)]


def test_one_that_is_refused_alone_is_told_with_its_owners() -> None:
    talk = Talk(cluster("a", owners=(P,)))
    talk.ask(CLUSTER)
    assert talk.nack(talk.last[0], "bad timeout") == []
    expected = Refusal(CLUSTER, {"a": cluster("a").version}, "bad timeout", frozenset({P}))
    assert talk.events[0] == expected
    assert expected.names == ("a",)
    assert talk.stream.status.refusals == (expected,)


def test_a_refused_resource_is_not_sent_again_until_it_changes() -> None:
    talk = Talk(cluster("a", 1))
    talk.ask(CLUSTER)
    talk.nack(talk.last[0])
    assert talk.publish(cluster("a", 1), cluster("b")) == [(CLUSTER, ["b"], [])]
    talk.ack_all()
    assert talk.publish(cluster("a", 2), cluster("b")) == [(CLUSTER, ["a"], [])]
    assert talk.stream.status.refusals == ()


def test_who_comes_to_need_what_was_refused_is_kept_waiting_for_it_as_well() -> None:
    """It would lead requests to what the client does not have."""
    talk = started(cluster("b"))
    shared = cluster("a", 1, owners=(P,))
    talk.publish(cluster("b"), shared)
    talk.nack(talk.last[0])
    later = [cluster("a", 1, owners=(P, Q)), routes("q", ["a"], owners=[Q]), scope("q", "q", owners=[Q])]
    assert talk.publish(cluster("b"), *later) == []
    assert talk.stream.status.settled
    assert talk.stream.status.settled.affected == {P, Q}
    assert [it.owners for it in talk.stream.status.refusals] == [{P, Q}]


def test_a_refused_resource_that_goes_back_to_what_the_client_has_is_not_sent() -> None:
    talk = started(cluster("a"))
    talk.publish(cluster("a", 1))
    talk.nack(talk.last[0])
    assert talk.publish(cluster("a")) == []
    assert talk.stream.status.refusals == ()


def test_who_subscribes_again_to_what_it_refused_is_sent_it_again() -> None:
    talk = Talk(cluster("a"))
    talk.ask(CLUSTER, "a")
    talk.nack(talk.last[0])
    assert talk.ask(CLUSTER, "a") == [(CLUSTER, ["a"], [])]


@pytest.mark.parametrize("name", ["a", "*"])
def test_who_gives_up_what_it_refused_has_refused_nothing(name: str) -> None:
    talk = Talk(cluster("a"))
    talk.ask(CLUSTER, name)
    talk.nack(talk.last[0])
    assert talk.stream.status.refusals
    talk.ask(CLUSTER, unsubscribe=[name])
    assert talk.stream.status.refusals == ()


def test_the_bad_one_among_many_is_found_and_the_others_are_taken() -> None:
    talk = Talk(*(cluster(f"c{number:03}") for number in range(200)))
    talk.ask(CLUSTER)
    rounds = 0
    while talk.last:
        (response,) = talk.last
        talk.nack(response) if "c077" in names(response) else talk.ack(response)
        rounds += 1
    assert rounds < 20
    assert [it.names for it in refusals(talk)] == [("c077",)]
    taken = {name for it in talk.events if isinstance(it, Ack) for name in it.versions}
    assert len(taken) == 199


def test_those_that_are_refused_only_together_are_taken_apart() -> None:
    talk = Talk(cluster("a"), cluster("b"))
    talk.ask(CLUSTER)
    talk.nack(talk.last[0])
    assert names(talk.last[0]) == ["a"]
    talk.ack_all()
    assert refusals(talk) == []
    assert talk.stream.status.settled


def test_what_a_client_may_have_taken_of_a_refused_batch_is_taken_back() -> None:
    talk = started(cluster("a"), cluster("b"))
    talk.publish(cluster("a", 1), cluster("b", 1))
    batch = talk.last[0]
    talk.publish(cluster("a"), cluster("b"))
    assert talk.nack(batch) == [(CLUSTER, ["a"], [])]
    assert talk.ack(talk.last[0]) == [(CLUSTER, ["b"], [])]


def test_what_a_client_may_have_taken_of_a_refused_batch_is_removed() -> None:
    talk = Talk(cluster("a"), cluster("b"))
    talk.ask(CLUSTER)
    batch = talk.last[0]
    talk.publish(cluster("a"))
    assert talk.nack(batch) == [(CLUSTER, ["a"], [])]
    assert talk.ack(talk.last[0]) == [(CLUSTER, [], ["b"])]


def test_a_refusal_of_what_has_changed_meanwhile_is_told_and_not_remembered() -> None:
    talk = Talk(cluster("a"))
    talk.ask(CLUSTER)
    first = talk.last[0]
    talk.publish(cluster("a", 1))
    assert talk.nack(first) == [(CLUSTER, ["a"], [])]
    assert [it.names for it in refusals(talk)] == [("a",)]
    assert talk.stream.status.refusals == ()


def test_a_refused_removal_is_told_and_not_repeated() -> None:
    talk = started(cluster("a"), cluster("b"))
    assert talk.publish(cluster("a")) == [(CLUSTER, [], ["b"])]
    assert talk.nack(talk.last[0], "cannot") == []
    assert refusals(talk) == [Refusal(CLUSTER, {"b": ""}, "cannot", frozenset())]
    assert talk.publish(cluster("a"), cluster("b")) == [(CLUSTER, ["b"], [])]


def test_what_is_built_on_a_refused_resource_is_withheld_and_the_rest_is_not() -> None:
    talk = started(*owned("p"), *owned("q"))
    talk.publish(*owned("p", 1, 1), *owned("q", 0, 1))
    clusters, assignments = talk.last
    talk.ack(assignments)
    assert talk.nack(clusters) == [(ROUTES, ["q"], [])]
    talk.ack_all()
    settled = talk.stream.status.settled
    assert settled
    assert not settled.complete
    assert settled.affected == {P}


def test_what_was_withheld_is_sent_when_the_refused_resource_changes_and_is_taken() -> None:
    talk = started(*owned("p"))
    talk.publish(*owned("p", 1, 1))
    clusters, assignments = talk.last
    talk.ack(assignments)
    assert talk.nack(clusters) == []
    assert [it[0] for it in talk.publish(*owned("p", 2, 1))] == [CLUSTER, ENDPOINTS]
    clusters, assignments = talk.last
    talk.ack(assignments)
    assert talk.ack(clusters) == [(ROUTES, ["p"], [])]


def test_a_name_that_is_withheld_and_asked_for_is_absent_until_it_is_not() -> None:
    talk = Talk(*owned("p"))
    talk.ask(CLUSTER)
    talk.nack(talk.last[0])
    assert talk.ask(ROUTES, "p") == [(ROUTES, [], ["p"])]
    assert talk.ack(talk.last[0]) == []
    talk.publish(*owned("p", 1))
    assert talk.ack(talk.last[0]) == [(ROUTES, ["p"], [])]


def test_what_the_last_good_version_may_name_stays_while_something_is_refused() -> None:
    talk = started(*owned("p"), *owned("q"), cluster("old"), endpoints("old"))
    talk.publish(*owned("p"), *owned("q", 0, 1))
    routed = talk.last[0]
    assert routed.type_url == ROUTES
    talk.nack(routed)
    assert [it for it in talk.last if it.removed_resources] == []
    talk.publish(*owned("p"), *owned("q", 0, 2))
    assert talk.ack_all() == [(CLUSTER, ["old"]), (ENDPOINTS, ["old"])]


def test_a_policy_that_is_deleted_leaves_also_while_another_one_is_refused() -> None:
    talk = started(*owned("p"), *owned("q"))
    talk.publish(*owned("p", 1), *owned("q"))
    clusters, assignments = talk.last
    talk.ack(assignments)
    talk.nack(clusters)
    assert talk.publish(*owned("p", 1)) == [(SCOPE, [], ["q"])]


def test_a_scope_of_a_refused_policy_stays() -> None:
    talk = started(*owned("p"), scope("more", "p", 0, (P,)))
    talk.publish(*owned("p", 1))
    clusters, assignments = talk.last
    talk.ack(assignments)
    assert talk.nack(clusters) == []


def test_a_deleted_policy_leaves_although_it_was_refused() -> None:
    talk = started(*owned("p"), *owned("q"))
    talk.publish(*owned("p", 1), *owned("q"))
    clusters, assignments = talk.last
    talk.ack(assignments)
    talk.nack(clusters)
    assert talk.publish(*owned("q")) == [(SCOPE, [], ["p"])]


def test_a_refused_scope_leads_to_no_routes_and_its_client_settles_without_it() -> None:
    talk = started(*owned("q"))
    talk.publish(*owned("p"), *owned("q"))
    clusters = talk.last[0]
    talk.ask(ENDPOINTS, "p")
    talk.ack(talk.last[0])
    talk.ack(clusters)
    (scopes,) = talk.last
    assert scopes.type_url == SCOPE
    talk.nack(scopes)
    settled = talk.stream.status.settled
    assert settled
    assert settled.affected == {P}


def test_a_refused_endpoint_set_does_not_follow_its_cluster() -> None:
    talk = started(cluster("a"), endpoints("a"))
    talk.publish(cluster("a"), endpoints("a", 1))
    talk.nack(talk.last[0])
    assert talk.publish(cluster("a", 1), endpoints("a", 1)) == [(CLUSTER, ["a"], [])]


def test_a_listener_without_owners_withholds_nothing() -> None:
    talk = started(listener("l"), *owned("p"))
    talk.publish(listener("l", 1), *owned("p", 0, 1))
    assert talk.last[0].type_url == LISTENER
    assert talk.nack(talk.last[0]) == [(ROUTES, ["p"], [])]
