"""What is told of clients: never that one has what it has not, nor that it lacks what it has."""

from typing import Any

import pytest

from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER
from modelfleet.xds import acks as module
from modelfleet.xds.acks import InPlace
from modelfleet.xds.events import Ack, Connected, Disconnected, Refusal, Settled
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import cluster, listener, policy
from tests.unit.xds.watched import GATEWAY, Scene

P, Q = policy("p"), policy("q")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_client_has_nothing_before_it_has_settled_and_everything_then(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.hear("n", Connected())
    assert (scene.node("n")["settled"], scene.node("n")["new"]) == (False, True)
    scene.settle("n")
    assert (scene.node("n")["settled"], scene.node("n")["new"], scene.behind("n")) == (True, False, {})


def test_the_policies_are_told_by_the_versions_that_clients_are_to_have(scene: Scene) -> None:
    state = scene.publish({"q": 0, "p": 4}, generation=7)
    found = scene.gateway()
    assert (found["name"], found["version"]) == (GATEWAY, state.version)
    assert found["policies"][0] == {"namespace": "shop", "name": "p", "uid": "u-p", "generation": 7, "revision": "r4"}
    assert [one["name"] for one in found["policies"]] == ["p", "q"]


def test_an_edit_is_missing_until_the_client_has_settled_on_it_and_the_others_are_not(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 1, "q": 0}, generation=2)
    assert scene.behind("n") == {"p": 1}
    scene.settle("n")
    assert scene.behind("n") == {}


def test_who_settles_on_an_older_state_lacks_what_has_changed_since(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    older = scene.publish({"p": 1, "q": 0}, generation=2)
    scene.publish({"p": 1, "q": 1}, generation=3)
    scene.settle("n", state=older)
    assert scene.behind("n") == {"q": 2}


def test_what_is_refused_is_told_with_its_owners_and_what_the_client_keeps(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 1, "q": 1}, generation=2)
    scene.refuse("n", "p", "no such file")
    assert scene.behind("n") == {"p": 1}
    assert scene.node("n")["refused"] == [
        {
            "type": "Cluster",
            "names": ["p"],
            "message": "no such file",
            "owners": [{"kind": "RoutingPolicy", "namespace": "shop", "name": "p"}],
        }
    ]


def test_a_client_that_refuses_one_version_after_the_other_keeps_the_last_that_it_took(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    for generation in (2, 3, 4):
        scene.publish({"p": generation}, generation)
        scene.refuse("n", "p")
        assert scene.behind("n") == {"p": 1}


def test_who_refused_the_first_version_has_nothing_of_the_policy(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.hear("n", Connected())
    scene.refuse("n", "p")
    assert scene.behind("n") == {"p": None}


def test_a_version_that_has_not_been_answered_is_not_refused_because_the_one_before_was(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.publish({"p": 1}, 2)
    scene.refuse("n", "p")
    scene.publish({"p": 2}, 3)
    assert (scene.behind("n"), scene.node("n")["refused"]) == ({"p": 1}, [])
    scene.settle("n")
    assert (scene.behind("n"), scene.node("n")["refused"]) == ({}, [])


def test_of_two_resources_of_a_policy_the_one_that_was_mended_is_refused_no_more(scene: Scene) -> None:
    def publish(first: int, second: int, generation: int) -> None:
        scene.state = gateway_resources([cluster("a", first, owners=[P]), cluster("b", second, owners=[P])])
        scene.acks.publish(GATEWAY, scene.state, {P: InPlace("u", generation, "r")})

    publish(0, 0, 1)
    scene.hear("n", Connected())
    for name in ("a", "b"):
        scene.hear("n", Refusal(CLUSTER, {name: scene.state.of_type(CLUSTER)[name].version}, "no", frozenset({P})))
    scene.settle("n", [P])
    publish(1, 0, 2)
    scene.settle("n", [P])
    assert [one["names"] for one in scene.node("n")["refused"]] == [["b"]]


def test_a_refusal_ends_for_the_policy_that_is_in_order_and_stays_for_the_other(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.hear("n", Connected())
    for name in ("p", "q"):
        version = scene.state.of_type(CLUSTER)[name].version
        scene.hear("n", Refusal(CLUSTER, {name: version}, "no", frozenset({policy(name)})))
    scene.settle("n", [P, Q])
    assert [one["names"] for one in scene.node("n")["refused"]] == [["p"], ["q"]]
    scene.settle("n", [Q])
    assert [one["names"] for one in scene.node("n")["refused"]] == [["q"]]
    assert scene.behind("n") == {"q": None}


def test_who_comes_to_need_what_was_refused_is_told_as_its_owner(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.hear("n", Connected())
    scene.refuse("n", "p")
    scene.state = gateway_resources([cluster("p", owners=[P, Q])])
    scene.acks.publish(GATEWAY, scene.state, {key: InPlace("u", 1, "r") for key in (P, Q)})
    assert [one["name"] for one in scene.node("n")["refused"][0]["owners"]] == ["p", "q"]
    scene.settle("n", [P, Q])
    assert scene.behind("n") == {"p": None, "q": None}
    scene.state = gateway_resources([cluster("p", owners=[Q])])
    scene.acks.publish(GATEWAY, scene.state, {Q: InPlace("u", 1, "r")})
    scene.settle("n", [Q])
    assert [one["name"] for one in scene.node("n")["refused"][0]["owners"]] == ["q"]


def test_what_belongs_to_no_policy_is_told_as_refused_and_keeps_no_policy_back(scene: Scene) -> None:
    scene.state = gateway_resources([cluster("p", owners=[P]), listener("edge")])
    scene.acks.publish(GATEWAY, scene.state, {P: InPlace("u", 1, "r")})
    scene.hear("n", Connected())
    refusal = Refusal(LISTENER, {"edge": scene.state.of_type(LISTENER)["edge"].version}, "in use", frozenset())
    scene.hear("n", refusal, Settled(scene.state.version, False, frozenset()))
    assert scene.behind("n") == {}
    assert [(one["type"], one["owners"]) for one in scene.node("n")["refused"]] == [("Listener", [])]


def test_a_removal_that_is_refused_is_told_until_the_name_is_there_again(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 0})
    scene.hear("n", Refusal(CLUSTER, {"q": ""}, "no", frozenset()))
    assert [one["names"] for one in scene.node("n")["refused"]] == [["q"]]
    scene.publish({"p": 0, "q": 0})
    assert scene.node("n")["refused"] == []


def test_a_change_that_is_taken_back_is_not_acknowledged_before_it_is_again(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.publish({"p": 1}, 2)
    scene.publish({"p": 0}, 3)
    assert scene.behind("n") == {"p": 1}, "it may just be taking what was between"
    scene.settle("n")
    assert scene.behind("n") == {}


def test_what_was_kept_is_not_what_is_wanted_again_before_the_client_says_so(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.publish({"p": 1}, 2)
    scene.refuse("n", "p")
    scene.publish({"p": 2}, 3)
    scene.publish({"p": 0}, 4)
    assert scene.behind("n") == {"p": 1}, "it may just be taking what was between"
    scene.settle("n")
    assert scene.behind("n") == {}


def test_another_generation_that_says_the_same_is_acknowledged_at_once(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    number = scene.number
    scene.publish({"p": 0, "q": 0}, generation=2)
    assert scene.behind("n") == {}
    assert [one["generation"] for one in scene.gateway()["policies"]] == [2, 2]
    assert scene.number > number, "the generation is news"


def test_endpoints_that_change_keep_nobody_back_and_wake_nobody(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    number = scene.number
    scene.publish({"p": 0}, more=1)
    assert scene.behind("n") == {}
    assert scene.acks.current() == {GATEWAY: 0.0}, "the metric counts endpoints, too"
    scene.settle("n")
    scene.hear("n", Ack(ENDPOINTS, {"e": "1"}, ()))
    assert scene.number == number
    assert scene.acks.current() == {GATEWAY: 1.0}


def test_endpoints_that_are_refused_are_told_though_the_policy_is_the_same(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.publish({"p": 0}, more=1)
    version = scene.state.of_type(ENDPOINTS)["e"].version
    scene.hear("n", Refusal(ENDPOINTS, {"e": version}, "no", frozenset({P})))
    scene.settle("n", [P])
    assert scene.behind("n") == {}
    assert [one["type"] for one in scene.node("n")["refused"]] == ["ClusterLoadAssignment"]


def test_a_client_that_was_started_anew_has_nothing_of_what_it_had(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 1, "q": 0}, 2)
    scene.refuse("n", "p")
    scene.hear("n", Disconnected(), Connected())
    assert (scene.node("n")["new"], scene.node("n")["refused"]) == (True, [])
    scene.refuse("n", "p")
    assert scene.behind("n") == {"p": None}


def test_a_client_that_comes_back_with_what_it_had_is_believed_to_have_it(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.hear("n", Disconnected(), Connected(came_back=True))
    assert (scene.behind("n"), scene.node("n")["settled"], scene.node("n")["new"]) == ({}, False, False)


def test_of_a_client_that_was_elsewhere_it_is_not_said_what_it_keeps(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.hear("n", Connected(came_back=True))
    scene.refuse("n", "p")
    assert scene.behind("n") == {"p": 0}, "no generation that there could be"
    scene.join("m")
    scene.publish({"p": 1}, 2)
    scene.refuse("m", "p")
    scene.hear("m", Disconnected(), Connected(came_back=True))
    scene.publish({"p": 2}, 3)
    scene.refuse("m", "p")
    assert scene.behind("m") == {"p": 0}


def test_a_policy_that_is_gone_is_missed_by_nobody(scene: Scene) -> None:
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 1, "q": 0})
    scene.refuse("n", "p")
    scene.publish({"q": 0})
    assert scene.behind("n") == {}
    scene.publish({"p": 1, "q": 0})
    assert scene.behind("n") == {"p": 1}, "it may have taken it away meanwhile"


def test_a_state_of_before_the_memory_of_states_is_as_good_as_none(scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MOST_STATES", 3)
    first = scene.publish({"p": 0, "q": 0})
    scene.join("n")
    for variant in range(1, 5):
        scene.publish({"p": variant, "q": 0}, variant)
    scene.settle("n", state=first)
    assert (scene.node("n")["settled"], scene.node("n")["new"]) == (True, True)


def test_a_state_that_comes_again_is_as_young_as_its_last_time(scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MOST_STATES", 3)
    first = scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 1, "q": 0})
    scene.publish({"p": 0, "q": 0})
    for variant in (1, 2):
        scene.publish({"p": 0, "q": variant})
    scene.settle("n", state=first)
    assert (scene.node("n")["new"], set(scene.behind("n"))) == (False, {"q"})


def test_what_a_client_keeps_is_not_known_where_too_many_states_were_between(scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 2)
    first = scene.publish({"p": 0, "q": 0})
    scene.hear("n", Connected())
    for variant in range(1, 4):
        scene.publish({"p": variant, "q": 0}, variant)
    scene.settle("n", state=first)
    assert scene.behind("n") == {"p": 0}
