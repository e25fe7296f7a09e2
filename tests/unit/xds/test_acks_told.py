"""Who is told of, for how long, and who is woken by it."""

import json
import threading
import time

import pytest

from modelfleet.xds.acks import FORGOTTEN_S
from modelfleet.xds.events import Connected, Disconnected
from tests.unit.xds.watched import GATEWAY, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_client_is_there_as_long_as_one_of_its_streams(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.hear("n", Connected(came_back=True), Disconnected())
    assert scene.node("n")["connected"]
    scene.now += 7
    scene.hear("n", Disconnected())
    scene.now += 5
    assert (scene.node("n")["connected"], scene.node("n")["seconds"]) == (False, 5)


def test_who_went_is_remembered_for_a_while_with_what_it_had(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.hear("n", Disconnected())
    scene.publish({"p": 1}, 2)
    scene.now += FORGOTTEN_S
    assert scene.behind("n") == {"p": 1}
    scene.now += 1
    assert scene.gateway()["nodes"] == []


def test_who_stays_is_not_forgotten_however_long_it_says_nothing(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n", "m")
    scene.now += 10 * FORGOTTEN_S
    scene.hear("m", Disconnected())
    assert scene.node("n")["connected"]


def test_who_went_long_ago_is_forgotten_also_where_nobody_asks(scene: Scene) -> None:
    scene.publish({"p": 0})
    for number in range(50):
        scene.join(f"n{number}")
        scene.hear(f"n{number}", Disconnected())
        scene.now += FORGOTTEN_S / 10
    assert len(scene.acks._ledgers[GATEWAY].nodes) < 15


def test_who_asks_for_a_gateway_that_is_not_set_up_is_told_as_a_stranger_while_it_is_there(scene: Scene) -> None:
    scene.publish({"p": 0})
    number = scene.number
    for node in ("a", "b"):
        scene.acks.hear(node, "egde", Connected())
    assert scene.acks.document()["strangers"] == ["egde"]
    assert scene.number > number
    scene.acks.hear("a", "egde", Disconnected())
    assert scene.acks.document()["strangers"] == ["egde"]
    scene.acks.hear("b", "egde", Disconnected())
    assert scene.acks.document()["strangers"] == []
    assert [one["name"] for one in scene.acks.document()["gateways"]] == [GATEWAY]


def test_a_gateway_is_news_also_where_no_policy_names_it(scene: Scene) -> None:
    scene.publish({})
    assert scene.number == 1
    scene.publish({}, more=1)
    assert scene.number == 1


def test_who_waits_for_news_is_woken_by_it_and_by_nothing_else(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    number, ended = scene.number, threading.Event()

    def wait() -> None:
        scene.acks.wait(number, 10)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    scene.publish({"p": 0}, more=1)
    scene.settle("n")
    scene.settle("n")
    assert not ended.wait(0.1)
    scene.publish({"p": 1})
    assert ended.wait(5)


def test_who_knows_less_is_answered_at_once_and_who_knows_all_not_for_longer_than_it_waits(scene: Scene) -> None:
    scene.publish({"p": 0})
    began = time.monotonic()
    scene.acks.wait(scene.number - 1, 5)
    scene.acks.wait(scene.number + 7, 5)  # it has asked the process before this one
    assert time.monotonic() - began < 1
    scene.acks.wait(scene.number, 0.1)
    assert time.monotonic() - began >= 0.1


def test_the_metrics_count_who_is_there_and_who_has_all_of_it(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("a", "b", "c", "gone")
    scene.hear("gone", Disconnected())
    scene.publish({"p": 1})
    scene.settle("a")
    scene.refuse("b", "p")
    acks = scene.acks
    assert (acks.connected(), acks.current(), acks.refused()) == ({GATEWAY: 3.0}, {GATEWAY: 1.0}, {GATEWAY: 1.0})
    scene.hear("a", Connected(came_back=True))
    assert acks.current() == {GATEWAY: 0.0}, "it has to say so again"


def test_all_that_is_told_is_json_and_names_no_more_than_is_needed(scene: Scene) -> None:
    scene.publish({"p": 0})
    scene.join("n")
    scene.publish({"p": 1})
    scene.refuse("n", "p")
    document = json.loads(json.dumps(scene.acks.document()))
    assert set(document) == {"v", "xds", "number", "gateways", "strangers"}
    assert (document["v"], document["xds"]) == (1, "xds-0")
    assert set(document["gateways"][0]["nodes"][0]) == {
        "id", "connected", "settled", "new", "seconds", "version", "behind", "refused",
    }  # fmt: skip


def test_of_hundreds_of_clients_each_is_told_for_itself(scene: Scene) -> None:
    names = {f"p{number}": 0 for number in range(200)}
    nodes = [f"n{number:03}" for number in range(400)]
    scene.publish(names)
    scene.join(*nodes)
    scene.publish({**names, "p7": 1}, 2)
    for number, node in enumerate(nodes):
        if number % 3 == 1:
            scene.settle(node)
        elif number % 3 == 2:
            scene.refuse(node, "p7")
    found = scene.gateway()["nodes"]
    assert [one["id"] for one in found] == nodes
    assert [len(one["behind"]) for one in found] == [int(number % 3 != 1) for number in range(400)]
    assert [len(one["refused"]) for one in found] == [int(number % 3 == 2) for number in range(400)]
