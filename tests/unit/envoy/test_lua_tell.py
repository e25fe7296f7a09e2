"""What Envoy calls for an answer that no model gave: what its headers say, and what Envoy itself had to end."""

import json
from typing import Any

import pytest

from tests.support.luahandle import JSON, NOW, Handled, Headers, Script
from tests.support.luajourney import EVENTS, STREAM, says_all
from tests.support.luanotes import Notes, said, under_way
from tests.support.luarecord import record_of
from tests.support.luaroutes import SCOPE, Looks, Table
from tests.unit.envoy.journeys import attempts, falling

DECIDED = {"id": "id-1", "policy": "default/p", "rule": "r", "tier": "light", "target": "m", "rung": 0}
DECISION: dict[str, Any] = {**DECIDED, "reason": "wanted", "path": "/v1/chat/completions", "model": "auto"}
TRY = {"target": "m", "status": 0, "reason": "abandoned", "ms": 0}
EARLIER = {"target": "l", "status": 503, "reason": "overload", "ms": 20}
LATER = {"status": 200, "body": "later"}


def looks(answer: dict[str, Any] | None = None) -> Looks:
    """A ladder of two tiers, of which the first is wanted."""
    models = [{"name": "m", "weight": 1, "cluster": "default/m/way", "alias": "m"}]
    tiers = [{"name": name, "models": models} for name in ("light", "large")]
    ladder = {"falls": [2], **({"answer": answer} if answer else {})}
    plan = {"tiers": tiers, "rules": [], "ladder": ladder}
    made = Looks({"*|auto": Table({"policy": "default/p", "revision": "r1", "plan": plan}).of()})
    made.look({SCOPE: "*|auto"})
    return made


def sent(*tries: dict[str, Any], **decision: Any) -> Notes:
    """What is noted of a request while its last try is under way."""
    return under_way(NOW - 500, [dict(it) for it in tries or (TRY,)], {**DECISION, **decision})


def told(
    status: int, *headers: tuple[str, str], notes: Notes | None = None, body: bytes = b"", answer: Any = None
) -> Handled:
    pairs = [(":status", str(status)), *headers]
    assert not says_all(dict(pairs))
    return Script(entry="tell").response(notes or sent(), pairs, body, looks(answer))


def cut_off(reason: str, status: int = 503, **more: Any) -> Handled:
    """What Envoy says itself, behind the mapper that gives its reason."""
    mapped: Headers = [*JSON, ("retry-after", "1"), ("x-modelfleet-reason", reason)]
    return told(status, *mapped, body=b"envoy's own words", **more)


def headers_of(handled: Handled) -> dict[str, str]:
    prefix = "x-modelfleet-"
    return {name.removeprefix(prefix): value for name, value in handled.headers.items() if name.startswith(prefix)}


# Whom it is not for.


def test_an_answer_of_a_model_has_said_all_of_itself() -> None:
    asked = falling().ask()
    assert says_all(asked.answered().resume().headers)
    stream = falling().ask(STREAM)
    assert says_all(stream.answered(200, EVENTS).headers)


@pytest.mark.parametrize("status", [500, 429, 101])
def test_what_is_no_answer_has_not(status: int) -> None:
    assert not says_all(falling().ask().answered(status).headers)


def test_who_is_told_once_has_said_all() -> None:
    assert says_all(cut_off("timeout", 504).headers)
    assert not says_all(told(404, notes=Notes()).headers)


# A try that failed behind an interim answer, which Envoy does not try again.


def test_a_failure_that_cannot_be_tried_again_is_not_the_caller_s_fault() -> None:
    asked = falling().ask()
    handled = asked.told(asked.answered(429, [("retry-after", "17")], milliseconds=30))
    assert (handled.headers[":status"], handled.headers["retry-after"]) == ("503", "17")
    found = headers_of(handled)
    assert (found["reason"], found["attempts"], found["model"]) == ("overload", "1", "-")
    assert not {"again", "upstream"} & found.keys()
    assert attempts(asked) == [("one", 429, "overload", 30)]
    assert (asked.record["reason"], asked.record["served"]) == ("overload", None)


def test_a_failure_that_says_nothing_of_when_to_come_back_is_over_in_a_second() -> None:
    asked = falling().ask()
    handled = asked.told(asked.answered(500, body=None))
    assert (handled.headers[":status"], handled.headers["retry-after"]) == ("503", "1")
    assert headers_of(handled)["reason"] == "5xx"


def test_an_answer_of_which_the_judge_could_say_nothing_goes_on_as_it_is() -> None:
    """It may have failed itself, and then an earlier try's failure is not what came of this one."""
    last = {"try": 1, "status": 503, "reason": "overload", "at": NOW}
    notes = under_way(NOW - 500, [dict(EARLIER), dict(TRY)], dict(DECISION), last=last)
    handled = told(200, *JSON, notes=notes, body=b"theirs")
    assert (handled.headers[":status"], handled.body) == ("200", b"theirs")
    assert "retry-after" not in handled.headers
    assert headers_of(handled)["policy"] == "default/p"


# A script answered.


def test_what_the_gate_said_is_told_as_it_noted_it() -> None:
    decision = {**DECISION, "rung": 1, "reason": "overload", "served": {"tier": "large", "model": "n"}}
    notes = said(decision, sent(EARLIER, {**EARLIER, "target": "m"}))
    handled = told(503, *JSON, notes=notes, body=b"ours", answer=LATER)
    found = headers_of(handled)
    assert (found["tier"], found["model"], found["rung"], found["attempts"]) == ("-", "-", "1", "2")
    assert (found["reason"], record_of(handled.noted)["reason"]) == ("overload", "overload")
    assert (handled.headers[":status"], handled.body) == ("503", b"ours")
    assert record_of(handled.noted)["served"] is None


def test_what_a_script_said_is_never_taken_for_envoy_s_own_words() -> None:
    notes = said({**DECISION, "rung": 1, "reason": "overload"}, sent(EARLIER))
    handled = cut_off("timeout", notes=notes, answer=LATER)
    assert (headers_of(handled)["reason"], handled.body) == ("overload", b"envoy's own words")
    assert record_of(handled.noted)["attempts"] == [EARLIER]


def test_what_the_gateway_said_before_any_try_has_none() -> None:
    decision = {**DECIDED, "reason": "answer"}
    handled = told(200, *JSON, notes=said(decision), body=b"ours")
    assert (headers_of(handled)["attempts"], headers_of(handled)["reason"], headers_of(handled)["model"]) == (
        "0",
        "answer",
        "-",
    )
    assert record_of(handled.noted)["reason"] == "answer"


# Envoy ended it.


@pytest.mark.parametrize(("reason", "status"), [("timeout", 504), ("connect", 503), ("reset", 503), ("overload", 503)])
def test_what_envoy_says_in_an_upstream_s_place_has_its_own_reason(reason: str, status: int) -> None:
    handled = cut_off(reason, status, notes=sent(EARLIER, TRY, rung=1))
    found = headers_of(handled)
    assert (found["reason"], found["tier"], found["model"], found["attempts"]) == (reason, "-", "-", "2")
    assert found["rung"] == "1"
    assert record_of(handled.noted)["attempts"] == [EARLIER, {**TRY, "reason": reason, "ms": 500}]
    assert (record_of(handled.noted)["reason"], record_of(handled.noted)["served"]) == (reason, None)
    assert (handled.headers[":status"], handled.body) == (str(status), b"envoy's own words")
    assert handled.headers["retry-after"] == "1"


@pytest.mark.parametrize("headers", [[], [("x-step", 'a"b')]], ids=["common", "odd"])
def test_a_request_that_envoy_ends_in_its_first_try_has_that_try_in_its_record(headers: Headers) -> None:
    worker = falling(identifiers={"step": "x-step"})
    asked = worker.ask(headers=headers)
    worker.wait(70)
    found = headers_of(asked.ended("timeout"))
    assert (found["reason"], found["attempts"], found["rung"], found["policy"]) == ("timeout", "1", "0", "default/p")
    assert attempts(asked) == [("one", 0, "timeout", 70)]
    record = asked.record
    assert (record["reason"], record["served"], record["target"]) == ("timeout", None, "one")


def test_a_target_that_went_under_a_first_try_leaves_no_try() -> None:
    asked = falling().ask()
    assert headers_of(asked.ended("no_capacity", 503))["attempts"] == "0"
    record = asked.record
    assert (record["attempts"], record["skipped"]) == ([], [{"target": "one", "tier": "one", "reason": "no_capacity"}])


def test_the_ladder_s_answer_is_also_given_for_a_first_try() -> None:
    asked = falling(degrade=[{"tier": "two"}, {"answer": {"body": "later"}}]).ask()
    handled = asked.ended("timeout")
    assert (handled.headers[":status"], headers_of(handled)["rung"], asked.record["rung"]) == ("200", "2", 2)


def test_a_try_that_found_nobody_is_none() -> None:
    handled = cut_off("no_capacity", notes=sent(EARLIER, TRY))
    assert (headers_of(handled)["attempts"], headers_of(handled)["reason"]) == ("1", "no_capacity")
    assert record_of(handled.noted)["attempts"] == [EARLIER]
    alone = cut_off("no_capacity")
    assert (headers_of(alone)["attempts"], record_of(alone.noted)["attempts"]) == ("0", [])


def test_a_target_that_went_under_a_request_stands_in_the_record_as_skipped() -> None:
    decision = {**DECISION, "served": {"tier": "large", "model": "n"}, "rung": 1, "reason": "overload"}
    fallen = under_way(NOW - 500, [EARLIER, dict(TRY)], decision, skipped=[{"target": "k", "reason": "budget"}])
    gone = {"target": "m", "tier": "large", "reason": "no_capacity"}
    assert record_of(cut_off("no_capacity", notes=fallen).noted)["skipped"] == [
        {"target": "k", "reason": "budget"},
        gone,
    ]
    assert record_of(cut_off("no_capacity").noted)["skipped"] == [{**gone, "tier": "light"}]
    assert record_of(cut_off("timeout", 504).noted)["skipped"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_the_ladder_s_answer_takes_the_place_of_envoy_s_own_words(stream: bool) -> None:
    handled = cut_off("timeout", 504, notes=sent(stream=stream), answer=LATER)
    assert handled.headers[":status"] == "200"
    assert handled.headers["content-type"] == ("text/event-stream" if stream else "application/json")
    assert handled.headers["content-length"] == str(len(handled.body))
    assert "retry-after" not in handled.headers
    found = headers_of(handled)
    # It has a rung of its own, below the two tiers.
    assert (found["rung"], found["reason"], found["attempts"], found["model"]) == ("2", "timeout", "1", "-")
    assert (record_of(handled.noted)["rung"], record_of(handled.noted)["reason"]) == (2, "timeout")
    assert record_of(handled.noted)["attempts"] == [{**TRY, "reason": "timeout", "ms": 500}]
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


def told_nothing(headers: Headers) -> Handled:
    """What Envoy answers before any script has seen a request."""
    return Script(entry="tell").response(Notes(), headers)


def test_a_request_that_the_script_never_saw_says_nothing_it_does_not_know() -> None:
    handled = told_nothing([(":status", "431"), ("x-modelfleet-reason", "headers_too_large")])
    values = {"attempts": "0", "reason": "headers_too_large"}
    names = ("request-id", "policy", "rule", "tier", "model", "rung")
    assert headers_of(handled) == {**dict.fromkeys(names, "-"), **values}
    assert record_of(handled.noted)["reason"] == "headers_too_large"


def test_the_id_that_a_mapper_wrote_is_kept_where_the_script_knows_none() -> None:
    ours = ("x-modelfleet-request-id", "id-2")
    handled = told_nothing([(":status", "408"), ours, ("x-modelfleet-reason", "request_timeout")])
    assert headers_of(handled)["request-id"] == "id-2"
    assert headers_of(told(200, ours, notes=said(DECIDED)))["request-id"] == "id-1"


def test_a_catalogue_s_answer_has_no_tries_and_its_own_reason() -> None:
    notes = Notes(decision={"id": "id-1", "reason": "catalogue"}, sent=False)
    handled = told(200, *JSON, notes=notes)
    assert (headers_of(handled)["reason"], headers_of(handled)["attempts"], headers_of(handled)["policy"]) == (
        "catalogue",
        "0",
        "-",
    )
