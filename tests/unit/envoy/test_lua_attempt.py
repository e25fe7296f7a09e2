"""What Envoy calls at each try: what an upstream gets, and what is made of its answer on the way back."""

from typing import Any

import pytest

from tests.support.luahandle import JSON, Handled
from tests.support.luajourney import BODY, EVENTS, KEY, STREAM, Journey
from tests.unit.envoy.journeys import NAMES, among, attempts, falling

THEIRS = ("authorization", "Bearer caller")
TOKENS = b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}'


def hosted(url: str = "https://api.example.com/v1", credentials: str = "") -> str:
    more = f", credentials: {credentials}" if credentials else ""
    return f"{{engine: null, external: {{url: '{url}'{more}}}}}"


# What each model gets.


def test_each_model_hears_its_own_name_and_every_other_byte_as_it_came() -> None:
    asked = falling().ask().refused().refused()
    assert [it.body for it in asked.sent] == [BODY.replace(b"auto", b"engine-" + name.encode()) for name in NAMES]
    assert [int(it.headers["content-length"]) for it in asked.sent] == [len(it.body) for it in asked.sent]


def test_a_body_is_not_touched_for_a_model_of_the_same_name() -> None:
    asked = among(*["model: {name: auto}"] * 3).ask().refused().refused()
    assert [it.body for it in asked.sent] == [BODY] * 3
    assert "content-length" not in asked.sent[-1].headers


def test_a_length_is_that_of_the_body_also_where_a_name_comes_back() -> None:
    asked = among(*(f"model: {{name: {name}}}" for name in ("a", "longer", "a"))).ask().refused().refused()
    assert [it.body for it in asked.sent] == [BODY.replace(b"auto", name) for name in (b"a", b"longer", b"a")]
    assert [int(it.headers["content-length"]) for it in asked.sent] == [len(it.body) for it in asked.sent]


def test_each_model_gets_the_path_and_the_credentials_that_it_is_due() -> None:
    worker = among("", hosted("https://api.example.com/other", "{passThrough: true}"), hosted())
    asked = worker.ask(headers=[THEIRS, ("cookie", "a=b")]).refused().refused()
    paths = ["/v1/chat/completions", "/other/chat/completions", "/v1/chat/completions"]
    assert [it.headers[":path"] for it in asked.sent] == paths
    assert [it.headers.get("authorization") for it in asked.sent] == [None, "Bearer caller", None]
    assert [it.headers.get("cookie") for it in asked.sent] == [None, "a=b", None]


def test_cookies_of_several_lines_are_still_several_on_a_lower_rung() -> None:
    worker = among("", hosted(credentials="{passThrough: true}"))
    asked = worker.ask(headers=[("cookie", "a=1"), ("cookie", "b=2")]).refused()
    assert asked.sent[-1].headers["cookie"] == "a=1; b=2"


@pytest.mark.parametrize(("status", "passes"), [(401, True), (403, True), (401, False)])
def test_whether_a_wrong_key_is_the_caller_s_fault_goes_by_the_rung(status: int, passes: bool) -> None:
    engines = ["", hosted(credentials="{passThrough: true}")]
    asked = among(*(engines if passes else engines[::-1])).ask(headers=[THEIRS]).refused()
    handled = asked.answered(status)
    assert ("x-modelfleet-again" in handled.headers) is not passes


KEYED, PASSING = hosted(credentials="{secretRef: {name: keys, key: token}}"), hosted(credentials="{passThrough: true}")


def test_a_key_of_ours_goes_to_the_model_that_it_is_for() -> None:
    asked = among("", KEYED).ask(headers=[THEIRS]).refused()
    assert [it.headers.get("authorization") for it in asked.sent] == [None, KEY[1]]


def test_a_key_of_ours_is_not_sent_to_the_model_below_that_takes_the_caller_s() -> None:
    asked = among(KEYED, PASSING).ask().refused()
    assert [it.headers.get("authorization") for it in asked.sent] == [KEY[1], None]


@pytest.mark.parametrize("below", ["", hosted(), PASSING])
def test_a_key_of_ours_is_not_sent_on_where_its_own_model_was_skipped(below: str) -> None:
    worker = among(KEYED, below)
    worker.absent = {"default/one/way"}
    (sent,) = worker.ask().sent
    assert (sent.cluster, sent.headers.get("authorization")) == ("default/two/way", None)


# The way back.


def test_an_answer_of_json_waits_until_it_is_whole() -> None:
    asked = falling().ask()
    handled = asked.answered(body=TOKENS)
    assert (handled.waits, "tokens" in asked.notes.of()) == ("body", False)
    assert handled.resume().waits is None
    assert asked.notes.of()["tokens"] == {"in": 3, "out": 4}
    assert "x-modelfleet-open" not in handled.headers


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON; charset=utf-8", " application/json"])
@pytest.mark.parametrize("length", [None, "12", str(32 * 1024 * 1024)])
def test_json_is_held_whatever_its_length_up_to_a_bound(kind: str, length: str | None) -> None:
    handled = falling().ask().answered(200, [("content-type", kind), *([("content-length", length)] if length else [])])
    assert handled.waits == "body"


@pytest.mark.parametrize(
    "headers", [EVENTS, (), [("content-type", "text/plain")], [*JSON, ("content-length", str(32 * 1024 * 1024 + 1))]]
)
def test_what_is_no_json_or_too_long_to_be_held_is_followed(headers: Any) -> None:
    handled = falling().ask().answered(200, headers)
    assert (handled.waits, handled.headers["x-modelfleet-open"]) == ("chunk", "1")


@pytest.mark.parametrize("kind", ["application/jsonl", "application/json-seq", "application/json5; x=y"])
def test_lines_of_json_are_a_stream_and_no_json(kind: str) -> None:
    assert falling().ask(STREAM).answered(200, [("content-type", kind)]).waits == "chunk"


def test_json_that_breaks_off_is_a_failure_like_any_other() -> None:
    asked = falling().ask()
    assert asked.answered(body=b'{"cho').waits == "body"
    asked.silent(40)
    assert attempts(asked) == [("one", 0, "reset", 40), ("two", 0, "abandoned", 0)]


def test_an_answer_without_a_body_is_whole_at_once() -> None:
    handled = falling().ask().answered(200, JSON, body=None)
    assert (handled.waits, "x-modelfleet-open" in handled.headers) == (None, False)


def told_of(asked: Journey, handled: Handled) -> tuple[str, str]:
    """The reason that the record has, and that of the last attempt."""
    asked.told(handled)
    return record(asked)


def record(asked: Journey) -> tuple[str, str]:
    return asked.notes.of()["reason"], attempts(asked)[-1][2]


def test_a_stream_is_broken_off_until_its_end_is_there() -> None:
    asked = falling().ask(STREAM)
    handled = asked.answered(200, EVENTS, milliseconds=70)
    assert told_of(asked, handled) == ("truncated", "truncated")
    handled.resume(b"data: {}\n\n").resume(b"data: " + TOKENS)
    assert (handled.waits, record(asked)) == ("chunk", ("truncated", "truncated"))
    handled.resume(None)
    assert (handled.waits, record(asked)) == (None, ("wanted", "ok"))
    assert attempts(asked) == [("one", 200, "ok", 70)]
    assert asked.notes.of()["tokens"] == {"in": 3, "out": 4}


def test_a_stream_that_never_ends_stays_broken_off() -> None:
    asked = falling().ask(STREAM).refused()
    handled = asked.answered(200, EVENTS)
    told = asked.told(handled)
    assert told.headers["x-modelfleet-reason"] == "connect"
    handled.resume(b"data: {}\n\n")
    assert record(asked) == ("truncated", "truncated")
    assert [it[2] for it in attempts(asked)] == ["connect", "truncated"]


def test_tokens_are_found_where_pieces_divide_them() -> None:
    asked = falling().ask(STREAM)
    handled = asked.answered(200, EVENTS)
    asked.told(handled)
    for piece in (b"x" * 5_000, TOKENS[:17], b"", TOKENS[17:40], TOKENS[40:], None):
        handled.resume(piece)
    assert asked.notes.of()["tokens"] == {"in": 3, "out": 4}


def test_an_answer_of_headers_alone_is_not_broken_off() -> None:
    asked = falling().ask()
    handled = asked.answered(404, [("content-type", "text/plain")], body=None)
    assert handled.waits is None
    assert told_of(asked, handled) == ("wanted", "ok")


def test_an_answer_on_a_lower_rung_is_told_as_such() -> None:
    asked = falling().ask().refused(20).failed(503)
    told = asked.told(asked.answered(200, JSON, 30).resume())
    assert told.headers["x-modelfleet-tier"] == told.headers["x-modelfleet-model"] == "three"
    assert (told.headers["x-modelfleet-rung"], told.headers["x-modelfleet-attempts"]) == ("2", "3")
    assert told.headers["x-modelfleet-reason"] == "overload"
    served = {"tier": "three", "model": "three", "hardware": "gpu", "endpoint": "10.0.0.1:80"}
    assert told.notes["served"] == served
    assert attempts(asked) == [("one", 0, "connect", 20), ("two", 503, "overload", 0), ("three", 200, "ok", 30)]
