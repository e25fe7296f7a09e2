"""What becomes of requests when a real engine dies, stands still or starts, and of its work when a caller leaves."""

from typing import Any

from tests.dataplane.envoy.real_engine.conftest import Real
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Stream, chat, open_stream
from tests.dataplane.support.expect import said, unavailable
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.records import Record
from tests.engines.llamacpp.model import CONTEXT

ENDLESS = CONTEXT - 1000
"""So many tokens take the engine far longer than it takes to look at it."""
JSON = {"content-type": "application/json"}
LEFT = "left.example.com"
"""The host that a request asks for which gets no answer, so that its record is found."""


def asking(real: Real, name: str, **asked: Any) -> Stream:
    """A request for which nobody has waited yet."""
    return open_stream(real.gateway.address, "POST", CHAT, {**JSON, "host": LEFT}, chat(name, **asked), 60)


def begun(real: Real, name: str, running: int = 1) -> Stream:
    """A stream of which the first piece is there, and the last a long way off."""
    stream = asking(real, name, stream=True, max_tokens=ENDLESS)
    next(stream.events())
    assert real.small.busy() == running, "the engine had ended before its first token came through"
    return stream


def wait_until_given_up(real: Real, before: int) -> None:
    wait_for(lambda: real.small.cancelled() > before, "the engine gives the answer up")
    real.small.wait_until_idle()


def left_behind(real: Real) -> list[Record]:
    return [it for it in real.gateway.records.all() if (it["host"], it["status"]) == (LEFT, 0)]


def tries(record: Record) -> list[tuple[str, int, str]]:
    return [(it["target"], it["status"], it["reason"]) for it in record["attempts"]]


def by_large(real: Real, answer: Answer, *reasons: str) -> Record:
    """The record of an answer that came from the second tier, whole and with its tokens."""
    assert answer.status == 200, answer.text
    assert answer.json()["model"] == "engine-large"
    record = real.gateway.record(answer)
    assert (record["served"]["model"], record["rung"]) == ("large", 1)
    assert record["reason"] in reasons
    assert record["tokens"]["out"] == answer.json()["usage"]["completion_tokens"]
    return record


def test_an_engine_stops_when_its_caller_leaves_a_stream(real: Real) -> None:
    before = real.small.cancelled()
    with begun(real, "plain") as stream:
        stream.close()
        wait_until_given_up(real, before)
    assert tries(real.gateway.record(stream.head())) == [("small", 200, "truncated")]


def test_an_engine_stops_when_its_caller_does_not_wait_for_json(real: Real) -> None:
    before = real.small.cancelled()
    with asking(real, "plain", max_tokens=ENDLESS) as stream:
        wait_for(lambda: real.small.busy() == 1, "the engine works at it")
        stream.close()
        wait_until_given_up(real, before)
    wait_for(lambda: bool(left_behind(real)), "its record")
    assert [tries(record) for record in left_behind(real)] == [[("small", 0, "abandoned")]]


def test_an_engine_stops_when_the_time_for_an_answer_is_up(real: Real) -> None:
    before = real.small.cancelled()
    answer = real.gateway.ask("short", max_tokens=ENDLESS)
    assert tries(unavailable(real.gateway, answer, 504, "timeout")) == [("small", 0, "timeout")]
    wait_until_given_up(real, before)


def test_a_dead_engine_is_stood_in_for_by_the_next_tier(real: Real) -> None:
    real.small.kill()
    answer = real.gateway.ask("auto", max_tokens=5)
    # The gateway may not have seen yet that a connection from before is gone.
    record = by_large(real, answer, "connect", "reset")
    assert tries(record) == [("small", 0, record["reason"]), ("large", 200, "ok")]
    assert (said(answer)["tier"], said(answer)["attempts"]) == ("frontier", "2")


def test_an_engine_that_dies_before_its_answer_is_stood_in_for(real: Real) -> None:
    real.small.freeze()
    with asking(real, "auto", max_tokens=5) as stream:
        sent = f"{real.small.address[0]}:{real.small.address[1]}::rq_active::1\n"
        wait_for(lambda: sent in real.gateway.envoy.ask("/clusters")[1], "the engine has the request")
        real.small.kill()
        answer = stream.answer()
    assert tries(by_large(real, answer, "reset")) == [("small", 0, "reset"), ("large", 200, "ok")]


def test_a_stream_whose_engine_dies_is_broken_off_and_recorded_so(real: Real) -> None:
    with begun(real, "auto") as stream:
        real.small.kill()
        answer = stream.answer()
    assert not answer.complete
    assert "[DONE]" not in answer.text
    record = real.gateway.record(answer)
    assert (record["status"], record["reason"], record["tokens"]["out"]) == (200, "truncated", None)
    assert tries(record) == [("small", 200, "truncated")]


def test_an_engine_that_stands_still_is_given_up_for_the_next_tier(real: Real) -> None:
    real.small.freeze()
    answer = real.gateway.ask("hurried", max_tokens=5, stream=True)
    assert answer.sse()[-1].data == "[DONE]"
    assert answer.sse()[0].json()["model"] == "engine-large"
    assert tries(real.gateway.record(answer)) == [("small", 0, "timeout"), ("large", 200, "ok")]


def test_a_stream_that_stands_still_is_broken_off(real: Real) -> None:
    with begun(real, "hurried") as stream:
        real.small.freeze()
        answer = stream.answer()
    assert not answer.complete
    record = real.gateway.record(answer)
    assert (record["status"], record["reason"], tries(record)) == (200, "truncated", [("small", 200, "truncated")])


def test_nobody_notices_that_an_engine_starts_again(real: Real) -> None:
    """While it is down there is no connection, and while it reads its model it says 503: the next tier answers both."""
    real.small.kill()
    assert real.gateway.ask("auto", max_tokens=5).json()["model"] == "engine-large"
    real.small.start()
    heard: list[str] = []

    def is_back() -> bool:
        answer = real.gateway.ask("auto", max_tokens=5)
        assert answer.status == 200, answer.text
        heard.append(answer.json()["model"])
        return heard[-1] == "engine-small"

    wait_for(is_back, "the small engine answers again")
    assert set(heard[:-1]) <= {"engine-large"}


def test_who_finds_no_slot_waits_in_the_engine_and_is_answered_in_turn(real: Real) -> None:
    with (
        begun(real, "plain") as first,
        begun(real, "plain", running=2),
        asking(real, "plain", max_tokens=5) as third,
    ):
        wait_for(lambda: real.small.metric("requests_deferred") == 1, "the third waits")
        first.close()
        answer = third.answer()
    assert (answer.status, answer.json()["usage"]["completion_tokens"]) == (200, 5)
