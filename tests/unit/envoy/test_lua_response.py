"""The way back to the caller: what is noted of an answer, what its headers say, and what Envoy itself had to end."""

import json
from typing import Any

import pytest

from tests.support.luahandle import JSON, Handled, Headers, Script
from tests.support.luanotes import Notes

BEGAN = 1_700_000_000_000
DECIDED = {"id": "id-1", "policy": "default/p", "rule": "r", "tier": "light", "target": "m", "rung": 0}
DECISION: dict[str, Any] = {**DECIDED, "reason": "wanted", "path": "/v1/chat/completions", "model": "auto"}
TRY = {"target": "m", "status": 0, "reason": "abandoned", "ms": 0}
EARLIER = {"target": "l", "status": 503, "reason": "overload", "ms": 20}
UPSTREAM = ("x-modelfleet-upstream", "10.0.0.1:80 gpu")
OPEN = ("x-modelfleet-open", "1")
LATER = {"status": 200, "body": "later"}


def route(answer: dict[str, Any] | None = None) -> Any:
    """A ladder of two tiers, of which the first is wanted."""
    models = [{"name": "m", "weight": 1, "cluster": "default/m/way", "alias": "m"}]
    tiers = [{"name": name, "models": models} for name in ("light", "large")]
    ladder = {"falls": [2], **({"answer": answer} if answer else {})}
    return {"policy": "default/p", "revision": "r1", "plan": {"tiers": tiers, "rules": [], "ladder": ladder}}


def sent(*attempts: dict[str, Any], **decision: Any) -> Notes:
    """What is noted of a request while its last try is under way."""
    tries = [dict(it) for it in attempts or (TRY,)]
    notes = Notes(decision={**DECISION, **decision}, sent=True, began=BEGAN, attempts=tries)
    notes.put("modelfleet.ladder", state={"wanted": {"tier": 1}})
    return notes


def told(
    status: int, *headers: tuple[str, str], notes: Notes | None = None, body: bytes = b"", answer: Any = None
) -> Handled:
    return Script().response(notes or sent(), [(":status", str(status)), *headers], body, route(answer))


def cut_off(reason: str, status: int = 503, **more: Any) -> Handled:
    """What Envoy says itself, behind the mapper that gives its reason."""
    mapped: Headers = [*JSON, ("retry-after", "1"), ("x-modelfleet-reason", reason)]
    return told(status, *mapped, body=b"envoy's own words", **more)


def said(handled: Handled) -> dict[str, str]:
    prefix = "x-modelfleet-"
    return {name.removeprefix(prefix): value for name, value in handled.headers.items() if name.startswith(prefix)}


# A model answered.


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
    assert handled.notes["reason"] == "wanted"


def test_on_a_lower_rung_it_says_what_served_it_there_and_why() -> None:
    fallen = sent(EARLIER, TRY, served={"tier": "large", "model": "n"}, rung=1, reason="overload")
    handled = told(200, UPSTREAM, notes=fallen)
    found = said(handled)
    assert (found["tier"], found["model"], found["rung"], found["attempts"]) == ("large", "n", "1", "2")
    assert found["reason"] == handled.notes["reason"] == "overload"
    assert handled.notes["served"]["model"] == "n"
    assert handled.notes["attempts"] == [EARLIER, {**TRY, "status": 200, "reason": "ok", "ms": 500}]


def test_a_rung_without_a_tier_names_none() -> None:
    handled = told(200, UPSTREAM, notes=sent(served={"model": "own"}, rung=0))
    assert (said(handled)["tier"], said(handled)["model"]) == ("-", "own")
    assert "tier" not in handled.notes["served"]


@pytest.mark.parametrize("hardware", ["-", ""])
def test_hardware_that_nobody_knows_is_left_out(hardware: str) -> None:
    handled = told(200, ("x-modelfleet-upstream", f"10.0.0.1:80 {hardware}"))
    assert handled.notes["served"] == {"tier": "light", "model": "m", "endpoint": "10.0.0.1:80"}


@pytest.mark.parametrize("line", ["nonsense", "", "a b c"])
def test_a_line_that_is_none_of_ours_names_no_endpoint(line: str) -> None:
    handled = told(200, ("x-modelfleet-upstream", line))
    assert handled.notes["served"] == {"tier": "light", "model": "m"}
    assert "upstream" not in said(handled)


@pytest.mark.parametrize("status", [200, 204, 400, 404, 422])
def test_an_answer_is_passed_on_byte_for_byte(status: int) -> None:
    handled = told(status, UPSTREAM, ("x-their-own", "1"), body=b"\0\xff{")
    assert (handled.headers[":status"], handled.body) == (str(status), b"\0\xff{")
    assert (handled.headers["x-their-own"], handled.waits) == ("1", None)
    assert handled.notes["attempts"][0]["status"] == status


def test_what_is_still_open_is_broken_off_until_its_end_and_the_caller_hears_nothing_of_that() -> None:
    handled = told(200, UPSTREAM, OPEN, notes=sent(EARLIER, TRY, reason="overload"))
    whole = {**TRY, "status": 200, "ms": 500}
    assert (said(handled)["reason"], "open" in said(handled)) == ("overload", False)
    assert handled.notes["reason"] == "truncated"
    assert handled.notes["attempts"] == [EARLIER, {**whole, "reason": "truncated"}]
    assert handled.notes["closing"] == {"attempts": [EARLIER, {**whole, "reason": "ok"}], "reason": "overload"}


# A script answered.


def test_what_the_gate_said_is_told_as_it_noted_it() -> None:
    notes = sent(EARLIER, {**EARLIER, "target": "m"}, rung=1, reason="overload", served={"tier": "large", "model": "n"})
    notes.put("modelfleet", said=True)
    handled = told(503, *JSON, notes=notes, body=b"ours", answer=LATER)
    found = said(handled)
    assert (found["tier"], found["model"], found["rung"], found["attempts"]) == ("-", "-", "1", "2")
    assert (found["reason"], handled.notes["reason"]) == ("overload", "overload")
    assert (handled.headers[":status"], handled.body) == ("503", b"ours")
    assert "served" not in handled.notes


def test_what_a_script_said_is_never_taken_for_envoy_s_own_words() -> None:
    notes = sent(EARLIER, rung=1, reason="overload")
    notes.put("modelfleet", said=True)
    handled = cut_off("timeout", notes=notes, answer=LATER)
    assert (said(handled)["reason"], handled.body) == ("overload", b"envoy's own words")
    assert handled.notes["attempts"] == [EARLIER]


def test_what_the_gateway_said_before_any_try_has_none() -> None:
    decision = {**DECIDED, "reason": "answer"}
    handled = told(200, *JSON, notes=Notes(decision=decision, sent=False, said=True), body=b"ours")
    assert (said(handled)["attempts"], said(handled)["reason"], said(handled)["model"]) == ("0", "answer", "-")
    assert handled.notes["reason"] == "answer"


# Envoy ended it.


@pytest.mark.parametrize(("reason", "status"), [("timeout", 504), ("connect", 503), ("reset", 503), ("overload", 503)])
def test_what_envoy_says_in_an_upstream_s_place_has_its_own_reason(reason: str, status: int) -> None:
    handled = cut_off(reason, status, notes=sent(EARLIER, TRY, rung=1))
    found = said(handled)
    assert (found["reason"], found["tier"], found["model"], found["attempts"]) == (reason, "-", "-", "2")
    assert found["rung"] == "1"
    assert handled.notes["attempts"] == [EARLIER, {**TRY, "reason": reason, "ms": 500}]
    assert (handled.notes["reason"], "served" in handled.notes) == (reason, False)
    assert (handled.headers[":status"], handled.body) == (str(status), b"envoy's own words")
    assert handled.headers["retry-after"] == "1"


def test_a_try_that_found_nobody_is_none() -> None:
    handled = cut_off("no_capacity", notes=sent(EARLIER, TRY))
    assert (said(handled)["attempts"], said(handled)["reason"]) == ("1", "no_capacity")
    assert (handled.notes["sent"], handled.notes["attempts"]) == (True, [EARLIER])
    alone = cut_off("no_capacity")
    assert (said(alone)["attempts"], alone.notes["sent"]) == ("0", False)


def test_a_target_that_went_under_a_request_stands_in_the_record_as_skipped() -> None:
    fallen = sent(EARLIER, TRY, served={"tier": "large", "model": "n"}, rung=1, reason="overload")
    fallen.put("modelfleet", skipped=[{"target": "k", "reason": "budget"}])
    gone = {"target": "m", "tier": "large", "reason": "no_capacity"}
    assert cut_off("no_capacity", notes=fallen).notes["skipped"] == [{"target": "k", "reason": "budget"}, gone]
    assert cut_off("no_capacity").notes["skipped"] == [{**gone, "tier": "light"}]
    assert "skipped" not in cut_off("timeout", 504).notes


@pytest.mark.parametrize("stream", [False, True])
def test_the_ladder_s_answer_takes_the_place_of_envoy_s_own_words(stream: bool) -> None:
    handled = cut_off("timeout", 504, notes=sent(stream=stream), answer=LATER)
    assert handled.headers[":status"] == "200"
    assert handled.headers["content-type"] == ("text/event-stream" if stream else "application/json")
    assert handled.headers["content-length"] == str(len(handled.body))
    assert "retry-after" not in handled.headers
    found = said(handled)
    # It has a rung of its own, below the two tiers.
    assert (found["rung"], found["reason"], found["attempts"], found["model"]) == ("2", "timeout", "1", "-")
    assert (handled.notes["decision"]["rung"], handled.notes["reason"]) == (2, "timeout")
    assert handled.notes["attempts"] == [{**TRY, "reason": "timeout", "ms": 500}]
    if not stream:
        assert json.loads(handled.body)["choices"][0]["message"]["content"] == "later"


def test_an_answer_that_is_a_refusal_says_when_to_come_back() -> None:
    busy = {"status": 503, "body": "busy"}
    handled = cut_off("timeout", 504, answer=busy)
    assert (handled.headers[":status"], handled.headers["retry-after"]) == ("503", "1")
    assert json.loads(handled.body)["error"]["message"] == "busy"
    teapot = cut_off("timeout", 504, answer={"status": 418, "body": "tea"})
    assert (teapot.headers[":status"], "retry-after" in teapot.headers) == ("418", False)


@pytest.mark.parametrize("status", [400, 408, 413])
def test_what_is_the_caller_s_own_fault_is_no_reason_for_the_ladder_s_answer(status: int) -> None:
    handled = cut_off("body_too_large", status, answer=LATER)
    assert (handled.headers[":status"], handled.body) == (str(status), b"envoy's own words")


def test_a_request_that_the_script_never_saw_says_nothing_it_does_not_know() -> None:
    handled = Script().response({}, [(":status", "431"), ("x-modelfleet-reason", "headers_too_large")])
    values = {"attempts": "0", "reason": "headers_too_large"}
    names = ("request-id", "policy", "rule", "tier", "model", "rung")
    assert said(handled) == {**dict.fromkeys(names, "-"), **values}
    assert handled.notes["reason"] == "headers_too_large"


def test_the_id_that_a_mapper_wrote_is_kept_where_the_script_knows_none() -> None:
    ours = ("x-modelfleet-request-id", "id-2")
    handled = Script().response({}, [(":status", "408"), ours, ("x-modelfleet-reason", "request_timeout")])
    assert said(handled)["request-id"] == "id-2"
    assert said(told(200, UPSTREAM, ours))["request-id"] == "id-1"


def test_a_catalogue_s_answer_has_no_tries_and_its_own_reason() -> None:
    notes = Notes(decision={"id": "id-1", "reason": "catalogue"}, sent=False)
    handled = told(200, *JSON, notes=notes)
    assert (said(handled)["reason"], said(handled)["attempts"], said(handled)["policy"]) == ("catalogue", "0", "-")
