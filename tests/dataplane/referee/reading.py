"""What a policy says, read from its YAML by itself: times, and the ladder that a request has."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Policy = Mapping[str, Any]

UNITS_MS = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0}
KINDS = ("connect", "reset", "timeout", "overload", "5xx")
REPEATS_FREE = 3
"""What the budget always grants. One request has a policy to itself, so its share of requests never comes to more."""


@dataclass(frozen=True)
class Asked:
    """One request. `wants` is the name of the rule that it fits."""

    path: str = "/v1/chat/completions"
    stream: bool = False
    timeout: str | None = None
    wants: str = ""


@dataclass(frozen=True)
class Rung:
    """A model to ask, of a tier or of a rule, or an answer."""

    tier: str | None = None
    model: str = ""
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Bounds:
    """In milliseconds."""

    total: float
    first_token: float
    answer: float
    between_tokens: float


def duration_ms(text: str) -> float | None:
    """Such as 1s500ms, of nothing else and above zero."""
    if not re.fullmatch(r"(\d+(h|ms|m|s))+", text):
        return None
    return sum(int(count) * UNITS_MS[unit] for count, unit in re.findall(r"(\d+)(h|ms|m|s)", text)) or None


def header_ms(text: str) -> float | None:
    """What x-request-timeout says: a duration, or seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text) * 1000 or None
    return duration_ms(text)


def bounds_of(policy: Policy) -> Bounds:
    said: Mapping[str, Any] = policy.get("timeouts", {})

    def bound(name: str, default: float) -> float:
        return duration_ms(said[name]) or default if name in said else default

    minute = UNITS_MS["m"]
    return Bounds(
        total=bound("total", 10 * minute),
        first_token=bound("firstToken", minute),
        answer=bound("answer", math.inf),
        between_tokens=bound("betweenTokens", minute),
    )


def attempts_of(policy: Policy) -> int:
    attempts: int = policy.get("retries", {}).get("attempts", 0 if policy.get("degrade") else 1)
    return attempts


def kinds_of(policy: Policy) -> tuple[str, ...]:
    return tuple(policy.get("retries", {}).get("retryOn", KINDS))


def drawn(models: list[Mapping[str, Any]]) -> str:
    """The only one with a share. Where there are several, chance decides, and the referee does not ask for that."""
    (name,) = [model["name"] for model in models if model.get("weight", 1) > 0]
    return str(name)


def rule_of(policy: Policy, asked: Asked) -> Mapping[str, Any]:
    return next((rule for rule in policy.get("rules", ()) if rule["name"] == asked.wants), {"name": "default"})


def ladder_of(policy: Policy, rule: Mapping[str, Any]) -> list[Rung]:
    """Wanted, and what stands in `degrade`, without what is wanted anyway, up to an answer."""
    tiers = {tier["name"]: drawn(tier["models"]) for tier in policy["tiers"]}
    if "answer" in rule:
        return [Rung(answer=rule["answer"])]
    if "models" in rule:
        ladder = [Rung(None, drawn(rule["models"]))]
    else:
        wanted = rule.get("tier", policy["tiers"][0]["name"])
        ladder = [Rung(wanted, tiers[wanted])]
    for step in policy.get("degrade", ()):
        if "answer" in step:
            return [*ladder, Rung(answer=step["answer"])]
        if step["tier"] != ladder[0].tier:
            ladder.append(Rung(step["tier"], tiers[step["tier"]]))
    return ladder
