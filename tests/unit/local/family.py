"""Processes as tests see them: who has written down its pid, who still lives, and a parent to be killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARENT = """
import asyncio, signal, sys
from pathlib import Path
from modelfleet.local.children import Children, Program

# Who runs the tests in the background, or under nohup, has these ignored, and we would have inherited it.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

async def main() -> None:
    async with Children(lambda name, text: print(name, text, flush=True)) as children:
        for number, line in enumerate(sys.argv[1:]):
            children.start(Program(name=f"child-{number}", command=["sh", "-c", line]))
        await asyncio.sleep(1000)

if sys.argv[1] == "--uvloop":
    import uvloop
    del sys.argv[1]
    uvloop.run(main())
else:
    asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    """Whether it runs; who is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(what: Callable[[], bool], within: float = 3.0) -> bool:
    deadline = time.monotonic() + within
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Family:
    """Shell commands that write the pids of theirs into a folder, so that they are known and none outlives a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note(self, name: str, pid: str = "$$") -> str:
        return f"echo {pid} > {self.folder}/{name}.pid"

    def couple(self, name: str) -> str:
        """A shell with one more process in its group, which has forgotten who it was."""
        return f"{self.note(name)}; env -i sleep 1000 & {self.note(name + '-2', '$!')}; exec sleep 1000"

    def stray(self, name: str) -> str:
        """A shell with one more process that has left its group and its session."""
        inner = f"{self.note(name + '-2')}; exec sleep 1000"
        return f"{self.note(name)}; setsid sh -c '{inner}' & exec sleep 1000"

    def both(self) -> str:
        """A shell with a couple `a` in its group, and with the stray `b`."""
        return f"sh -c '{self.couple('a')}' & {self.stray('b')}"

    def pids(self) -> dict[str, int]:
        files = sorted(self.folder.glob("*.pid"))
        return {path.stem: int(path.read_text()) for path in files if path.read_text().endswith("\n")}

    def arrives(self, *names: str) -> bool:
        return eventually(lambda: set(names) <= set(self.pids()), 15)

    def living(self) -> list[str]:
        return [name for name, pid in self.pids().items() if is_alive(pid)]

    def is_gone(self, within: float = 3.0) -> bool:
        return eventually(lambda: not self.living(), within)


@contextmanager
def family(folder: Path) -> Iterator[Family]:
    made = Family(folder)
    try:
        yield made
    finally:
        for pid in made.pids().values():
            if is_alive(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
