"""Who belongs to a run, whatever it did to get away: no process may outlive the `modelfleet up` that wanted it."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MARK = "MODELFLEET_SCENARIO"


class Member(NamedTuple):
    """A process, told from a later one with its number by when it began."""

    pid: int
    began: str
    command: str


class Family:
    """Everybody who inherited the mark of one run, and whoever descends from one who did and has lost it since."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._known: set[Member] = set()

    @property
    def environment(self) -> dict[str, str]:
        return {MARK: self.mark}

    def look(self) -> set[Member]:
        """Those who live now; it also remembers them."""
        everybody = dict(_processes())
        mark = f"{MARK}={self.mark}".encode()
        known = {member.pid for member in self._known if member in {one for one, _ in everybody.values()}}
        ours = known | {pid for pid in everybody if mark in _environ(pid)}
        while more := {pid for pid, (_, parent) in everybody.items() if parent in ours} - ours:
            ours |= more
        found = {everybody[pid][0] for pid in ours if pid in everybody}
        self._known |= found
        return found

    def find(self, words: str) -> list[int]:
        """The processes whose command line has these words, leashes left out."""
        return sorted(one.pid for one in self.look() if words in one.command and "leash.py" not in one.command)

    def end(self) -> None:
        """Kills whoever is left."""
        for member in self.look():
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, tuple[Member, int]]]:
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with suppress(OSError):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in {"Z", "X"}:
                    command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    yield int(path.name), (Member(int(path.name), fields[19], command), int(fields[1]))


def _environ(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
