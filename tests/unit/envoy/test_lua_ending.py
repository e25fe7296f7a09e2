"""What is said when no model answered: the ladder's answer, or a refusal that blames nobody."""

import json
from typing import Any

import pytest

from tests.support.luajit import required, runtime
from tests.support.luavalues import from_lua, to_lua

lua = runtime()
ending = required(lua, "ending")
CAUSES = ("connect", "reset", "overload", "5xx", "no_capacity", "timeout")
CHAT = {"path": "/v1/chat/completions", "model": "auto", "stream": False, "id": "id-1"}
NOW = 1_700_000_000_500


def said(
    cause: str, answer: dict[str, Any] | None = None, last: dict[str, Any] | None = None, **request: Any
) -> tuple[int, str, bytes, str | None, bool]:
    """Status, content type, body, when to come back, and whether it was the ladder's answer."""
    plan = {"ladder": {"falls": [], **({"answer": answer} if answer else {})}}
    given = to_lua(lua, plan), to_lua(lua, {**CHAT, **request}), cause.encode(), NOW, to_lua(lua, last or {})
    status, kind, body, seconds, answered = ending.words(*given)
    return status, kind.decode(), body, from_lua(seconds), answered


def error(*given: Any, **more: Any) -> dict[str, str]:
    status, kind, body, _, answered = said(*given, **more)
    assert (kind, answered) == ("application/json", False)
    found: dict[str, str] = json.loads(body)["error"]
    assert set(found) == {"message", "type", "code"}
    assert (found["type"], status >= 500) == ("api_error", True)
    return found


@pytest.mark.parametrize("cause", CAUSES)
def test_a_refusal_has_the_last_cause_as_its_code_and_says_it_in_words(cause: str) -> None:
    status, _, _, again, _ = said(cause)
    assert (status, again) == ((504, None) if cause == "timeout" else (503, "1"))
    assert error(cause)["code"] == cause
    assert error(cause)["message"] not in {"", cause}


def test_each_cause_has_words_of_its_own() -> None:
    assert len({error(cause)["message"] for cause in CAUSES}) == len(CAUSES)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_refusal_is_the_same_for_every_caller(path: str, stream: bool) -> None:
    assert said("reset", path=path, stream=stream) == said("reset")


def test_who_was_overloaded_last_may_say_when_to_come_back() -> None:
    last = {"status": 429, "reason": "overload", "again": "17"}
    assert said("overload", last=last)[3] == "17"
    assert said("overload", last={"status": 429, "reason": "overload"})[3] == "1"
    assert said("timeout", last=last)[3] is None


def test_its_word_stands_where_all_that_came_after_it_was_skipped() -> None:
    assert said("no_capacity", last={"status": 429, "reason": "overload", "again": "17"})[3] == "17"


@pytest.mark.parametrize("cause", ["connect", "reset", "5xx"])
def test_what_an_earlier_upstream_asked_for_is_not_repeated(cause: str) -> None:
    assert said(cause, last={"status": 500, "reason": "5xx", "again": "17"})[3] == "1"


@pytest.mark.parametrize(("status", "blames"), [(401, True), (403, True), (500, False), (None, False)])
def test_that_our_own_key_was_refused_is_said(status: int | None, blames: bool) -> None:
    last = {"status": status, "reason": "5xx"} if status else {}
    assert ("credentials" in error("5xx", last=last)["message"]) is blames
    assert "credentials" not in error("reset", last=last)["message"]


@pytest.mark.parametrize("cause", CAUSES)
def test_the_ladder_s_answer_takes_the_caller_s_form_whatever_was_the_cause(cause: str) -> None:
    status, kind, body, again, answered = said(cause, {"status": 200, "body": "later"})
    assert (status, kind, again, answered) == (200, "application/json", None, True)
    told = json.loads(body)
    assert (told["choices"][0]["message"]["content"], told["model"]) == ("later", "auto")
    assert (told["id"], told["created"]) == ("chatcmpl-id-1", 1_700_000_000)


def test_a_stream_is_answered_as_one() -> None:
    status, kind, body, again, _ = said("reset", {"status": 200, "body": "later"}, stream=True)
    assert (status, kind, again) == (200, "text/event-stream", None)
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("answer", "request_", "status", "again"),
    [
        ({"status": 503, "body": "busy"}, {}, 503, "1"),
        ({"status": 429, "body": "busy"}, {}, 429, None),
        ({"status": 200, "body": "busy"}, {"path": "/v1/embeddings"}, 503, "1"),
    ],
)
def test_an_answer_that_is_an_error_says_when_to_come_back_where_it_is_a_503(
    answer: dict[str, Any], request_: dict[str, Any], status: int, again: str | None
) -> None:
    last = {"status": 503, "reason": "overload", "again": "17"}
    found = said("overload", answer, last, **request_)
    assert (found[0], found[3], found[4]) == (status, again, True)
    assert json.loads(found[2])["error"] == {
        "message": "busy",
        "type": "api_error" if status >= 500 else "invalid_request_error",
        "code": "answer",
    }


def test_an_answer_needs_nothing_that_an_upstream_said() -> None:
    plan = to_lua(lua, {"ladder": {"falls": [], "answer": {"status": 200, "body": "later"}}})
    # A request without an id of its own, ended by Envoy itself.
    request = to_lua(lua, {name: value for name, value in CHAT.items() if name != "id"})
    _, _, body, _, _ = ending.words(plan, request, b"timeout", NOW)
    assert json.loads(body)["id"] == "chatcmpl--"
