"""How a bench tells what it found: a table for the reader, and JSON in build/bench for whoever compares two runs."""

import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import modelfleet
from modelfleet.findings import Unusable
from modelfleet.local.binary import find_envoy

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "bench"
# Taken at the import, because at the end the bench itself is most of the load.
LOAD_AT_START = os.getloadavg()
WIDEST = 160

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """What the rounds gave: the median is the figure, the range says how far it can be trusted."""

    values: tuple[float, ...]

    def __init__(self, values: Sequence[float]) -> None:
        if not values:
            raise ValueError("a spread of nothing")
        object.__setattr__(self, "values", tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return figure(self.median)
        return f"{figure(self.median)} [{figure(min(self.values))}-{figure(max(self.values))}]"

    def as_json(self) -> dict[str, Any]:
        return {"median": self.median, "min": min(self.values), "max": max(self.values), "rounds": list(self.values)}


def figure(value: float) -> str:
    """Three digits that mean something, and no more."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of all of them does not exceed: a measured one, never one between."""
    if not values or not 0 < part <= 1:
        raise ValueError(f"no percentile {part} of {len(values)} values")
    # 0.07 * 100 is a little more than 7, and would be the eighth.
    return sorted(values)[math.ceil(round(len(values) * part, 6)) - 1]


def report(
    name: str, rows: Sequence[Row], notes: Sequence[str] = (), versions: Mapping[str, str] | None = None
) -> Path:
    """Prints the rows and keeps them in build/bench/NAME.json. `versions` are those of the peers that took part."""
    facts = {
        "bench": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": {**own_versions(), **(versions or {})},
        "notes": list(notes),
    }
    _print(facts, rows)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({**facts, "rows": rows}, indent=1, default=_plain) + "\n")
    return path


def machine() -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "loadAtStart": [round(load, 2) for load in LOAD_AT_START],
    }


def own_versions() -> dict[str, str]:
    found = {"modelfleet": modelfleet.__version__, "python": platform.python_version()}
    try:
        found["envoy"] = find_envoy(None).version
    except Unusable as error:
        found["envoy"] = f"none: {error}"
    for package in ("grpcio", "protobuf", "xds-protos"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> dict[str, Any]:
    """Which source was measured; an unpacked archive has no commit, and says so."""
    try:
        head = _git("rev-parse", "HEAD")
        return {"hash": head, "dirty": bool(_git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"hash": "unknown", "dirty": False}


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _print(facts: Mapping[str, Any], rows: Sequence[Row]) -> None:
    table = Table(title=str(facts["bench"]), title_justify="left", pad_edge=False, box=None)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for column in columns:
        numbers = any(isinstance(row.get(column), int | float | Spread) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    # A file or a pipe has no width: then the table takes what it needs, and no line is broken.
    console = Console(width=None if sys.stdout.isatty() else WIDEST, highlight=False, markup=False)
    console.print()
    console.print(table)
    commit_of = facts["commit"]
    at = facts["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    source = f"commit {commit_of['hash'][:12]}{' with changes' if commit_of['dirty'] else ''}"
    console.print(f"{at['cpu']}, {at['cores']} cores, {at['kernel']}, load at start {at['loadAtStart'][0]}; {source}")
    console.print(versions)
    for note in facts["notes"]:
        console.print(note)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return figure(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, Spread):
        return value.as_json()
    raise TypeError(f"{type(value).__name__} is not a figure")
