import re
from typing import Any

import pytest

from modelfleet.cli.explanation import WIDTH, explain
from modelfleet.envoy import errors
from modelfleet.envoy.names import OURS
from modelfleet.envoy.record import record_format
from modelfleet.sources.decision import Record
from modelfleet.sources.reasons import FLAGS, REASONS
from tests.architecture.tree import ROOT

LUA = ROOT / "operator" / "modelfleet" / "envoy" / "lua"
GIVEN = (
    r'\brefuse\(\s*handle,\s*decision,\s*"(\w+)"',
    r'\brefusal\(\s*"(\w+)"',
    r'\breturn nil, "([a-z0-9]+_[a-z0-9_]+)"',
    r'\breason\b[^=\n"]*= *"(\w+)"',
    r'\bcode, message = "(\w+)"',
    r'^  (\w+) = \{ \d{3}, "\w+" \},',
    r'\breason = "\w+", "(\w+)"',
    r'\bstatus, "(ok)"',
)
"""Where the script names a reason: refusals and their table, what the reader says, and what a decision notes."""


def script_reasons() -> set[str]:
    found: set[str] = set()
    for path in sorted(LUA.glob("*.lua")):
        text = path.read_text(encoding="utf-8")
        for pattern in GIVEN:
            found.update(re.findall(pattern, text, re.MULTILINE))
        for body in re.findall(r"^function ladder\.(?:failure|silence)\(.*?^end", text, re.MULTILINE | re.DOTALL):
            found.update(re.findall(r'"(\w+)"', body))
    return found


def gateway_reasons() -> set[str]:
    headers = (mapper.get("headers_to_add", []) for mapper in errors.local_replies()["mappers"])
    said = [header["header"] for some in headers for header in some]
    return {header["value"] for header in said if header["key"] == f"{OURS}reason"}


def gateway_flags() -> set[str]:
    filters = (mapper["filter"].get("response_flag_filter", {}) for mapper in errors.local_replies()["mappers"])
    return {flag for one in filters for flag in one.get("flags", [])}


def test_every_reason_that_is_given_has_a_sentence() -> None:
    assert sorted((script_reasons() | gateway_reasons()) - set(REASONS)) == []


def test_reasons_are_found_where_they_are_given() -> None:
    assert {
        "wanted",
        "answer",
        "catalogue",
        "ok",
        "overload",
        "5xx",
        "connect",
        "timeout",
        "reset",
        "truncated",
        "malformed_json",
        "missing_model",
    } <= script_reasons()
    assert {"unknown_path", "invalid_model", "model_not_found", "invalid_timeout"} <= script_reasons()
    assert {"timeout", "connect", "reset", "no_capacity", "gateway_error", "bad_request"} <= gateway_reasons()
    assert {"UF", "UH", "NC"} <= gateway_flags()


def test_a_sentence_is_one() -> None:
    for sentence in REASONS.values():
        assert re.fullmatch(r"[A-Z][^\n]*\.", sentence)


def test_the_manual_has_every_reason_and_every_flag_with_its_meaning() -> None:
    manual = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", manual.partition("## Reasons")[2], re.MULTILINE)
    assert dict(rows) == {**REASONS, **FLAGS}


def test_the_manual_has_every_field_of_a_record() -> None:
    manual = (ROOT / "docs" / "records.md").read_text(encoding="utf-8").partition("## The record")[2]
    told = {name for cell in re.findall(r"^\| (`[^|]*) \|", manual, re.MULTILINE) for name in re.findall(r"\w+", cell)}
    assert set(record_format("gateway", [])) <= told
    assert {field.alias or name for name, field in Record.model_fields.items()} <= told


def test_a_record_keeps_every_field_that_a_gateway_writes() -> None:
    assert set(record_format("gateway", [])) == {field.alias or name for name, field in Record.model_fields.items()}


def test_every_flag_that_a_reply_goes_by_has_words() -> None:
    assert gateway_flags() <= set(FLAGS)


def shown(**fields: Any) -> dict[str, str]:
    """The rows of an explanation, each in one piece."""
    rows: dict[str, str] = {}
    label = ""
    for line in explain(Record.model_validate({"v": 1, **fields})):
        label = line[:11].strip() or label
        rows[label] = f"{rows[label]} {line[11:]}" if label in rows else line[11:]
    return rows


SERVED: dict[str, Any] = {
    "id": "2f96371c-3ef0-49f7-9fe6-1582ca7136ef",
    "time": "2026-11-21T15:35:52.423Z",
    "method": "POST",
    "path": "/v1/chat/completions",
    "model": "auto",
    "stream": True,
    "tenant": "acme",
    "feature": "search",
    "step": "plan",
    "class": "batch",
    "policy": "default/chat",
    "revision": "218d9da37d08",
    "rule": "big",
    "tier": "large",
    "rung": 1,
    "target": "big",
    "attempts": [
        {"target": "big", "status": 0, "reason": "connect", "ms": 1},
        {"target": "small", "status": 200, "reason": "ok", "ms": 20.5},
    ],
    "served": {"tier": "light", "model": "small", "hardware": "gpu-l4", "endpoint": "10.0.0.1:8000"},
    "reason": "connect",
    "status": 200,
    "flags": "-",
    "details": "via_upstream",
    "bytes": {"in": 30, "out": 574},
    "tokens": {"in": 7, "out": 3},
    "ms": {"total": 22, "firstByte": 21},
}


def test_a_decision_is_told_from_what_was_asked_to_what_it_took() -> None:
    assert explain(Record.model_validate(SERVED)) == [
        "decision   2f96371c-3ef0-49f7-9fe6-1582ca7136ef at 2026-11-21T15:35:52.423Z",
        'asked      POST /v1/chat/completions for model "auto", as a stream',
        "caller     tenant acme, feature search, step plan, class batch",
        "policy     default/chat, revision 218d9da37d08",
        'rule       the rule "big" matched',
        "wanted     tier large, of it model big",
        "attempt 1  big: no answer, connect, 1 ms",
        "attempt 2  small: status 200, ok, 20.5 ms",
        "answered   tier light, model small on gpu-l4 at 10.0.0.1:8000, on rung 1 of the",
        "           ladder",
        "because    it had to move on: No connection to the model could be made.",
        "status     200",
        "took       22 ms, the model's first byte after 21 ms",
        "size       30 bytes in, 574 out; tokens 7 in, 3 out",
    ]


def test_a_refusal_has_no_rule_and_no_attempt() -> None:
    rows = shown(reason="malformed_json", status=400, method="POST", path="/v1/chat/completions")
    assert not {"rule", "wanted", "attempt 1", "caller"} & set(rows)
    assert rows["asked"] == "POST /v1/chat/completions for no model"
    assert rows["policy"] == "none: it came to an end before one was found"
    assert rows["answered"] == "the gateway itself"
    assert rows["because"] == "The body is not JSON."


def test_the_answer_at_the_end_of_the_ladder_is_told_as_such() -> None:
    rows = shown(
        policy="default/chat",
        rule="default",
        tier="light",
        target="small",
        rung=2,
        status=200,
        reason="5xx",
        attempts=[{"target": "small", "status": 500, "reason": "5xx", "ms": 3}],
        skipped=[{"target": "big", "tier": "large", "reason": "no_capacity"}],
    )
    assert rows["skipped"] == "tier large, model big: No replica of the model was ready."
    assert rows["answered"] == "the gateway itself, with the answer on rung 2 of the ladder"
    assert rows["because"] == "The model's host failed, or refused the gateway's own credentials."


@pytest.mark.parametrize(
    ("fields", "label", "words"),
    [
        ({"rule": "default", "tier": "light"}, "rule", "no rule matched: the first tier"),
        ({"rule": "default", "score": 0.25}, "rule", "no rule matched: the first tier, score 0.25"),
        ({"rule": ""}, "rule", "none was looked at"),
        ({"rule": "canned", "reason": "answer"}, "wanted", "the rule's own answer"),
        ({"rule": "r", "target": "m"}, "wanted", "model m, which the rule names itself"),
        ({"rule": "r", "reason": "no_capacity"}, "wanted", "a model that the rule names itself"),
        ({"rule": "r", "tier": "light"}, "wanted", "tier light"),
        ({"attempts": [{}]}, "attempt 1", "a model without name: no answer"),
        ({"served": {"model": "m"}}, "answered", "model m"),
        ({"served": {"model": "m"}, "rung": 0}, "answered", "model m, as wanted"),
        ({"status": 0, "flags": "DC"}, "answered", "nobody"),
        ({"status": 0, "flags": "DC"}, "status", "none: nothing was sent back; Envoy says DC (the caller went away)"),
        ({"status": 503, "flags": "UF,URX"}, "status", "503; Envoy says UF (the connection to the model failed), URX"),
        ({"status": 503, "flags": "NEW"}, "status", "503; Envoy says NEW"),
        ({"details": "no_healthy_upstream"}, "details", "no_healthy_upstream"),
        ({"reason": "-", "attempts": [{"reason": "abandoned"}]}, "because", "The caller went away"),
        ({"gateway": "g"}, "policy", "default/chat, on gateway g"),
        ({"reason": "-"}, "because", "The gateway noted no reason."),
        ({"reason": "novel"}, "because", "novel (a reason that this version does not know)"),
        ({}, "took", "a time that was not noted"),
        ({"tokens": {"in": 7}}, "size", "0 bytes in, 0 out; tokens 7 in, ? out"),
        ({}, "size", "0 bytes in, 0 out; tokens not told"),
        ({}, "decision", "without id at an unknown time"),
        ({}, "asked", "something that is no request for no model"),
    ],
)
def test_what_is_known_is_said_in_words(fields: dict[str, Any], label: str, words: str) -> None:
    assert shown(policy="default/chat", **fields)[label].startswith(words)


def test_what_a_caller_wrote_is_short_and_speaks_to_no_terminal() -> None:
    lines = explain(
        Record.model_validate({**SERVED, "model": "\x1b[31m" + "x" * 5000, "path": "/\u202e\n" + "y" * 5000})
    )
    assert all(line.isprintable() and len(line) <= WIDTH for line in lines)
    assert len(lines) < 25
    assert r"\x1b[31m" in "".join(lines)
