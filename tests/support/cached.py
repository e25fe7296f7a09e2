"""What is built or installed once and then kept in the user's cache, also where several ask for it at the same time."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def place(kind: str, name: str, pins: Sequence[bytes]) -> Path:
    """Where such a thing is kept: under the hash of all that pins it, so that another version never meets it."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pinned = hashlib.sha256(b"\0".join(pins)).hexdigest()
    return home / "modelfleet" / kind / f"{name}-{pinned[:16]}"


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder. Where it is not there yet, `make` fills another one, which takes its name only when it is whole."""
    if not folder.exists():
        with _alone(folder.parent):
            # Somebody else may have made it while we waited.
            if not folder.exists():
                _make(folder, make)
    return folder


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        make(made)
        made.rename(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
