"""What the gateway holds back until it is sure of it, and what becomes of an answer that breaks nevertheless."""

import pytest

from tests.dataplane.envoy.ladder.kinds import EVENTS, HALF, SOON, TOKEN, WHOLE
from tests.dataplane.envoy.ladder.scene import LADDER, Scene, Try, asking, laddered, ok, served
from tests.dataplane.support.client import open_stream
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.records import Record
from tests.dataplane.support.steps import (
    JSON,
    Body,
    Chunk,
    Close,
    EndChunks,
    Reset,
    Stall,
    Status,
    Step,
    Wait,
    huge,
    json_answer,
    sse_answer,
    sse_event,
)

SLOW_S = 0.4
HELD_BYTES = 32 * 1024 * 1024
POLICIES = [
    laddered("auto", f"{LADDER}, timeouts: {{total: 30s, firstToken: 5s, answer: 20s, betweenTokens: 10s}}"),
    laddered("again", "retries: {attempts: 2, budgetPercent: 100}"),
]


# Held.


def test_a_json_answer_is_shown_when_it_is_whole(scene: Scene) -> None:
    scene.play(small=[Status(200, [JSON, ("content-length", "2")]), Body(b"["), Wait(SLOW_S), Body(b"]")])
    answer = scene.ask("auto")
    assert answer.json() == []
    assert answer.first_byte_s
    assert answer.first_byte_s >= 0.9 * SLOW_S
    assert answer.header("content-length") == "2"


def test_a_stream_is_shown_from_its_first_byte_on(scene: Scene) -> None:
    scene.play(
        small=[EVENTS, Wait(SLOW_S), Chunk(sse_event("from small")), Stall(), Chunk(sse_event("two")), EndChunks()]
    )
    with open_stream(scene.gateway.address, body=asking("auto", stream=True)) as stream:
        head = stream.head()
        assert head.first_byte_s
        assert head.first_byte_s >= 0.9 * SLOW_S
        events = stream.events()
        assert next(events).data == "from small"
        scene["small"].wait_until_stalled()
        scene["small"].release()
        assert next(events).data == "two"
        answer = stream.answer()
    assert answer.complete
    scene.check(answer, served("small", 0, "wanted", Try("small", "ok", 200, SLOW_S * 1000)), stream=True)


def test_json_that_answers_a_wish_for_a_stream_is_held_as_well(scene: Scene) -> None:
    scene.play(small=[WHOLE, HALF, SOON, Reset()])
    scene.check(
        scene.ask("auto", stream=True), served("medium", 1, "reset", Try("small", "reset"), ok("medium")), stream=True
    )
    scene.play(small=json_answer(200, '"from small"'))
    scene.check(scene.ask("auto", stream=True), served("small", 0, "wanted", ok("small")), stream=True)


def test_a_stream_that_nobody_asked_for_is_passed_on(scene: Scene) -> None:
    scene.play(small=sse_answer(["from small"]))
    answer = scene.ask("auto")
    assert (answer.status, answer.complete, answer.header("content-type")) == (200, True, "text/event-stream")
    assert scene.gateway.record(answer)["attempts"][0]["reason"] == "ok"


def test_nothing_of_a_failed_try_is_seen_by_the_caller(scene: Scene) -> None:
    theirs = [("x-their-own", "small"), ("set-cookie", "small=1"), ("content-length", "100"), JSON]
    scene.play(small=[Status(200, theirs), HALF, SOON, Close()])
    answer = scene.ask("auto")
    scene.check(answer, served("medium", 1, "reset", Try("small", "reset"), ok("medium")))
    assert (answer.header("x-their-own"), answer.header("set-cookie")) == (None, None)
    scene.play(small=json_answer(503, "theirs", {"retry-after": "17", "x-their-own": "small"}))
    answer = scene.ask("auto", stream=True)
    scene.check(answer, served("medium", 1, "overload", Try("small", "overload", 503), ok("medium")), stream=True)
    assert (answer.header("x-their-own"), answer.header("retry-after")) == (None, None)


@pytest.mark.parametrize("mebibytes", [1, 20])
def test_a_large_json_answer_is_held_too(scene: Scene, mebibytes: int) -> None:
    size = mebibytes * 1024 * 1024
    whole = huge(size)
    scene.play(small=[*whole[:-1], SOON, Reset()])
    scene.check(scene.ask("auto"), served("medium", 1, "reset", Try("small", "reset"), ok("medium")))
    scene.play(small=whole)
    answer = scene.ask("auto")
    assert (answer.status, answer.complete, len(answer.body)) == (200, True, size)
    assert set(answer.body[1:-1]) == {ord("x")}


def test_a_json_answer_of_more_than_we_hold_is_passed_on(scene: Scene) -> None:
    whole = huge(HELD_BYTES + 1000)
    scene.play(small=whole)
    answer = scene.ask("auto")
    assert (answer.complete, len(answer.body)) == (True, HELD_BYTES + 1000)
    scene.play(small=[*whole[:-1], SOON, Reset()])
    answer = scene.ask("auto")
    assert (answer.status, answer.complete) == (200, False)
    record = scene.gateway.record(answer)
    assert [attempt["target"] for attempt in record["attempts"]] == ["small"]
    assert (record["reason"], record["attempts"][0]["reason"]) == ("truncated", "truncated")


# Broken.

BROKEN: dict[str, list[Step]] = {
    "reset": [EVENTS, TOKEN, SOON, Reset()],
    "closed": [EVENTS, TOKEN, SOON, Close()],
    "reset later": [EVENTS, TOKEN, Wait(0.3), TOKEN, SOON, Reset()],
    "no more HTTP": [EVENTS, TOKEN, SOON, Body(b"xyz\r\n"), Close()],
}


@pytest.mark.parametrize("policy", ["auto", "again"])
@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN)
def test_behind_the_first_byte_nothing_is_tried_again(scene: Scene, steps: list[Step], policy: str) -> None:
    scene.play(small=steps)
    before = scene.heard()
    answer = scene.ask(policy, stream=True)
    assert (answer.status, answer.complete) == (200, False)
    assert answer.body == TOKEN.data * steps.count(TOKEN)
    ending = served("small", 0, "truncated", Try("small", "truncated", 200), header="wanted")
    scene.check(answer, ending, stream=True)
    assert scene.heard() == {**before, "small": before["small"] + 1}


def test_a_stream_that_breaks_behind_a_fall_tells_of_both(scene: Scene) -> None:
    scene.play(small=json_answer(429), medium=BROKEN["reset"])
    answer = scene.ask("auto", stream=True)
    tries = (Try("small", "overload", 429), Try("medium", "truncated", 200))
    scene.check(answer, served("medium", 1, "truncated", *tries, header="overload"), stream=True)


# Left.


def left(scene: Scene, before: int) -> Record:
    return scene.gateway.records.wait_for(before + 1)[-1]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_a_caller_who_leaves_before_the_answer_abandons_it(scene: Scene, *, stream: bool, reset: bool) -> None:
    scene.play(small=[Stall()])
    before, heard = len(scene.gateway.records.all()), scene.heard()
    with open_stream(scene.gateway.address, body=asking("auto", stream=stream)) as waiting:
        scene["small"].wait_until_stalled()
        waiting.close(reset=reset)
    record = left(scene, before)
    assert [(it["target"], it["status"], it["reason"]) for it in record["attempts"]] == [("small", 0, "abandoned")]
    assert (record["status"], record["served"], record["reason"]) == (0, None, None)
    wait_for(lambda: scene["small"].requests[-1].ended == "client_gone", "the engine is left")
    assert scene.heard() == {**heard, "small": heard["small"] + 1}


def test_a_caller_who_leaves_in_the_middle_of_a_later_try_leaves_all_tries_behind(scene: Scene) -> None:
    scene.play(small=json_answer(502), medium=[WHOLE, HALF, Stall()])
    before, heard = len(scene.gateway.records.all()), scene.heard()
    with open_stream(scene.gateway.address, body=asking("auto")):
        scene["medium"].wait_until_stalled()
    record = left(scene, before)
    tried = [(it["target"], it["status"], it["reason"]) for it in record["attempts"]]
    assert tried == [("small", 502, "5xx"), ("medium", 0, "abandoned")]
    assert (record["rung"], record["served"]) == (1, None)
    wait_for(lambda: scene["medium"].requests[-1].ended == "client_gone", "the engine is left")
    assert scene.heard()["large"] == heard["large"]
