"""Many decisions at a glance: which of them are meant, a line for each, and what they come to."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from modelfleet.cli.explanation import in_short
from modelfleet.findings import printable
from modelfleet.sources.decision import Record

NOTHING: Final = "-"

_WIDEST: Final = 40
_NAMES: Final = 1000
_REST: Final = "(others)"
_EXACT_MS: Final = 1000
_STEP: Final = math.log(1.01)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record must be like to be shown; None asks for nothing."""

    id: str | None = None
    policy: str | None = None
    rule: str | None = None
    model: str | None = None
    tier: str | None = None
    status: str | None = None
    reason: str | None = None
    since: datetime | None = None

    def holds(self, record: Record) -> bool:
        """Whether the record is like that."""
        return all(
            (
                self.id is None or record.id == self.id,
                self.policy is None or self.policy in (record.policy, record.policy.rpartition("/")[2]),
                self.rule is None or record.rule == self.rule,
                self.model is None or self.model in _models(record),
                self.tier is None or self.tier in _tiers(record),
                self.status is None or _has_status(record.status, self.status),
                self.reason is None or record.why == self.reason,
                self.since is None or _is_from(record.time, self.since),
            )
        )


def _models(record: Record) -> Iterator[str]:
    yield record.model
    yield from (attempt.target for attempt in record.attempts)
    if record.served:
        yield record.served.model


def _tiers(record: Record) -> Iterator[str]:
    yield record.tier
    if record.served:
        yield record.served.tier


def _has_status(status: int, wanted: str) -> bool:
    text = str(status)
    return text == wanted or (wanted.endswith("xx") and len(text) == len(wanted) and text[0] == wanted[0])


def _is_from(time: str, since: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) >= since


def as_json(record: Record) -> str:
    """The line as it was written, but for letters that a terminal would obey: JSON has another form for them."""
    text = record.line
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() or letter in "\t\r" else json.dumps(letter)[1:-1]


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    value: Callable[[Record], str]
    is_number: bool = False


def _number(value: float | None) -> str:
    return NOTHING if value is None else in_short(value)


def _route(record: Record) -> str:
    served = record.served.model if record.served else ""
    return f"{record.tier or NOTHING}>{served or NOTHING}" if record.tier or served else ""


_TEXT: Final = (
    _Column("TIME", 24, lambda record: record.time),
    _Column("STATUS", 6, lambda record: str(record.status), is_number=True),
    _Column("POLICY", 16, lambda record: record.policy),
    _Column("RULE", 10, lambda record: record.rule),
    _Column("TIER>SERVED", 16, _route),
    _Column("TRIES", 5, lambda record: str(len(record.attempts)), is_number=True),
    _Column("MS", 6, lambda record: _number(record.ms.total), is_number=True),
    _Column("REASON", 15, lambda record: record.why),
)
_WIDE: Final = (
    *_TEXT,
    _Column("ID", 36, lambda record: record.id),
    _Column("GATEWAY", 10, lambda record: record.gateway),
    _Column("ASKED", 10, lambda record: record.model),
    _Column("TENANT", 10, lambda record: record.tenant),
    _Column("FEATURE", 8, lambda record: record.feature),
    _Column("STEP", 6, lambda record: record.step),
    _Column("CLASS", 6, lambda record: record.class_),
    _Column("HARDWARE", 8, lambda record: record.served.hardware if record.served else ""),
    _Column("ENDPOINT", 20, lambda record: record.served.endpoint if record.served else ""),
    _Column("FIRST", 5, lambda record: _number(record.ms.first_byte), is_number=True),
    _Column("IN", 5, lambda record: _number(record.tokens.in_), is_number=True),
    _Column("OUT", 5, lambda record: _number(record.tokens.out), is_number=True),
    _Column("FLAGS", 5, lambda record: record.flags),
)


class Table:
    """Aligned lines for records that come one by one: a column grows with the longest value so far."""

    def __init__(self, *, wide: bool) -> None:
        self._columns = _WIDE if wide else _TEXT
        self._widths = [max(column.width, len(column.title)) for column in self._columns]

    def head(self) -> str:
        """The line above them."""
        return self._line([column.title for column in self._columns])

    def line(self, record: Record) -> str:
        """The line of a record."""
        return self._line([_cell(column.value(record)) for column in self._columns])

    def _line(self, cells: Sequence[str]) -> str:
        self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)]
        places = zip(self._columns, self._widths, cells, strict=True)
        return "  ".join(
            cell.rjust(width) if column.is_number else cell.ljust(width) for column, width, cell in places
        ).rstrip()


def _cell(text: str) -> str:
    shown = printable(text) or NOTHING
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 3]}..."


class Summary:
    """Counts and quantiles of any number of records, in a bounded room."""

    def __init__(self) -> None:
        self._records = 0
        self._timed = 0
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ("policy", "rule", "served", "reason")}
        self._times: Counter[int] = Counter()
        self._longest = 0.0

    def add(self, record: Record) -> None:
        """Counts a record in."""
        self._records += 1
        rule = f"{record.policy} {record.rule}" if record.rule else ""
        served = record.served.model if record.served else ""
        values = {"policy": record.policy, "rule": rule, "served": served, "reason": record.why}
        for name, value in values.items():
            counts = self._counts[name]
            key = _cell(value)
            counts[key if key in counts or len(counts) < _NAMES else _REST] += 1
        if record.ms.total is not None:
            self._timed += 1
            self._times[_bucket(record.ms.total)] += 1
            self._longest = max(self._longest, record.ms.total)

    def as_json(self) -> str:
        """All of it for programs; fields may be added."""
        counts = {name: dict(counts.most_common()) for name, counts in self._counts.items()}
        times = {f"p{percent}": self._quantile(percent) for percent in (50, 90, 99)}
        return json.dumps({"records": self._records, **counts, "ms": {**times, "max": self._longest}}, indent=2) + "\n"

    def as_text(self) -> Iterator[str]:
        """The lines for people."""
        yield f"{self._records} record{'' if self._records == 1 else 's'}"
        for name, counts in self._counts.items():
            yield ""
            width = max((len(key) for key in counts), default=0)
            for key, count in counts.most_common():
                yield f"{name:<8}{key:<{width}}  {count:>9}  {count / self._records:>6.1%}"
        if self._timed:
            yield ""
            times = ", ".join(f"p{percent} {in_short(self._quantile(percent) or 0)} ms" for percent in (50, 90, 99))
            yield f"{'took':<8}{times}, longest {in_short(self._longest)} ms"

    def _quantile(self, percent: int) -> float | None:
        """The time that so many percent of the records stay within, by the nearest rank and to one percent."""
        rank = math.ceil(self._timed * percent / 100)
        for bucket in sorted(self._times):
            rank -= self._times[bucket]
            if rank <= 0:
                return min(_middle(bucket), self._longest) if self._timed else None
        return None


def _bucket(ms: float) -> int:
    """Whole milliseconds while they are few, and steps of one percent beyond."""
    if ms < _EXACT_MS:
        return max(0, round(ms))
    return _EXACT_MS + math.floor(math.log(ms / _EXACT_MS) / _STEP)


def _middle(bucket: int) -> float:
    if bucket < _EXACT_MS:
        return float(bucket)
    return float(round(_EXACT_MS * math.exp((bucket - _EXACT_MS + 0.5) * _STEP)))
