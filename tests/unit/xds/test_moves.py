"""Scopes that move to other routes: what a client has yet to ask for cannot answer a request."""

import pytest

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SCOPE
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import Talk, cluster, endpoints, listener, routes, scope, started

ONE, OTHER = "a/one", "a/other"


def fleet(serving: str, *route_names: str) -> list[XdsResource]:
    """Routes, each with a scope of its own, and a name that leads to one of them."""
    made = [listener("l"), cluster("c"), endpoints("c"), scope("*|auto", serving)]
    for name in route_names:
        made += [routes(name, ["c"]), scope(f"/{name}", name)]
    return made


def asked_for_routes(talk: Talk, name: str) -> None:
    """What a client does behind a scope that leads to routes which it does not have."""
    talk.ask(ROUTES, name)


def test_a_scope_waits_until_the_client_has_the_routes_that_another_new_scope_brings() -> None:
    talk = started(*fleet(ONE, ONE))
    assert talk.publish(*fleet(OTHER, OTHER)) == [(SCOPE, [f"/{OTHER}"], [])]
    brought = talk.last[0]
    asked_for_routes(talk, OTHER)
    sent = talk.last[0]
    assert (sent.type_url, [it.name for it in sent.resources]) == (ROUTES, [OTHER])
    assert talk.ack(brought) == [], "the scope moved before the routes were taken"
    assert talk.ack(sent) == [(SCOPE, ["*|auto"], [])]
    assert talk.ack_all() == [(SCOPE, [f"/{ONE}"]), (ROUTES, [ONE])]


def test_a_scope_that_waits_does_not_move_when_only_the_other_scope_was_taken() -> None:
    talk = started(*fleet(ONE, ONE))
    talk.publish(*fleet(OTHER, OTHER))
    assert all("*|auto" not in sent for _, sent, _ in talk.ack(talk.last[0]))
    asked_for_routes(talk, OTHER)
    talk.ack_all()
    assert all("*|auto" not in sent for _, sent, _ in talk.publish(*fleet(OTHER, OTHER)))


def test_a_scope_waits_for_one_that_the_client_may_have_since_it_refused_both_together() -> None:
    talk = started(*fleet(ONE, ONE))
    bad = [it for it in fleet(ONE, ONE, OTHER) if it.name != "*|auto"]
    talk.publish(*bad, scope("*|auto", ONE, 1))
    (refused,) = talk.last
    assert [it.name for it in refused.resources] == ["*|auto", f"/{OTHER}"]
    talk.publish(*fleet(OTHER, ONE, OTHER))
    assert talk.nack(refused) == [(SCOPE, [f"/{OTHER}"], [])], "it moved to routes that nobody had asked for"
    brought = talk.last[0]
    asked_for_routes(talk, OTHER)
    sent = talk.last[0]
    assert talk.ack(brought) == []
    assert talk.ack(sent) == [(SCOPE, ["*|auto"], [])]


def test_scopes_that_the_client_may_have_and_that_lead_to_the_same_routes_do_not_wait_for_each_other() -> None:
    def both(route: str, variant: int) -> list[XdsResource]:
        return [listener("l"), routes(route), scope("*|auto", route, variant), scope("*|other", route, variant)]

    talk = started(*both(ONE, 0))
    talk.publish(*both(ONE, 1))
    (refused,) = talk.last
    talk.publish(*both(OTHER, 2))
    assert talk.nack(refused) == [(SCOPE, ["*|auto"], [])]
    brought = talk.last[0]
    asked_for_routes(talk, OTHER)
    sent = talk.last[0]
    talk.ack(brought)
    assert talk.ack(sent) == [(SCOPE, ["*|other"], [])]


def test_a_scope_moves_at_once_to_routes_that_the_client_has() -> None:
    talk = started(*fleet(ONE, ONE, OTHER))
    assert talk.publish(*fleet(OTHER, ONE, OTHER)) == [(SCOPE, ["*|auto"], [])]


def test_a_scope_is_not_held_back_for_routes_that_nothing_else_brings() -> None:
    def alone(route: str) -> list[XdsResource]:
        return [listener("l"), cluster("c"), endpoints("c"), routes(route, ["c"]), scope("*|auto", route)]

    talk = started(*alone(ONE))
    assert talk.publish(*alone(OTHER)) == [(SCOPE, ["*|auto"], [])]


def test_scopes_that_all_move_to_the_same_new_routes_do_not_wait_for_each_other() -> None:
    def both(route: str) -> list[XdsResource]:
        return [listener("l"), routes(route), scope("*|auto", route), scope("*|other", route)]

    talk = started(*both(ONE))
    assert talk.publish(*both(OTHER)) == [(SCOPE, ["*|auto", "*|other"], [])]


def test_a_new_scope_is_not_held_back() -> None:
    talk = started(*fleet(ONE, ONE))
    assert talk.publish(*fleet(ONE, ONE, OTHER), scope("*|new", OTHER)) == [(SCOPE, ["*|new", f"/{OTHER}"], [])]


def test_a_scope_that_changes_and_stays_with_its_routes_is_not_held_back() -> None:
    talk = started(*fleet(ONE, ONE))
    changed = [it for it in fleet(ONE, ONE, OTHER) if it.name != "*|auto"]
    assert talk.publish(*changed, scope("*|auto", ONE, 1)) == [(SCOPE, ["*|auto", f"/{OTHER}"], [])]


@pytest.mark.parametrize("knows_the_routes", [True, False])
def test_a_scope_of_a_client_that_comes_back_waits_until_it_asks_for_its_routes(knows_the_routes: bool) -> None:
    """It names its scopes before its routes, and may have been cut off before it had the routes that are to come."""
    before = gateway_resources(fleet(ONE, ONE, OTHER))
    have = {of: {name: it.version for name, it in before.of_type(of).items()} for of in before.by_type}
    talk = Talk(*fleet(OTHER, ONE, OTHER))
    for type_url in (CLUSTER, ENDPOINTS, LISTENER):
        talk.ask(type_url, *([] if type_url != ENDPOINTS else have[ENDPOINTS]), have=have[type_url])
        talk.ack_all()
    assert talk.ask(SCOPE, have=have[SCOPE]) == []
    if knows_the_routes:
        assert talk.ask(ROUTES, ONE, OTHER, have=have[ROUTES]) == [(SCOPE, ["*|auto"], [])]
    else:
        assert talk.ask(ROUTES, ONE, OTHER, have={ONE: have[ROUTES][ONE]}) == [(ROUTES, [OTHER], [])]
        assert talk.ack(talk.last[0]) == [(SCOPE, ["*|auto"], [])]
