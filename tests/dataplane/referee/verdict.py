"""A prediction beside what happened, field by field."""

import json
from typing import Any

from tests.dataplane.referee.arena import Seen
from tests.dataplane.referee.model import Prediction
from tests.dataplane.referee.pairs import REFUSING, Pair
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.expect import SAID, said
from tests.dataplane.support.words import words_of

EARLY_MS, LATE_MS = 50.0, 300.0
"""How far from its time a thing may be."""
LINGERS_MS = 1000.0
"""So long Envoy waits for a caller to take what a broken stream still had, before it ends the connection."""
Fields = dict[str, Any]


def differences(pair: Pair, seen: Seen) -> list[str]:
    """What is not as predicted, a line each."""
    expected = {**_answer_expected(pair.expected), **_record_expected(pair)}
    found = {**_answer_seen(pair, seen.answer), **_record_seen(seen)}
    told = [f"{name}: {expected[name]!r} was predicted, and it was {found.get(name)!r}" for name in expected]
    wrong = [line for name, line in zip(expected, told, strict=True) if expected[name] != found.get(name)]
    return wrong or _untimely(pair.expected, seen)


def lateness_ms(pair: Pair, seen: Seen) -> float:
    """How far all was behind: our own clock, a try that should have ended at once, or what lies between tries."""
    record = seen.record or {"attempts": [], "ms": {"total": 0}}
    took = [attempt["ms"] for attempt in record["attempts"]]
    over = [ms - planned.ms for planned, ms in zip(pair.expected.attempts, took, strict=False)]
    between_ms = record["ms"]["total"] - sum(took) if not pair.asked.stream else 0
    return float(max(seen.late_ms, between_ms, *over, 0))


def explained(pair: Pair, seen: Seen) -> str:
    """All that one needs to judge who is wrong."""
    replies = {name: [reply.name for reply in host.replies] or host.absent for name, host in pair.hosts.items()}
    return "\n".join(
        [
            f"{pair.name}: {pair.asked}",
            *(f"  {clause}: {json.dumps(text)}" for clause, text in pair.policy.items()),
            *(f"  model {name}: {of}" for name, of in replies.items() if f'"{name}"' in json.dumps(pair.policy)),
            f"  predicted: {pair.expected}",
            f"  answer: {seen.answer.status} {seen.answer.error} {seen.answer.headers} {seen.answer.body[:300]!r}",
            f"  record: {json.dumps(seen.record)}",
            f"  heard: {seen.heard}, and the machine was {lateness_ms(pair, seen):.0f} ms late",
            *(f"  WRONG {line}" for line in differences(pair, seen)),
        ]
    )


# The answer.


def _answer_expected(told: Prediction) -> Fields:
    served = told.served
    return {
        "the status": told.status,
        "whether the answer is whole": not told.truncated,
        "the body": _body_expected(told),
        "Retry-After": told.retry_after,
        "the header tier": served.tier or "-" if served else "-",
        "the header model": served.model if served else "-",
        "the header attempts": str(len(told.attempts)),
        "the header reason": told.reason,
        **({} if told.rung is None else {"the header rung": str(told.rung)}),
    }


def _body_expected(told: Prediction) -> str | bytes:
    if told.content:
        return told.content.body
    return f"words: {told.words}" if told.words else f"error: {told.code}"


def _answer_seen(pair: Pair, answer: Answer) -> Fields:
    fields = {
        "the status": answer.status,
        "whether the answer is whole": answer.complete,
        "the body": _body_seen(pair, answer),
        "Retry-After": _retry_after(pair, answer),
    }
    return fields | _headers_seen(answer)


def _headers_seen(answer: Answer) -> Fields:
    try:
        return {f"the header {name}": value for name, value in said(answer).items()}
    except AssertionError as error:
        return {f"the header {name}": str(error) for name in SAID}


def _retry_after(pair: Pair, answer: Answer) -> str:
    found = ", ".join(answer.header_values("retry-after"))
    return "any" if found and pair.expected.retry_after == "any" else found


def _body_seen(pair: Pair, answer: Answer) -> str | bytes:
    """As it was predicted to be read; what cannot be read so is shown as it is."""
    try:
        if pair.expected.words:
            return f"words: {words_of(answer, pair.asked.path, stream=pair.asked.stream)}"
        if pair.expected.code:
            return f"error: {answer.json()['error']['code']}"
    except (AssertionError, ValueError, KeyError, TypeError) as error:
        return f"{answer.body[:300]!r}, and {error!r}"
    return answer.body


# The record.


def _record_expected(pair: Pair) -> Fields:
    told = pair.expected
    fields: Fields = {
        "attempts": [(it.target, it.status, it.reason) for it in told.attempts],
        "skipped": [(it.target, it.tier, it.reason) for it in told.skipped],
        "status": told.status,
        "reason": "truncated" if told.truncated else told.reason,
        "served": (told.served.tier, told.served.model) if told.served else None,
        "rule": told.rule,
        "heard": [it.target for it in told.attempts if it.target != REFUSING],
    }
    if told.wanted:
        wanted = {"tier": told.wanted.tier, "target": told.wanted.model or None}
        fields |= {"rung": told.rung, "stream": pair.asked.stream, **wanted}
    return fields


def _record_seen(seen: Seen) -> Fields:
    record = seen.record
    if record is None:
        return {"heard": seen.heard}
    served = record["served"]
    plain = {name: record.get(name, "absent") for name in ("status", "reason", "rule", "rung", "tier", "target")}
    return {
        **plain,
        "attempts": [(it["target"], it["status"], it["reason"]) for it in record["attempts"]],
        "skipped": [(it.get("target"), it.get("tier"), it.get("reason")) for it in record.get("skipped") or ()],
        "served": served and (served.get("tier"), served["model"]),
        "stream": record["stream"],
        "heard": seen.heard,
    }


def _untimely(told: Prediction, seen: Seen) -> list[str]:
    """What took another time than predicted, where all else is as it should be."""
    assert seen.record
    wrong: list[str] = []
    behind_ms = seen.late_ms
    for number, (planned, attempt) in enumerate(zip(told.attempts, seen.record["attempts"], strict=True), start=1):
        over_ms = attempt["ms"] - planned.ms
        # A try that the whole's time ends has so much less of it as those before it took longer.
        if not -EARLY_MS - behind_ms <= over_ms <= LATE_MS + seen.late_ms:
            wrong.append(f"attempt {number}: {planned.ms:.0f} ms were predicted, and it was {attempt['ms']} ms")
        behind_ms += max(0.0, over_ms)
    over_ms = seen.answer.total_s * 1000 - told.ends_ms
    lingers_ms = LINGERS_MS if told.truncated else 0.0
    if not -EARLY_MS <= over_ms <= LATE_MS + behind_ms + lingers_ms:
        wrong.append(f"the whole: {told.ends_ms:.0f} ms were predicted, and it was {over_ms:.0f} ms more")
    return wrong
