"""The folder of one `modelfleet up`: who has it, what is written there, and where its sockets live."""

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from modelfleet.findings import Unusable

LONGEST_SOCKET: Final = 103
"""In bytes: macOS takes no more, and Linux four more."""

_PREFIX: Final = "modelfleet-"
_OWNER: Final = "owner"
_ROOM_FOR_NAMES: Final = 40
"""What mkdtemp adds, and the name of a socket."""
_SHORT: Final = "/tmp"  # noqa: S108 - nothing is opened there but what mkdtemp has made
_MOST: Final = 100


class Folder:
    """The files of one state directory, for whoever reads them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.decisions = path / "decisions.jsonl"
        self.envoy_log = path / "envoy.log"
        self.up = path / "up.json"
        """How to reach the run that has the folder; missing where none has announced itself."""
        self.lock = path / "up.lock"
        """Locked by the run that has the folder. It is never removed: two could have the folder then."""


class StateDir(Folder):
    """A state directory that is ours until it is closed."""

    def __init__(self, path: Path, lock: int) -> None:
        super().__init__(path)
        self._lock = lock
        _remove_leftovers(path)
        self.up.unlink(missing_ok=True)
        self.runtime = _make_runtime(path)
        """A short and private folder for sockets; it goes when we go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def socket(self, name: str) -> Path:
        """Where the socket of this name is to be."""
        path = self.runtime / name
        assert len(os.fsencode(path)) <= LONGEST_SOCKET, path
        return path

    def announce(self, address: str, sockets: Mapping[str, Path]) -> None:
        """Says to readers how we are reached; they find all of it or nothing."""
        known = {
            "pid": os.getpid(),
            "address": address,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "sockets": {name: str(path) for name, path in sockets.items()},
        }
        draft = self.up.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
            draft.replace(self.up)
        except OSError as error:
            raise Unusable(f"{self.up} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Lets the next one have it. More than one call does no harm."""
        if self._lock < 0:
            return
        shutil.rmtree(self.runtime, ignore_errors=True)
        with suppress(OSError):
            self.up.unlink()
        os.close(self._lock)
        self._lock = -1


def claim(state: Path | None, environ: Mapping[str, str] | None = None) -> StateDir:
    """Takes the named directory, or else the first of our own that no other run has. Raises Unusable."""
    if state is not None:
        claimed = _claim(state.absolute())
        if claimed is None:
            raise Unusable(f"{state} is in use by {_holder(state)}: end that one, or use --state another folder")
        return claimed
    for path in _own_folders(environ):
        if (claimed := _claim(path)) is not None:
            return claimed
    raise Unusable(f"{_MOST} runs have their state in {_root(environ)}: end some, or use --state another folder")


def latest(environ: Mapping[str, str] | None = None) -> Folder | None:
    """That of our own directories which was used last, also while nobody uses any of them."""
    used: dict[Path, float] = {}
    for path in _own_folders(environ):
        folder = Folder(path)
        for file in (folder.lock, folder.up, folder.decisions):
            with suppress(OSError):
                used[path] = max(used.get(path, 0.0), file.stat().st_mtime)
    return Folder(max(used, key=used.__getitem__)) if used else None


def _own_folders(environ: Mapping[str, str] | None) -> Iterator[Path]:
    root = _root(environ)
    yield root / "up"
    for number in range(2, _MOST + 1):
        yield root / f"up-{number}"


def _root(environ: Mapping[str, str] | None) -> Path:
    named = (os.environ if environ is None else environ).get("XDG_STATE_HOME", "")
    if Path(named).is_absolute():  # the standard says that any other is to be ignored
        return Path(named, "modelfleet")
    try:
        return Path.home() / ".local/state/modelfleet"
    except RuntimeError as error:
        raise Unusable("there is no home folder to keep the state in: use --state a folder") from error


def _claim(path: Path) -> StateDir | None:
    """The directory, or None where another run has it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "up.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError as error:
        os.close(lock)
        raise Unusable(f"{path} cannot be locked: {error.strerror}; use --state a folder on a local disk") from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return StateDir(path, lock)
    except OSError as error:
        os.close(lock)
        raise _cannot(path, error) from error


def _cannot(path: Path, error: OSError) -> Unusable:
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "is not a folder, or is below something that is none"
    elif isinstance(error, PermissionError):
        reason = "may not be written; check its permissions"
    else:
        reason = f"cannot be written: {error.strerror or error}"
    return Unusable(f"{path} {reason}, or use --state another folder")


def _holder(path: Path) -> str:
    try:
        return f"process {int(Folder(path).lock.read_text())}"
    except (OSError, ValueError):
        return "another process"


def _make_runtime(owner: Path) -> Path:
    places = [place for place in _places() if len(os.fsencode(place)) + _ROOM_FOR_NAMES <= LONGEST_SOCKET]
    runtime = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=places[0]))
    (runtime / _OWNER).write_bytes(os.fsencode(owner.resolve()))
    return runtime


def _remove_leftovers(owner: Path) -> None:
    """Removes what dead runs of the same directory left. We have its lock, so whoever made them is dead."""
    name = os.fsencode(owner.resolve())
    for place in _places():
        for path in Path(place).glob(f"{_PREFIX}*"):
            with suppress(OSError):
                status = path.lstat()
                is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
                if is_ours and (path / _OWNER).read_bytes() == name:
                    shutil.rmtree(path)


def _places() -> list[str]:
    """Where runtime folders may be: a socket's path is bounded, and TMPDIR is sometimes long."""
    return list(dict.fromkeys([tempfile.gettempdir(), _SHORT]))
