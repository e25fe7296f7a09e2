"""How one value of a behaviour is read, be it an argument or JSON, so that both have the same limits and words."""

import math
import re
from collections.abc import Callable

Reader = Callable[[object], object]

DAY = 24 * 3600.0
_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_DURATION = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?", re.ASCII)
_SECONDS = (3600.0, 60.0, 1.0, 0.001)
_RANGE = re.compile(rf"{_NUMBER}-{_NUMBER}", re.ASCII)
_SHOWN = 60


class Invalid(Exception):
    """What a value must be, in words that follow the name of its field."""


def plain(text: str) -> object:
    """An argument as the JSON value it stands for: a number where it is one."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def integer(low: int, high: int) -> Reader:
    def read(raw: object) -> object:
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise Invalid(f"must be an integer from {low} to {high}, not {shown(raw)}")
        return raw

    return read


def number(low: float, high: float) -> Reader:
    def read(raw: object) -> object:
        found = _finite(raw)
        if found is None or not low <= found <= high:
            raise Invalid(f"must be a number from {low:g} to {high:g}, not {shown(raw)}")
        return found

    return read


def one_of(*choices: int) -> Reader:
    def read(raw: object) -> object:
        if not isinstance(raw, int) or raw not in choices:
            raise Invalid(f"must be one of {', '.join(map(str, choices))}, not {shown(raw)}")
        return raw

    return read


def duration(raw: object) -> float:
    """Seconds, from `150ms`, `2s`, `1m30s`, or a plain 0."""
    if raw == 0 and not isinstance(raw, bool):
        return 0.0
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) and raw else None
    if match is None:
        raise Invalid(f"must be a duration such as 150ms, 2s or 1m30s, not {shown(raw)}")
    seconds = sum(float(part) * size for part, size in zip(match.groups(), _SECONDS, strict=True) if part)
    if seconds > DAY:
        raise Invalid(f"must be a duration of at most 24h, not {shown(raw)}")
    return seconds


def confidence(raw: object) -> tuple[float, float] | None:
    """The ends of the range; a single number is a range of one value, and null is no confidence at all."""
    if raw is None:
        return None
    found = _finite(raw)
    match = _RANGE.fullmatch(raw) if isinstance(raw, str) else None
    low, high = (float(match[1]), float(match[2])) if match else (found, found)
    if low is None or high is None or not 0 <= low <= high <= 1:
        raise Invalid(f"must be a number from 0 to 1, or a range of such as 0.2-0.9, not {shown(raw)}")
    return low, high


def written_duration(seconds: float) -> str:
    """What `duration` reads as the same number of seconds."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def written_confidence(ends: tuple[float, float] | None) -> float | str | None:
    if ends is None or ends[0] == ends[1]:
        return ends and ends[0]
    return f"{ends[0]:.6f}-{ends[1]:.6f}"


def shown(raw: object) -> str:
    text = repr(raw)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _finite(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        return None
    return float(raw)
