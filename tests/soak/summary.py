"""What a soak ends with: phases, the figures that tests gave as evidence, what was slow, what failed; also in JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.report import commit, figure, machine, own_versions
from tests.soak.run import Soak, shown, tell
from tests.soak.screen import clock
from tests.soak.tally import Test

SLOWEST = 10
MOST_ROWS = 4
"""Of a test with more sets of parameters than this, one row tells of all."""


def facts(soak: Soak) -> dict[str, Any]:
    """Everything, for whoever compares two runs."""
    tally = soak.tally
    tools = {name: version(name) for name in ("pytest", "hypothesis")}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": {**own_versions(), **tools},
        "seed": soak.plan.seed,
        "only": soak.plan.only,
        "brokenOff": soak.is_broken_off,
        "seconds": round(soak.elapsed, 1),
        "phases": [_phase(soak, phase) for phase in tally.tests],
        "evidence": [{"test": name, **figures} for name, figures in evidence(tally.all())],
        "slowest": [{"test": test.name, "seconds": round(test.seconds, 1)} for test in slowest(tally.all())],
        "failures": [vars(failure) for failure in tally.failures],
    }


def _phase(soak: Soak, phase: str) -> dict[str, Any]:
    tests = soak.tally.of(phase)
    outcomes = Counter(test.outcome for test in tests if test.is_over)
    wall = soak.tally.walls.get(phase)
    return {
        "phase": phase,
        "tests": len(tests),
        **{outcome: outcomes[outcome] for outcome in ("passed", "failed", "skipped")},
        "notRun": sum(not test.is_over for test in tests),
        "seconds": None if wall is None else round(wall, 1),
        "skips": Counter(test.words for test in tests if test.outcome == "skipped"),
        "log": shown(soak.plan.log(phase)),
    }


def evidence(tests: Iterable[Test]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The figures by test. Of a test with very many parameters whole numbers are added up, as they are counts, and the
    other figures told from the lowest to the highest.
    """
    told = [test for test in tests if test.figures]
    for name, group in groupby(told, key=lambda test: test.name.partition("[")[0]):
        rows = list(group)
        if len(rows) <= MOST_ROWS:
            yield from ((test.name, test.figures) for test in rows)
        else:
            names = dict.fromkeys(figure for test in rows for figure in test.figures)
            values = {key: [test.figures[key] for test in rows if key in test.figures] for key in names}
            yield name, {"runs": len(rows), **{key: merged(found) for key, found in values.items()}}


def merged(values: Sequence[Any]) -> Any:
    if all(type(value) is int for value in values):
        return sum(values)
    if all(type(value) in {int, float} for value in values):
        return f"{figure(min(values))} to {figure(max(values))}"
    return ", ".join(dict.fromkeys(map(str, values)))


def slowest(tests: Iterable[Test]) -> list[Test]:
    return sorted((test for test in tests if test.is_over), key=lambda test: -test.seconds)[:SLOWEST]


def readable(name: str) -> str:
    """`edits: a name that moves loses no request [to_and_fro]` for what pytest knows by its path."""
    path, _, test = name.partition("::")
    stem, bracket, parameters = test.partition("[")
    words = stem.replace("::", " ").removeprefix("test_").replace("_", " ")
    return f"{Path(path).stem.removeprefix('test_')}: {words}{f' [{parameters}' if bracket else ''}"


def show(console: Console, soak: Soak, found: dict[str, Any]) -> None:
    console.print(_phases(found))
    for phase in found["phases"]:
        for reason, count in phase["skips"].items():
            console.print(f"{phase['phase']} skipped {count}: {reason}")
    if found["evidence"]:
        console.print(_evidence(found["evidence"]))
    console.print(_slowest(found["slowest"]))
    _verdict(console, soak, found)


def _table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", pad_edge=False, box=None)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _phases(found: dict[str, Any]) -> Table:
    numbers = ("tests", "passed", "failed", "skipped", "not run", "time")
    table = _table("Phases", "phase", *numbers, "log", right=numbers)
    for row in found["phases"]:
        cells = [row[key] for key in ("tests", "passed", "failed", "skipped", "notRun")]
        time = "" if row["seconds"] is None else clock(row["seconds"])
        table.add_row(row["phase"], *(f"{cell:,}" for cell in cells), time, row["log"])
    return table


def _evidence(rows: Sequence[dict[str, Any]]) -> Table:
    table = _table("Evidence", "test", "figures")
    for row in rows:
        figures = [f"{key} {cell(value)}" for key, value in row.items() if key != "test"]
        table.add_row(readable(row["test"]), ", ".join(figures))
    return table


def cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else figure(value)


def _slowest(rows: Sequence[dict[str, Any]]) -> Table:
    table = _table("Slowest", "seconds", "test", right=("seconds",))
    for row in rows:
        table.add_row(f"{row['seconds']:,.1f}", readable(row["test"]))
    return table


def _verdict(console: Console, soak: Soak, found: dict[str, Any]) -> None:
    console.print()
    for failure in soak.tally.failures:
        console.print(f"{tell(failure)}\n       {shown(soak.plan.log(failure.phase))}", style="red", soft_wrap=True)
    for failure in soak.tally.failures[:1]:
        name = failure.name.rpartition("::")[2].partition("[")[0]
        part = f"--phase {failure.phase} -k {name}" if "::" in failure.name else f"--phase {failure.phase}"
        console.print(f"the first again: python -m tests.soak {part} --seed {soak.plan.seed}", soft_wrap=True)
    at, source = found["machine"], found["commit"]
    console.print(f"{at['cpu']}, {at['cores']} cores, {at['kernel']}, load at start {at['loadAtStart'][0]}")
    console.print(", ".join(f"{name} {number}" for name, number in found["versions"].items()))
    console.print(f"commit {source['hash'][:12]}{' with changes' if source['dirty'] else ''}, {found['date']}")
    tally = soak.tally
    word = "broken off" if soak.is_broken_off else "failed" if tally.failures else "passed"
    some = f" of {tally.total:,}" if tally.done < tally.total else ""
    console.print(
        f"soak {word}: {tally.done:,}{some} tests, {len(tally.failures)} failures, {clock(soak.elapsed)},"
        f" seed {soak.plan.seed}",
        style="bold red" if word != "passed" else "bold green",
    )


def keep(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1, default=str) + "\n")
