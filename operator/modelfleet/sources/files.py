"""The files that a command line names, one at a time and never more of one than a manifest may be."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
"""No more of one file is read."""
STDIN: Final = "-"
"""The path that stands for the standard input."""

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_PIECE: Final = 1024 * 1024
_TOO_LARGE: Final = "larger than 32 MiB; split it"

_FileId = tuple[int, int]
_Fault = OSError | ValueError


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its data, or a sentence that says why there is none; `missing` if it is not there or is forbidden."""

    name: str
    data: bytes | None
    problem: str | None = None
    missing: bool = False


def read_paths(paths: Sequence[str], stdin: BinaryIO | None) -> Iterator[Source]:
    """The named files and the manifests of the named folders in the order of their names, the standard input last.

    Each file is read when its turn comes, and no file comes twice: of two links to one the name that sorts first
    counts, in whichever order they are given. In a folder, what is hidden, a linked folder, and anything that is not a
    file (a pipe would wait for ever) is passed over. `stdin` is None where the process has none.
    """
    found: dict[str, _Fault | None] = {}
    for path in paths:
        if path != STDIN:
            found.update(_walk(path))
    seen: set[_FileId] = set()
    for name in sorted(found):
        fault = found[name]
        if fault is not None:
            yield _missing(name, fault)
        else:
            yield from _read_path(name, seen)
    if STDIN in paths:
        yield _read_stdin(stdin)


def _walk(path: str) -> Iterator[tuple[str, _Fault | None]]:
    """The names of the files at and below the path, and why not where something cannot be looked at."""
    waiting = [path]
    while waiting:
        here = waiting.pop()
        try:
            status = os.stat(here)  # noqa: PTH116 - pathlib takes an empty name for the current folder
            if stat.S_ISDIR(status.st_mode):
                waiting.extend(_manifests_and_folders(here))
                continue
        except (OSError, ValueError) as error:
            yield here, error
            continue
        yield here, None


def _manifests_and_folders(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.path for entry in entries if not entry.name.startswith(".") and _is_wanted(entry)]


def _is_wanted(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) or (entry.name.endswith(_SUFFIXES) and entry.is_file())
    except OSError:
        return True  # a loop of links, for one: it is then missing by itself, and hides no other


def _read_path(path: str, seen: set[_FileId]) -> Iterator[Source]:
    try:
        status = os.stat(path)  # noqa: PTH116 - as above
    except OSError as error:
        yield _missing(path, error)
        return
    identity = (status.st_dev, status.st_ino)
    if identity not in seen:
        seen.add(identity)
        yield _read_file(path, status)


def _read_file(path: str, status: os.stat_result) -> Source:
    if stat.S_ISREG(status.st_mode) and status.st_size > MAX_FILE_BYTES:
        return Source(_shown(path), None, _TOO_LARGE)
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - as above
            # One byte more than there should be, so that one piece is all and need not be joined to another.
            return _read(stream, _shown(path), status.st_size + 1 if status.st_size else _PIECE)
    except (OSError, ValueError) as error:
        return _missing(path, error)


def _read_stdin(stdin: BinaryIO | None) -> Source:
    if stdin is None:
        return Source("stdin", None, "is closed", missing=True)
    try:
        return _read(stdin, "stdin", _PIECE)
    except (OSError, ValueError) as error:
        return _missing("stdin", error)


def _read(stream: BinaryIO, name: str, piece_size: int) -> Source:
    pieces: list[bytes] = []
    left = MAX_FILE_BYTES + 1
    while left and (piece := stream.read(min(piece_size, left))):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        return Source(name, None, _TOO_LARGE)
    return Source(name, b"".join(pieces))


def _missing(path: str, error: _Fault) -> Source:
    if isinstance(error, FileNotFoundError):
        reason = "does not exist"
    elif isinstance(error, PermissionError):
        reason = "may not be read; check its permissions"
    elif isinstance(error, OSError):
        reason = f"cannot be read: {error.strerror or error}"
    else:
        reason = f"cannot be read: {error}"
    return Source(_shown(path), None, reason, missing=True)


def _shown(path: str) -> str:
    """The path as text that can be printed, whatever bytes are in it."""
    return os.fsencode(path).decode(errors="replace")
