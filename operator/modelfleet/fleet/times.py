"""Times of the Kubernetes API as seconds and back, since no clock and no calendar is asked here."""

import re
from functools import lru_cache

_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?Z", re.ASCII)
_DAY = 86_400
_EPOCH = 719_468
"""Days from the first of March of the year 0 to 1970."""
_ERA = 146_097
"""Days of four hundred years, after which the calendar repeats."""


@lru_cache(maxsize=65_536)
def seconds(text: str) -> float:
    """The time in seconds since 1970 of an RFC 3339 text in UTC; 0.0 where it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return 0.0
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):  # noqa: PLR2004
        return 0.0
    whole = _days(year, month, day) * _DAY + hour * 3600 + minute * 60 + second
    return max(0.0, whole + float(f"0.{found[7] or 0}"))


def stamp(moment: float) -> str:
    """The time as the API has it in conditions: UTC, to the second, `2026-01-31T12:00:00Z`."""
    days, rest = divmod(int(moment), _DAY)
    year, month, day = _date(days)
    return f"{year:04}-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970. Years begin in March here, so that the day that is there in some years only comes last."""
    year -= month <= 2  # noqa: PLR2004
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _ERA + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _EPOCH


def _date(days: int) -> tuple[int, int, int]:
    era, of_era = divmod(days + _EPOCH, _ERA)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9  # noqa: PLR2004
    return era * 400 + year + (month <= 2), month, day  # noqa: PLR2004
