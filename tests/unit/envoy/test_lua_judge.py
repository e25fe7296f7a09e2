"""What Envoy calls when a try is answered: what waits here, what is said of an answer, and what is noted of it."""

from typing import Any

import pytest

from tests.support.luahandle import JSON, NOW, Handled, Script
from tests.support.luajourney import EVENTS, STREAM, Journey
from tests.support.luanotes import Notes, under_way
from tests.support.luarecord import is_line, record_of
from tests.unit.envoy.journeys import attempts, falling

TOKENS = b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}'
DECIDED = {"id": "id-1", "policy": "default/p", "rule": "r", "tier": "light", "target": "m", "rung": 0}
DECISION: dict[str, Any] = {**DECIDED, "reason": "wanted", "path": "/v1/chat/completions", "model": "auto"}
TRY = {"target": "m", "status": 0, "reason": "abandoned", "ms": 0}
EARLIER = {"target": "l", "status": 503, "reason": "overload", "ms": 20}
UPSTREAM = ("x-modelfleet-upstream", "10.0.0.1:80 gpu")


def sent(*tries: dict[str, Any], **decision: Any) -> Notes:
    """What is noted of a request while its last try is under way."""
    return under_way(NOW - 500, [dict(it) for it in tries or (TRY,)], {**DECISION, "stream": False, **decision})


def judged(status: int, *headers: tuple[str, str], notes: Notes | None = None, body: bytes | None = b"") -> Handled:
    """An answer of JSON, whole."""
    pairs = [(":status", str(status)), *JSON, *headers]
    return Script(entry="judge").handle(pairs, body, notes or sent()).call("envoy_on_response").resume_whole()


def told(handled: Handled) -> dict[str, str]:
    prefix = "x-modelfleet-"
    return {name.removeprefix(prefix): value for name, value in handled.headers.items() if name.startswith(prefix)}


# What an answer says of itself.


def test_an_answer_says_what_served_it() -> None:
    handled = judged(200, UPSTREAM)
    assert told(handled) == {
        "request-id": "id-1",
        "policy": "default/p",
        "rule": "r",
        "tier": "light",
        "model": "m",
        "rung": "0",
        "attempts": "1",
        "reason": "wanted",
    }
    record = record_of(handled.noted)
    assert record["served"] == {"tier": "light", "model": "m", "hardware": "gpu", "endpoint": "10.0.0.1:80"}
    assert record["attempts"] == [{"target": "m", "status": 200, "reason": "ok", "ms": 500}]
    assert record["reason"] == "wanted"


def test_on_a_lower_rung_it_says_what_served_it_there_and_why() -> None:
    fallen = sent(EARLIER, TRY, served={"tier": "large", "model": "n"}, rung=1, reason="overload")
    handled = judged(200, UPSTREAM, notes=fallen)
    found, record = told(handled), record_of(handled.noted)
    assert (found["tier"], found["model"], found["rung"], found["attempts"]) == ("large", "n", "1", "2")
    assert found["reason"] == record["reason"] == "overload"
    assert (record["served"]["model"], record["tier"], record["target"]) == ("n", "light", "m")
    assert record["attempts"] == [EARLIER, {**TRY, "status": 200, "reason": "ok", "ms": 500}]


def test_an_answer_on_a_lower_rung_is_told_as_such() -> None:
    asked = falling().ask().refused(20).failed(503)
    found = asked.told(asked.answered(200, JSON, 30).resume()).headers
    assert found["x-modelfleet-tier"] == found["x-modelfleet-model"] == "three"
    assert (found["x-modelfleet-rung"], found["x-modelfleet-attempts"]) == ("2", "3")
    assert found["x-modelfleet-reason"] == "overload"
    served = {"tier": "three", "model": "three", "hardware": "gpu", "endpoint": "10.0.0.1:80"}
    assert asked.record["served"] == served
    assert attempts(asked) == [("one", 0, "connect", 20), ("two", 503, "overload", 0), ("three", 200, "ok", 30)]


def test_a_rung_without_a_tier_names_none() -> None:
    handled = judged(200, UPSTREAM, notes=sent(served={"model": "own"}, rung=0))
    assert (told(handled)["tier"], told(handled)["model"]) == ("-", "own")
    assert "tier" not in record_of(handled.noted)["served"]


@pytest.mark.parametrize("hardware", ["-", ""])
def test_hardware_that_nobody_knows_is_left_out(hardware: str) -> None:
    handled = judged(200, ("x-modelfleet-upstream", f"10.0.0.1:80 {hardware}"))
    assert record_of(handled.noted)["served"] == {"tier": "light", "model": "m", "endpoint": "10.0.0.1:80"}


@pytest.mark.parametrize("line", ["nonsense", "", "a b c", None])
def test_a_line_that_is_none_of_ours_names_no_endpoint(line: str | None) -> None:
    handled = judged(200, *([("x-modelfleet-upstream", line)] if line is not None else []))
    assert record_of(handled.noted)["served"] == {"tier": "light", "model": "m"}
    assert "upstream" not in told(handled)


@pytest.mark.parametrize("status", [200, 204, 400, 404, 422])
def test_an_answer_is_passed_on_byte_for_byte(status: int) -> None:
    handled = judged(status, UPSTREAM, ("x-their-own", "1"), body=b"\0\xff{")
    assert (handled.headers[":status"], handled.body) == (str(status), b"\0\xff{")
    assert (handled.headers["x-their-own"], handled.waits) == ("1", None)
    assert "content-length" not in handled.headers
    assert record_of(handled.noted)["attempts"][0]["status"] == status


def test_a_clock_that_is_set_back_makes_no_try_shorter_than_nothing() -> None:
    notes = under_way(NOW + 9_000, [dict(TRY)], {**DECISION, "stream": False})
    assert record_of(judged(200, UPSTREAM, notes=notes).noted)["attempts"][0]["ms"] == 0


def test_what_an_upstream_says_in_our_name_is_heard_by_nobody() -> None:
    theirs = [("x-modelfleet-model", "theirs"), ("x-modelfleet-policy", "their/own"), ("x-modelfleet-upstream", "h g")]
    asked = falling().ask()
    handled = asked.told(asked.answered(200, [*JSON, *theirs]).resume())
    assert (told(handled)["model"], told(handled)["policy"]) == ("one", "default/p")
    assert asked.record["served"]["endpoint"] == "10.0.0.1:80"


# What is no answer.


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 101])
def test_what_is_no_answer_goes_to_the_gate_and_says_nothing_of_a_model(status: int) -> None:
    handled = falling().ask().answered(status)
    assert handled.headers["x-modelfleet-again"] == "1"
    assert (handled.waits, "x-modelfleet-model" in handled.headers) == (None, False)


# What waits.


def test_an_answer_of_json_waits_until_it_is_whole() -> None:
    asked = falling().ask()
    handled = asked.answered(body=TOKENS)
    # Until then it may still come to nothing.
    assert (handled.waits, attempts(asked)[-1][2]) == ("body", "abandoned")
    assert handled.resume().waits is None
    assert (attempts(asked)[-1][2], asked.record["tokens"]) == ("ok", {"in": 3, "out": 4})


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON; charset=utf-8", " application/json"])
@pytest.mark.parametrize("length", [None, "12", str(32 * 1024 * 1024)])
def test_json_is_held_whatever_its_length_up_to_a_bound(kind: str, length: str | None) -> None:
    handled = falling().ask().answered(200, [("content-type", kind), *([("content-length", length)] if length else [])])
    assert handled.waits == "body"


@pytest.mark.parametrize(
    "headers", [EVENTS, (), [("content-type", "text/plain")], [*JSON, ("content-length", str(32 * 1024 * 1024 + 1))]]
)
def test_what_is_no_json_or_too_long_to_be_held_is_followed(headers: Any) -> None:
    asked = falling().ask()
    handled = asked.answered(200, headers)
    assert (handled.waits, attempts(asked)[-1][2]) == ("chunk", "truncated")


@pytest.mark.parametrize("kind", ["application/jsonl", "application/json-seq", "application/json5; x=y"])
def test_lines_of_json_are_a_stream_and_no_json(kind: str) -> None:
    assert falling().ask(STREAM).answered(200, [("content-type", kind)]).waits == "chunk"


def test_json_that_breaks_off_is_a_failure_like_any_other() -> None:
    asked = falling().ask()
    assert asked.answered(body=b'{"cho').waits == "body"
    asked.silent(40)
    assert attempts(asked) == [("one", 0, "reset", 40), ("two", 0, "abandoned", 0)]


def test_an_answer_without_a_body_is_whole_at_once() -> None:
    asked = falling().ask()
    assert asked.answered(200, JSON, body=None).waits is None
    assert attempts(asked) == [("one", 200, "ok", 0)]


def test_an_answer_of_headers_alone_is_not_broken_off() -> None:
    asked = falling().ask()
    assert asked.answered(404, [("content-type", "text/plain")], body=None).waits is None
    assert ending(asked) == ("wanted", "ok")


# What runs.


def ending(asked: Journey) -> tuple[str | None, str]:
    """The reason that the record has, and that of the last attempt."""
    return asked.record["reason"], attempts(asked)[-1][2]


def test_a_stream_is_broken_off_until_its_end_is_there() -> None:
    asked = falling().ask(STREAM)
    handled = asked.answered(200, EVENTS, milliseconds=70)
    assert ending(asked) == ("truncated", "truncated")
    handled.resume(b"data: {}\n\n").resume(b"data: " + TOKENS)
    assert (handled.waits, ending(asked)) == ("chunk", ("truncated", "truncated"))
    handled.resume(None)
    assert (handled.waits, ending(asked)) == (None, ("wanted", "ok"))
    assert attempts(asked) == [("one", 200, "ok", 70)]
    assert asked.record["tokens"] == {"in": 3, "out": 4}


def test_the_caller_of_a_stream_hears_at_once_why_it_was_sent_where_it_was() -> None:
    asked = falling().ask(STREAM).refused()
    handled = asked.told(asked.answered(200, EVENTS))
    assert (handled.waits, told(handled)["reason"], told(handled)["model"]) == ("chunk", "connect", "two")
    assert asked.record["served"]["model"] == "two"


def test_a_stream_that_never_ends_stays_broken_off() -> None:
    asked = falling().ask(STREAM).refused()
    handled = asked.answered(200, EVENTS).resume(b"data: {}\n\n")
    assert (handled.waits, ending(asked)) == ("chunk", ("truncated", "truncated"))
    assert [it[2] for it in attempts(asked)] == ["connect", "truncated"]


def test_a_stream_that_ends_on_a_lower_rung_has_the_reason_of_its_fall() -> None:
    asked = falling().ask(STREAM).refused()
    asked.answered(200, EVENTS).resume(None)
    assert ending(asked) == ("connect", "ok")
    assert [it[2] for it in attempts(asked)] == ["connect", "ok"]


def test_tokens_are_found_where_pieces_divide_them() -> None:
    asked = falling().ask(STREAM)
    handled = asked.answered(200, EVENTS)
    for piece in (b"x" * 5_000, TOKENS[:17], b"", TOKENS[17:40], TOKENS[40:], None):
        handled.resume(piece)
    assert asked.record["tokens"] == {"in": 3, "out": 4}


def test_an_answer_that_says_nothing_of_tokens_has_none() -> None:
    asked = falling().ask()
    asked.answered(body=b"{}").resume()
    assert asked.record["tokens"] == {"in": None, "out": None}


# Who writes the record.


def test_the_common_request_is_written_by_the_script_and_no_other_is() -> None:
    asked = falling().ask()
    # Also where nobody ever hears of it again.
    assert (is_line(asked.notes), ending(asked), asked.record["served"]) == (True, (None, "abandoned"), None)
    handled = asked.answered(body=TOKENS)
    assert (is_line(asked.notes), ending(asked)) == (True, (None, "abandoned"))
    handled.resume()
    assert (is_line(asked.notes), ending(asked)) == (True, ("wanted", "ok"))
    fallen = falling().ask().refused()
    fallen.answered().resume()
    worker = falling()
    worker.absent = {"default/one/way"}
    skipped = worker.ask()
    skipped.answered().resume()
    assert not is_line(fallen.notes)
    assert not is_line(skipped.notes)
    assert skipped.record["skipped"] == [{"target": "one", "tier": "one", "reason": "no_capacity"}]


def test_a_stream_is_written_by_the_script_when_it_is_at_its_end() -> None:
    asked = falling().ask(STREAM)
    handled = asked.answered(200, EVENTS).resume(b"data: {}\n\n")
    assert (is_line(asked.notes), ending(asked)) == (True, ("truncated", "truncated"))
    handled.resume(None)
    assert (is_line(asked.notes), ending(asked)) == (True, ("wanted", "ok"))


@pytest.mark.parametrize("odd", ['"', "\\", "\x7f", "\u00e9"])
def test_a_letter_that_a_line_cannot_say_is_in_the_record_all_the_same(odd: str) -> None:
    worker = falling(identifiers={"step": "x-step"})
    asked = worker.ask(headers=[("x-step", f"a{odd}b")], path=f"/v1/chat/{odd}")
    asked.answered(body=TOKENS).resume()
    assert not is_line(asked.notes)
    record = asked.record
    assert (record["step"], record["path"]) == (f"a{odd}b", f"/v1/chat/{odd}")
    assert (record["tokens"], record["reason"]) == ({"in": 3, "out": 4}, "wanted")
    assert attempts(asked) == [("one", 200, "ok", 0)]
    assert record["served"]["endpoint"] == "10.0.0.1:80"
