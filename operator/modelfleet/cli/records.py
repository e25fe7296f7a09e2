"""`modelfleet records`: what gateways decided, from the records that they write."""

import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

import click

if TYPE_CHECKING:
    from datetime import datetime

    from modelfleet.cli.listing import Wanted
    from modelfleet.sources.records import Absent, BadLine, Record

EXIT_NOT_FOUND, EXIT_ABSENT = 1, 2
TOLD: Final = 3
"""So many problems are told; all are counted."""

Output = Literal["text", "json", "wide"]


def _status(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch("0|[1-5]([0-9]{2}|xx)", value):
        raise click.BadParameter("must be a status such as 503, a class of them such as 5xx, or 0 for none")
    return value


def _reason(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    from difflib import get_close_matches

    from modelfleet.findings import printable
    from modelfleet.sources.reasons import REASONS

    if value is None or value in REASONS:
        return value
    # What is like none of them may be one that a newer gateway gives.
    if close := get_close_matches(value.lower(), REASONS, n=1):
        raise click.BadParameter(f"{printable(value)} is no reason: did you mean {close[0]}?")
    return value


def _since(_context: click.Context, _option: click.Parameter, value: str | None) -> "datetime | None":
    from datetime import UTC, datetime, timedelta

    from modelfleet.api.scalars.duration import Duration

    if value is None:
        return None
    if tuple(Duration.RULE.broken(value)):
        raise click.BadParameter(Duration.RULE.message)
    return datetime.now(UTC) - timedelta(milliseconds=Duration.parse(value).milliseconds)


@click.command("records")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(allow_dash=True))
@click.option("--id", "id_", metavar="ID", help="Explain the one decision with this id.")
@click.option("--policy", metavar="NAME", help="Only of this policy: NAME or NAMESPACE/NAME.")
@click.option("--rule", metavar="NAME", help="Only where this rule matched; default where none did.")
@click.option("--model", metavar="NAME", help="Only where this model was asked for, tried or served.")
@click.option("--tier", metavar="NAME", help="Only where this tier was wanted or served.")
@click.option("--status", callback=_status, metavar="STATUS", help="Only with this status, such as 503 or 5xx.")
@click.option("--reason", callback=_reason, metavar="REASON", help="Only with this reason, such as timeout.")
@click.option("--since", callback=_since, metavar="DURATION", help="Only what began so long ago or later, such as 15m.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the last N.")
@click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help="The state folder of `modelfleet up`.")
@click.option("--summary", is_flag=True, help="Counts, shares and times instead of a line for each.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "wide"]),
    default="text",
    show_default=True,
    help="How to print it; json prints the records as they were written.",
)
def command(
    paths: tuple[str, ...],
    state: Path | None,
    limit: int | None,
    summary: bool,
    output: Output,
    **wanted: Any,
) -> None:
    """Read decision records: list, sum up, explain one.

    PATH is a file, a folder (searched for *.jsonl and *.jsonl.gz) or - for standard input; compressed files are read as
    they are. Without one, the records of the last `modelfleet up` are read.

    Exit codes: 0 read, 1 there is no decision with the id, 2 a path is absent or may not be read.
    """
    from modelfleet.cli.listing import Wanted

    chosen = Wanted(id=wanted.pop("id_"), **wanted)
    if chosen.id is not None and summary:
        raise click.UsageError("--id explains one decision and --summary sums up many: use one of them")
    reading = _Reading(chosen, _places(paths, state))
    records: Iterable[Record] = reading.records()
    if chosen.id is not None:
        records = _first(records)
    if limit is not None:
        records = deque(records, maxlen=limit)
    shown = _sum_up(records, output) if summary else _show(records, output, explained=chosen.id is not None)
    reading.tell()
    if reading.absent:
        sys.exit(EXIT_ABSENT)
    if chosen.id is not None and not shown:
        click.echo(_sentence(f"there is no decision with the id {chosen.id}"), err=True)
        sys.exit(EXIT_NOT_FOUND)


class _Reading:
    """The wanted records of some places, and what was wrong on the way."""

    def __init__(self, wanted: "Wanted", places: tuple[str, ...]) -> None:
        self._wanted = wanted
        self._places = places
        self._bad = 0
        self._read = self._fitting = 0
        self._told: list[BadLine] = []
        self.absent: list[Absent] = []

    def records(self) -> Iterator["Record"]:
        from modelfleet.sources.files import STDIN
        from modelfleet.sources.records import Absent, BadLine, read_records

        # A process may have been started without a standard input, which is nobody's business unless it is read.
        stdin = sys.stdin.buffer if STDIN in self._places and sys.stdin else None
        for found in read_records(self._places, stdin):
            if isinstance(found, Absent):
                self.absent.append(found)
            elif isinstance(found, BadLine):
                self._bad += 1
                self._told += [found] * (len(self._told) < TOLD)
            else:
                self._read += 1
                if self._wanted.holds(found):
                    self._fitting += 1
                    yield found

    def tell(self) -> None:
        for path in self.absent:
            click.echo(_sentence(f"{path.path}: {path.problem}"), err=True)
        if self._read and not self._fitting and self._wanted.id is None:
            click.echo(_sentence(f"no record of {self._read} fits"), err=True)
        if not self._bad:
            return
        some = f"{self._bad} lines are no records"
        click.echo(_sentence("1 line is no record:" if self._bad == 1 else f"{some}, the first:"), err=True)
        for bad in self._told:
            click.echo(_sentence(f"  {bad.file}:{bad.line}: {bad.problem}", lead=""), err=True)


def _places(paths: tuple[str, ...], state: Path | None) -> tuple[str, ...]:
    from modelfleet.findings import Unusable
    from modelfleet.local.state import Folder, latest

    if paths and state:
        raise click.UsageError("--state names a folder of `modelfleet up` and PATH names records: use one of them")
    if paths:
        return paths
    try:
        folder = Folder(state) if state else latest()
    except Unusable as error:
        _give_up(str(error))
    if folder is None:
        _give_up("no `modelfleet up` has left records here: name a PATH, or --state and its folder")
    return (str(folder.decisions),)


def _give_up(sentence: str) -> NoReturn:
    click.echo(_sentence(sentence), err=True)
    sys.exit(EXIT_ABSENT)


def _first(records: Iterable["Record"]) -> Iterator["Record"]:
    """The first one, and no more is read than that takes."""
    with suppress(StopIteration):
        yield next(iter(records))


def _show(records: Iterable["Record"], output: Output, *, explained: bool) -> int:
    from modelfleet.cli.explanation import explain
    from modelfleet.cli.listing import Table, as_json

    table, shown = Table(wide=output == "wide"), 0
    for record in records:
        if output == "json":
            click.echo(as_json(record))
        elif explained:
            click.echo("\n".join(explain(record)))
        else:
            click.echo(table.line(record) if shown else f"{table.head()}\n{table.line(record)}")
        shown += 1
    return shown


def _sum_up(records: Iterable["Record"], output: Output) -> int:
    from modelfleet.cli.listing import Summary

    summary = Summary()
    for record in records:
        summary.add(record)
    click.echo(summary.as_json() if output == "json" else "".join(f"{line}\n" for line in summary.as_text()), nl=False)
    return 1


def _sentence(text: str, lead: str = "modelfleet records: ") -> str:
    from modelfleet.findings import printable

    return f"{lead}{printable(text)}"
