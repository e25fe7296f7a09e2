"""What an engine was told to do: one value, from the command line, from `/sim/behaviour` or from a request's header."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelfleet.engines_sim.fields import (
    Invalid,
    Reader,
    confidence,
    duration,
    integer,
    number,
    one_of,
    shown,
    written_confidence,
    written_duration,
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Durations are in seconds. The names are those of the JSON, and with dashes those of the command line."""

    seed: int = 0
    tokens_per_second: float = 0.0
    first_token: float = 0.0
    answer_tokens: int = 32
    concurrency: int = 0
    queue: int = 1024
    overload_status: int = 429
    confidence: tuple[float, float] | None = None
    fail_rate: float = 0.0
    fail_status: int = 500
    reset_rate: float = 0.0
    truncate_rate: float = 0.0
    stall_after_tokens: int = 1
    stall: float = 0.0
    cold_start: float = 0.0


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a behaviour as a user meets it. `common` is what no single request can have for itself."""

    read: Reader
    metavar: str
    help: str
    common: bool = False


_RATE = number(0, 1)

FIELDS: Mapping[str, Field] = {
    "seed": Field(integer(0, 2**53), "N", "what answers and faults are drawn from"),
    "tokens_per_second": Field(number(0, 1e6), "F", "how fast each request generates; 0 is at once"),
    "first_token": Field(duration, "DURATION", "how long the first token takes"),
    "answer_tokens": Field(integer(1, 1_000_000), "N", "how long an answer is that max_tokens does not cut"),
    "concurrency": Field(integer(0, 1_000_000), "N", "how many requests run at once; 0 is no limit", common=True),
    "queue": Field(integer(0, 1_000_000), "N", "how many requests may wait to run; more are refused", common=True),
    "overload_status": Field(one_of(429, 503, 529), "N", "the status of that refusal: 429, 503 or 529"),
    "confidence": Field(confidence, "F|A-B", "put a confidence into answers: this one, or one of the range per prompt"),
    "fail_rate": Field(_RATE, "F", "how many of the requests fail, from 0 to 1"),
    "fail_status": Field(integer(400, 599), "N", "the status that they fail with"),
    "reset_rate": Field(_RATE, "F", "how many of the requests have their connection reset instead of an answer"),
    "truncate_rate": Field(_RATE, "F", "how many of the answers break off in the middle"),
    "stall_after_tokens": Field(integer(0, 1_000_000), "N", "after how many tokens --stall begins"),
    "stall": Field(duration, "DURATION", "how long an answer pauses there; 0s is not at all"),
    "cold_start": Field(duration, "DURATION", "how long everything but /sim is answered with 503", common=True),
}


def changed(before: Behaviour, text: bytes, *, one_request: bool) -> Behaviour:
    """The behaviour with the fields that the JSON names set to what it says; all of them, or none and `Invalid`."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("the behaviour is not JSON") from None
    if not isinstance(raw, dict):
        raise Invalid("the behaviour must be a JSON object")
    return replace(before, **{name: _read(name, value, one_request) for name, value in raw.items()})


def as_json(behaviour: Behaviour) -> dict[str, object]:
    """What `changed` reads as this behaviour."""
    return {name: written(name, getattr(behaviour, name)) for name in FIELDS}


def written(name: str, value: Any) -> object:
    """One value as a user writes it."""
    if name == "confidence":
        return written_confidence(value)
    return written_duration(value) if FIELDS[name].read is duration else value


def _read(name: str, value: object, one_request: bool) -> Any:
    field = FIELDS.get(name)
    if field is None:
        raise Invalid(f"{shown(name)} is no field of a behaviour; these are: {', '.join(FIELDS)}")
    if field.common and one_request:
        raise Invalid(f"{name} is the whole engine's and no single request's; set it with POST /sim/behaviour")
    try:
        return field.read(value)
    except Invalid as invalid:
        raise Invalid(f"{name} {invalid}") from None
