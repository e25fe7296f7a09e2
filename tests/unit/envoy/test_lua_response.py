"""The way back: how an upstream's answer counts, what callers are told instead, and what is noted of it."""

import json
from typing import Any

import pytest

from tests.support.luahandle import Handled, Script
from tests.support.luajit import required, runtime

response = required(runtime(), "response")
NOTED: dict[str, Any] = {
    "decision": {"id": "id-1", "policy": "default/p", "rule": "r", "tier": "light", "target": "m", "rung": 0},
    "sent": True,
    "began": 1_700_000_000_000,
}
NOTED["decision"]["reason"] = "wanted"
UPSTREAM = ("x-modelfleet-upstream", "1 10.0.0.1:80 gpu")


def told(status: int, *headers: tuple[str, str], passes: bool = False, body: bytes = b"", **extra: Any) -> Handled:
    noted = {**NOTED, "decision": {**NOTED["decision"], "passes": passes}}
    return Script().response(noted, [(":status", str(status)), *headers], body, **extra)


def said(handled: Handled) -> dict[str, str]:
    prefix = "x-modelfleet-"
    return {name.removeprefix(prefix): value for name, value in handled.headers.items() if name.startswith(prefix)}


@pytest.mark.parametrize(
    ("status", "passes", "outcome"),
    [
        *((status, False, b"ok") for status in (200, 201, 204, 301, 400, 404, 408, 422, 499)),
        *((status, passes, b"overload") for status in (429, 503, 529) for passes in (False, True)),
        *((status, passes, b"5xx") for status in (500, 501, 502, 504, 599) for passes in (False, True)),
        *((status, False, b"5xx") for status in (401, 403)),
        *((status, True, b"ok") for status in (401, 403)),
    ],
)
def test_an_answer_counts_by_its_status(status: int, passes: bool, outcome: bytes) -> None:
    assert response.outcome(status, passes) == outcome


def test_an_answer_says_what_served_it() -> None:
    handled = told(200, UPSTREAM)
    assert said(handled) == {
        "request-id": "id-1",
        "policy": "default/p",
        "rule": "r",
        "tier": "light",
        "model": "m",
        "rung": "0",
        "attempts": "1",
        "reason": "wanted",
    }
    assert handled.notes["served"] == {"tier": "light", "model": "m", "hardware": "gpu", "endpoint": "10.0.0.1:80"}
    assert handled.notes["attempts"] == [{"target": "m", "status": 200, "reason": "ok", "ms": 500}]


@pytest.mark.parametrize("hardware", ["-", ""])
def test_hardware_that_nobody_knows_is_left_out(hardware: str) -> None:
    handled = told(200, ("x-modelfleet-upstream", f"1 10.0.0.1:80 {hardware}"))
    assert handled.notes["served"] == {"tier": "light", "model": "m", "endpoint": "10.0.0.1:80"}


def test_a_line_that_is_none_of_ours_is_no_attempt() -> None:
    handled = told(200, ("x-modelfleet-upstream", "nonsense"))
    assert (said(handled)["attempts"], "served" in handled.notes) == ("0", False)


@pytest.mark.parametrize("passes", [False, True])
def test_an_overloaded_upstream_s_429_never_reaches_a_caller_as_one(passes: bool) -> None:
    gzip = ("content-encoding", "gzip")
    handled = told(429, UPSTREAM, gzip, ("retry-after", "7"), passes=passes, body=b"its own words")
    assert (handled.headers[":status"], handled.headers["retry-after"]) == ("503", "7")
    assert json.loads(handled.body)["error"]["code"] == "overloaded"
    assert handled.headers["content-length"] == str(len(handled.body))
    assert "content-encoding" not in handled.headers
    assert said(handled)["reason"] == "overload"
    assert handled.notes["attempts"][0]["status"] == 429


@pytest.mark.parametrize("status", [401, 403])
def test_our_own_credentials_are_not_the_caller_s_fault(status: int) -> None:
    handled = told(status, UPSTREAM, body=b"wrong key sk-1234")
    assert (handled.headers[":status"], handled.headers["retry-after"]) == ("503", "1")
    assert b"sk-1234" not in handled.body
    assert json.loads(handled.body)["error"]["code"] == "upstream_credentials"


@pytest.mark.parametrize("status", [401, 403])
def test_the_caller_s_own_credentials_are_and_the_answer_is_passed_on(status: int) -> None:
    handled = told(status, UPSTREAM, passes=True, body=b"wrong key")
    assert (handled.headers[":status"], handled.body) == (str(status), b"wrong key")
    assert said(handled)["reason"] == "wanted"


@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
def test_every_other_answer_is_passed_on_byte_for_byte(status: int) -> None:
    handled = told(status, UPSTREAM, body=b"\0\xff{")
    assert (handled.headers[":status"], handled.body) == (str(status), b"\0\xff{")


def test_what_the_gateway_says_in_an_upstream_s_place_has_its_own_reason() -> None:
    handled = told(504, UPSTREAM, ("x-modelfleet-reason", "timeout"))
    assert (said(handled)["reason"], said(handled)["model"], said(handled)["attempts"]) == ("timeout", "-", "1")
    assert handled.notes["attempts"] == [{"target": "m", "status": 0, "reason": "timeout", "ms": 500}]
    assert "served" not in handled.notes


def test_what_was_never_sent_is_no_attempt() -> None:
    handled = told(503, ("x-modelfleet-reason", "no_capacity"))
    assert (said(handled)["attempts"], said(handled)["reason"]) == ("0", "no_capacity")
    assert handled.notes["sent"] is False


def test_a_request_that_the_script_never_saw_says_nothing_it_does_not_know() -> None:
    handled = Script().response({}, [(":status", "431"), ("x-modelfleet-reason", "headers_too_large")])
    values = {"attempts": "0", "reason": "headers_too_large"}
    names = ("request-id", "policy", "rule", "tier", "model", "rung")
    assert said(handled) == {**dict.fromkeys(names, "-"), **values}


SPENT = b'"usage": {"prompt_tokens": 3, "total_tokens": 7, "completion_tokens": 4}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [], ' + SPENT + b"}",
        b'{"choices": ["' + b"x" * 9000 + b'"], ' + SPENT + b', "service_tier": null}',
        b'data: {"choices": []}\n\ndata: {' + SPENT + b"}\n\ndata: [DONE]\n\n",
        b'{"content": "\\"prompt_tokens\\": 99, \\"completion_tokens\\": 98", ' + SPENT + b"}",
    ],
)
def test_tokens_are_noted_where_the_engine_tells_them(body: bytes) -> None:
    assert told(200, UPSTREAM, body=body).notes["tokens"] == {"in": 3, "out": 4}


def test_an_answer_without_usage_notes_no_tokens() -> None:
    for body in (b"", b"{}", b'{"content": "\\"prompt_tokens\\": 99"}', b"\xff" * 5000):
        assert "tokens" not in told(200, UPSTREAM, body=body).notes


def test_an_embedding_has_no_tokens_out() -> None:
    assert told(200, UPSTREAM, body=b'{"usage": {"prompt_tokens": 3}}').notes["tokens"] == {"in": 3, "out": 0}
