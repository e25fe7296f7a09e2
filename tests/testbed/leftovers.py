"""Folders of beds, and what is left of them when a run was killed before it could clean up."""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "modelfleet-testbed-"
PATIENCE = 10.0


@contextlib.contextmanager
def bed_folder() -> Iterator[Path]:
    """A folder for a bed, gone at the end. First, what earlier runs left is removed."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / "owner").open("w") as owner:
        # The lock goes with the process, however it ends; that is what tells a leftover from a bed in use.
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(root: Path | None = None) -> list[Path]:
    """Ends and removes the beds whose owners are gone; answers with their folders."""
    found = [folder for folder in sorted((root or Path(tempfile.gettempdir())).glob(f"{PREFIX}*")) if _is_left(folder)]
    for folder in found:
        remove(folder)
    return found


def _is_left(folder: Path) -> bool:
    try:
        with (folder / "owner").open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        # Just made, and not locked yet; or so old that somebody removes it now.
        return time.time() - _age_of(folder) > PATIENCE
    except OSError:
        return False
    return True


def _age_of(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def remove(folder: Path) -> None:
    """Ends every process that the bed in this folder started, and removes the folder."""
    for pid in living(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while list(living(folder)) and time.monotonic() < end:
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


def living(folder: Path) -> Iterator[int]:
    """The processes that work in this folder or below it. A number in a file could have been given to another."""
    root = folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").resolve().is_relative_to(root) and not is_zombie(int(process.name)):
                yield int(process.name)


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and only waits for its parent to hear of it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
