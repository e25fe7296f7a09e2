"""One decision in words: what was asked, which rule held, what was tried, what answered, and why."""

import textwrap
from collections.abc import Iterator
from typing import Final

from modelfleet.findings import printable
from modelfleet.sources.decision import Attempt, Record, Skip
from modelfleet.sources.reasons import flags_in_words, reason_in_words

WIDTH: Final = 80
LONGEST: Final = 200
"""No value is shown longer: a caller may put megabytes where a model's name belongs."""

_LABEL: Final = 11
_NO_RULE: Final = "default"
_MOVES: Final = frozenset({"connect", "reset", "timeout", "overload", "5xx", "no_capacity", "budget"})
_REFUSED: Final = 400
_ORDINARY: Final = ("", "via_upstream", "lua_response", "direct_response")
"""Details of Envoy's that say no more than the rest does."""


def explain(record: Record) -> list[str]:
    """The lines that tell it, none wider than a terminal and nothing in them that would speak to one."""
    lines: list[str] = []
    for label, text in _rows(record):
        lead = f"{label:<{_LABEL}}"
        lines += textwrap.wrap(
            printable(text), WIDTH, initial_indent=lead, subsequent_indent=" " * _LABEL, break_on_hyphens=False
        )
    return lines


def _rows(record: Record) -> Iterator[tuple[str, str]]:
    yield "decision", f"{_short(record.id) or 'without id'} at {_short(record.time) or 'an unknown time'}"
    yield "asked", _asked(record)
    if caller := _caller(record):
        yield "caller", caller
    yield "policy", _policy(record)
    if record.policy:
        yield "rule", _rule(record)
    if record.rule:
        yield "wanted", _wanted(record)
    for number, attempt in enumerate(record.attempts, 1):
        yield f"attempt {number}", _attempt(attempt)
    for skip in record.skipped:
        yield "skipped", _skip(skip)
    yield "answered", _answered(record)
    yield "because", _because(record)
    yield "status", _status(record)
    if record.details not in _ORDINARY:
        yield "details", _short(record.details)
    yield "took", _took(record)
    yield "size", _size(record)


def _asked(record: Record) -> str:
    what = " ".join(filter(None, (_short(record.method), _short(record.path)))) or "something that is no request"
    model = f'for model "{_short(record.model)}"' if record.model else "for no model"
    return f"{what} {model}{', as a stream' if record.stream else ''}"


def _caller(record: Record) -> str:
    known = {"tenant": record.tenant, "feature": record.feature, "step": record.step, "class": record.class_}
    return ", ".join(f"{name} {_short(value)}" for name, value in known.items() if value)


def _policy(record: Record) -> str:
    gateway = f", on gateway {_short(record.gateway)}" if record.gateway else ""
    if not record.policy:
        return f"none: it came to an end before one was found{gateway}"
    return _short(record.policy) + (f", revision {_short(record.revision)}" if record.revision else "") + gateway


def _rule(record: Record) -> str:
    score = "" if record.score is None else f", score {record.score:g}"
    if not record.rule:
        return "none was looked at"
    if record.rule == _NO_RULE:
        return f"no rule matched: the first tier{score}"
    return f'the rule "{_short(record.rule)}" matched{score}'


def _wanted(record: Record) -> str:
    model = _short(record.target)
    if record.tier:
        return f"tier {_short(record.tier)}" + (f", of it model {model}" if model else "")
    if record.reason == "answer":
        return "the rule's own answer"
    return f"model {model}, which the rule names itself" if model else "a model that the rule names itself"


def _attempt(attempt: Attempt) -> str:
    came = f"status {attempt.status}" if attempt.status else "no answer"
    took = "" if attempt.ms is None else f", {in_short(attempt.ms)} ms"
    reason = f", {_short(attempt.reason)}" if attempt.reason else ""
    return f"{_short(attempt.target) or 'a model without name'}: {came}{reason}{took}"


def _skip(skip: Skip) -> str:
    tier = f"tier {_short(skip.tier)}, " if skip.tier else ""
    return f"{tier}model {_short(skip.target)}: {_short(reason_in_words(skip.reason))}"


def _because(record: Record) -> str:
    words = _short(reason_in_words(record.why))
    # The reason is that of the last move, which an answer further down does not tell by itself.
    return f"it had to move on: {words}" if record.served and record.why in _MOVES else words


def _answered(record: Record) -> str:
    served = record.served
    if served is None:
        fell = (record.attempts or record.skipped) and record.rung and record.status < _REFUSED
        how = f", with the answer on rung {record.rung} of the ladder" if fell else ""
        return f"the gateway itself{how}" if record.status else "nobody"
    tier = f"tier {_short(served.tier)}, " if served.tier else ""
    hardware = f" on {_short(served.hardware)}" if served.hardware else ""
    endpoint = f" at {_short(served.endpoint)}" if served.endpoint else ""
    rung = f", {_rung(record.rung)}" if record.rung is not None else ""
    return f"{tier}model {_short(served.model)}{hardware}{endpoint}{rung}"


def _rung(rung: int) -> str:
    return "as wanted" if rung == 0 else f"on rung {rung} of the ladder"


def _status(record: Record) -> str:
    status = str(record.status) if record.status else "none: nothing was sent back"
    flags = flags_in_words(record.flags)
    return f"{status}; Envoy says {_short(flags)}" if flags else status


def _took(record: Record) -> str:
    total, first = record.ms.total, record.ms.first_byte
    if total is None:
        return "a time that was not noted"
    return f"{in_short(total)} ms" + ("" if first is None else f", the model's first byte after {in_short(first)} ms")


def _size(record: Record) -> str:
    sizes = f"{record.bytes.in_} bytes in, {record.bytes.out} out"
    tokens = record.tokens
    if tokens.in_ is None and tokens.out is None:
        return f"{sizes}; tokens not told"
    counts = ("?" if count is None else str(count) for count in (tokens.in_, tokens.out))
    return f"{sizes}; tokens {' in, '.join(counts)} out"


def in_short(value: float) -> str:
    """A number without a point where it needs none."""
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def _short(text: str) -> str:
    """The text without its middle where it is long."""
    half = (LONGEST - len("...")) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[-half:]}"
