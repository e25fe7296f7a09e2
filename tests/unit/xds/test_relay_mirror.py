from typing import Any

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SCOPE, SECRET
from modelfleet.xds.emptiness import meant_empty, told_version
from modelfleet.xds.events import Ack, Refusal
from modelfleet.xds.mirror import Mirror, Who
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.stream import AdsStream
from modelfleet.xds.types import PUSH_ORDER
from tests.unit.xds.making import cluster, endpoints, extension, listener, routes, scope, secret, static_cluster

WHO = Who("n", "g")
FLEET = (
    cluster("a", eds="ends"),
    endpoints("ends"),
    listener("l"),
    routes("r", ["a"]),
    scope("/r", "r"),
    extension("e"),
)


def sent(
    type_url: str, *resources: XdsResource, removed: tuple[str, ...] = (), nonce: str = "1", told: str = "v"
) -> Any:
    """A response of a central server."""
    made = discovery_pb2.DeltaDiscoveryResponse(
        type_url=type_url, nonce=nonce, removed_resources=removed, system_version_info=told
    )
    for it in resources:
        entry = made.resources.add(name=it.name, version=it.version)
        entry.resource.type_url, entry.resource.value = it.type_url, it.body
    return made


def kept(*resources: XdsResource) -> Mirror:
    """A mirror that had these on disk, and is connected."""
    mirror = Mirror(gateway_resources(resources))
    mirror.hello(WHO)
    mirror.latest()
    return mirror


def versions(state: GatewayResources | None) -> dict[str, str]:
    assert state
    return {name: it.version for of_type in state.by_type.values() for name, it in of_type.items()}


def versions_of(*resources: XdsResource) -> dict[str, str]:
    return {it.name: it.version for it in resources}


def refusal_of(*refused: XdsResource, message: str = "no") -> list[Refusal]:
    return [Refusal(it.type_url, {it.name: it.version}, message, frozenset()) for it in refused]


def said(answers: list[Any]) -> list[tuple[str, str]]:
    return [(it.response_nonce, it.error_detail.message) for it in answers]


def kept_by(mirror: Mirror) -> dict[str, str]:
    """What would be on disk."""
    return versions(mirror.accepted) if mirror.accepted else {}


def settled_version(central: AdsStream) -> str | None:
    settled = central.status.settled
    return settled.version if settled else None


def owes_word(mirror: Mirror) -> bool:
    return mirror.owes_word


def is_waiting(mirror: Mirror) -> bool:
    return mirror.is_waiting


# How a stream begins.


def test_the_first_requests_ask_for_all_of_every_type_but_for_what_is_held() -> None:
    requests = Mirror(gateway_resources(FLEET)).hello(WHO)
    assert [it.type_url for it in requests] == list(PUSH_ORDER)
    assert [it.node.id for it in requests] == ["n", *[""] * 6]
    assert requests[0].node.cluster == "g"
    assert all(list(it.resource_names_subscribe) == ["*"] for it in requests)
    have = {it.type_url: dict(it.initial_resource_versions) for it in requests}
    assert have[CLUSTER] == versions_of(FLEET[0])
    assert have[SCOPE] == versions_of(FLEET[4])
    assert have[SECRET] == {}


def test_a_server_that_has_not_changed_sends_nothing_to_whoever_comes_back() -> None:
    state = gateway_resources([*FLEET, secret("s")])
    central = AdsStream()
    central.on_resources(state)
    assert [it for request in Mirror(state).hello(WHO) for it in central.on_request(request)] == []
    assert settled_version(central) == state.version


# What was never had is gathered first.


def test_what_was_never_had_is_passed_on_only_when_it_is_whole() -> None:
    central, mirror = AdsStream(), Mirror()
    state = gateway_resources(FLEET)
    central.on_resources(state)
    waiting = [it for request in mirror.hello(WHO) for it in central.on_request(request)]
    taken = []
    while waiting:
        response = waiting.pop(0)
        taken.append(response.type_url)
        answers = mirror.on_response(response)
        assert bool(mirror.latest()) == (response.type_url == EXTENSION)
        waiting += [it for answer in answers for it in central.on_request(answer)]
    assert list(dict.fromkeys(taken)) == [CLUSTER, ENDPOINTS, SECRET, LISTENER, ROUTES, SCOPE, EXTENSION]
    assert versions(mirror.latest()) == versions(state)
    # The last word is the gateway's all the same.
    assert settled_version(central) is None
    assert not kept_by(mirror)
    for answer in mirror.on_settled(()):
        central.on_request(answer)
    assert settled_version(central) == state.version
    assert kept_by(mirror) == versions(state)


def test_a_server_that_has_nothing_yet_is_not_taken_for_one_that_has_nothing() -> None:
    mirror = Mirror()
    mirror.hello(WHO)
    for type_url in PUSH_ORDER:
        (answer,) = mirror.on_response(sent(type_url))
        assert not answer.HasField("error_detail")
    assert mirror.latest() is None


def test_the_names_of_the_types_of_which_there_is_none_come_with_every_version() -> None:
    state = gateway_resources(FLEET)
    assert told_version(state) == f"{state.version} without Secret"
    assert meant_empty(told_version(state)) == {SECRET}
    assert meant_empty(told_version(gateway_resources(()))) == set(PUSH_ORDER)
    whole = gateway_resources([*FLEET, secret("s")])
    assert told_version(whole) == whole.version
    assert meant_empty("1 without nonsense,Cluster") == {CLUSTER}
    assert meant_empty("") == set()
    stream = AdsStream()
    stream.on_resources(state)
    (response,) = stream.on_request(discovery_pb2.DeltaDiscoveryRequest(type_url=SECRET))
    assert response.system_version_info == told_version(state)


# What the gateway said is what the central server hears.


def test_nothing_is_answered_before_the_gateway_has_settled_on_it() -> None:
    mirror = kept(*FLEET)
    assert mirror.on_response(sent(LISTENER, listener("l", 1), nonce="7")) == []
    assert kept_by(mirror)["l"] == listener("l").version
    assert said(mirror.on_settled(())) == [("7", "")]
    assert kept_by(mirror)["l"] == listener("l", 1).version
    assert mirror.on_settled(()) == []


def test_what_the_gateway_refuses_is_refused_and_stays_as_it_was() -> None:
    mirror, new = kept(*FLEET), listener("l", 1)
    mirror.on_response(sent(LISTENER, new, nonce="7"))
    before = mirror.latest()
    assert said(mirror.on_settled(refusal_of(new, message="port"))) == [("7", "port")]
    assert not owes_word(mirror)
    assert kept_by(mirror) == versions_of(*FLEET)
    # As a new state it reaches the gateway, which the refused one is on its way to.
    latest = mirror.latest()
    assert latest
    assert latest is not before
    assert versions(latest) == versions_of(*FLEET)


def test_what_is_new_and_refused_is_gone() -> None:
    mirror, new = kept(*FLEET), static_cluster("b")
    mirror.on_response(sent(CLUSTER, new))
    assert said(mirror.on_settled(refusal_of(new))) == [("1", "no")]
    assert kept_by(mirror) == versions(mirror.latest()) == versions_of(*FLEET)


def test_of_several_only_the_bad_one_is_left_out_and_the_server_finds_it() -> None:
    clusters = [static_cluster(f"c{number}") for number in range(9)]
    bad = clusters[6]
    central, mirror = AdsStream(), kept(*FLEET)
    central.on_resources(gateway_resources([*FLEET, *clusters]))
    waiting = [it for request in mirror.hello(WHO) for it in central.on_request(request)]
    asked = 0
    while waiting:
        answers = mirror.on_response(waiting.pop(0))
        if mirror.latest() and bad.name in versions(mirror.latest()):
            asked += 1
            answers += mirror.on_settled(refusal_of(bad))
        answers += mirror.on_settled(())
        waiting += [it for answer in answers for it in central.on_request(answer)]
    assert [(it.names, it.message) for it in central.status.refusals] == [((bad.name,), "no")]
    assert asked == 1, "the gateway is asked once, however often the server sends it"
    assert kept_by(mirror) == versions_of(*FLEET, *(it for it in clusters if it is not bad))


def test_what_is_refused_though_no_response_waits_for_it_is_told_by_a_new_stream() -> None:
    mirror = kept(*FLEET)
    mirror.on_settled(refusal_of(FLEET[0]))
    assert owes_word(mirror)
    requests = {it.type_url: it for it in mirror.hello(WHO)}
    assert not owes_word(mirror)
    assert dict(requests[CLUSTER].initial_resource_versions) == {"a": ""}
    mirror.on_response(sent(CLUSTER, FLEET[0], nonce="3"))
    assert said(mirror.on_settled(refusal_of(FLEET[0]))) == [("3", "no")]
    assert not owes_word(mirror)


def test_what_one_gateway_took_is_not_lost_because_the_next_one_refuses_it() -> None:
    mirror = kept(*FLEET)
    mirror.on_settled(refusal_of(FLEET[2], message="the port is taken"))
    assert kept_by(mirror) == versions(mirror.latest()) == versions_of(*FLEET)


@pytest.mark.parametrize("goes", [False, True])
def test_what_a_gateway_refuses_that_another_took_comes_again_or_goes_when_the_server_is_back(goes: bool) -> None:
    mirror, central, spare = kept(*FLEET, cluster("b", eds="ends")), AdsStream(), cluster("b", eds="ends")
    mirror.on_settled(refusal_of(spare))
    central.on_resources(gateway_resources(FLEET if goes else (*FLEET, spare)))
    requests = mirror.hello(WHO)
    while answers := [it for request in requests for it in central.on_request(request)]:
        requests = [it for answer in answers for it in mirror.on_response(answer)] + mirror.on_settled(())
    assert ("b" in kept_by(mirror)) is not goes
    assert settled_version(central) == gateway_resources(FLEET if goes else (*FLEET, spare)).version


def test_what_was_refused_is_asked_of_the_next_gateway() -> None:
    mirror, new = kept(*FLEET), listener("l", 1)
    mirror.on_response(sent(LISTENER, new))
    mirror.on_settled(refusal_of(new))
    assert not owes_word(mirror)
    mirror.on_new_client()
    assert owes_word(mirror)
    mirror.hello(WHO)
    mirror.on_response(sent(LISTENER, new, nonce="2"))
    assert versions(mirror.latest())["l"] == new.version
    assert said(mirror.on_settled(())) == [("2", "")]


def test_what_no_gateway_has_asked_for_is_not_what_one_has_taken() -> None:
    mirror, new = kept(*FLEET), routes("r2", ["a"])
    mirror.on_response(sent(ROUTES, new))
    mirror.on_settled(())
    mirror.on_response(sent(SCOPE, scope("/r2", "r2")))
    mirror.on_settled(refusal_of(new))
    assert "r2" not in kept_by(mirror)


def test_what_the_gateway_has_taken_is_what_it_goes_back_to() -> None:
    mirror, one, two = kept(*FLEET), routes("r", ["a"], 1), routes("r", ["a"], 2)
    mirror.on_response(sent(ROUTES, one))
    mirror.on_ack(Ack(ROUTES, versions_of(one), ()))
    mirror.on_settled(())
    mirror.on_response(sent(ROUTES, two))
    mirror.on_settled(refusal_of(two))
    assert kept_by(mirror)["r"] == one.version


def test_a_removal_that_the_gateway_refuses_is_refused() -> None:
    mirror = kept(*FLEET, static_cluster("b"))
    mirror.on_response(sent(CLUSTER, removed=("b",), nonce="5"))
    mirror.on_stay(Refusal(CLUSTER, {"b": ""}, "busy", frozenset()))
    assert said(mirror.on_settled(())) == [("5", "busy")]


# A cluster comes with what it needs.


@pytest.mark.parametrize("comes", [True, False])
def test_a_changed_cluster_waits_for_its_endpoints(comes: bool) -> None:
    mirror = kept(*FLEET)
    before = mirror.latest()
    mirror.on_response(sent(CLUSTER, cluster("a", 1, eds="other"), nonce="1"))
    assert is_waiting(mirror)
    assert mirror.latest() is before
    assert mirror.on_settled(()) == []
    if comes:
        mirror.on_response(sent(ENDPOINTS, endpoints("other"), nonce="2"))
    else:
        mirror.on_patience_end()
    assert not is_waiting(mirror)
    assert versions(mirror.latest())["a"] != versions(before)["a"]
    assert said(mirror.on_settled(())) == [("1", ""), ("2", "")][: 2 if comes else 1]


def test_a_cluster_whose_endpoints_are_there_waits_for_nothing() -> None:
    mirror = kept(*FLEET)
    mirror.on_response(sent(CLUSTER, cluster("a", 1, eds="ends")))
    assert not is_waiting(mirror)


# What is not passed on.


def test_to_remove_all_of_a_type_is_refused_unless_it_is_meant() -> None:
    mirror = kept(*FLEET, static_cluster("b"))
    (answer,) = mirror.on_response(sent(CLUSTER, removed=("a", "b", "never"), nonce="4"))
    assert answer.response_nonce == "4"
    assert "every Cluster, 2 in all" in answer.error_detail.message
    assert versions(mirror.latest()) == versions_of(*FLEET, static_cluster("b"))
    assert mirror.on_response(sent(CLUSTER, removed=("b",))) == []
    assert mirror.on_response(sent(CLUSTER, removed=("a",), told="v without Secret,Cluster")) == []
    assert CLUSTER not in (mirror.latest() or gateway_resources(())).by_type


def test_to_put_others_in_the_place_of_all_is_no_removal_of_all() -> None:
    mirror = kept(*FLEET)
    assert mirror.on_response(sent(EXTENSION, extension("f"), removed=("e",))) == []
    assert "f" in versions(mirror.latest())


def nameless(response: Any) -> Any:
    response.resources[0].ClearField("version")
    return response


def bodiless(response: Any) -> Any:
    response.resources[0].ClearField("resource")
    return response


NEW = static_cluster("b")


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (sent("type.googleapis.com/x.Y"), "no resources of type"),
        (sent(CLUSTER, NEW, NEW), "twice"),
        (sent(CLUSTER, NEW, removed=("b",)), "twice"),
        (sent(CLUSTER, NEW, listener("l")), "'l' has no body, or one of another type"),
        (nameless(sent(CLUSTER, NEW)), "'b' has no version"),
        (bodiless(sent(CLUSTER, NEW)), "'b' has no body"),
    ],
)
def test_a_response_that_makes_no_sense_is_refused_whole(response: Any, why: str) -> None:
    mirror = kept(*FLEET)
    ((_, message),) = said(mirror.on_response(response))
    assert why in message
    assert versions(mirror.latest()) == versions_of(*FLEET)
