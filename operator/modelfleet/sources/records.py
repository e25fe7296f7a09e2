"""Decision records as gateways write them, one JSON object a line: read from files, or followed as they come."""

import asyncio
import os
import re
import stat
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from modelfleet.sources.decision import NOT_JSON, Record, read_line
from modelfleet.sources.files import STDIN

__all__ = ["Absent", "BadLine", "Follower", "Record", "read_records", "tail_records"]

MAX_LINE_BYTES: Final = 1024 * 1024
POLL_SECONDS: Final = 0.2

_PIECE: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b"
_NAMES: Final = re.compile(r".*\.jsonl([.-][0-9]+)*(\.gz)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no record, or where a compressed file breaks off."""

    file: str
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A path that is not there or may not be read, and why."""

    path: str
    problem: str


def read_records(paths: Sequence[str], stdin: BinaryIO | None) -> Iterator[Record | BadLine | Absent]:
    """The records of the named files, of the named folders and of the standard input (`-`), as they come.

    A folder is searched for *.jsonl and what rotation makes of it, compressed or not, the oldest first. Whether a file
    is compressed shows in it and not in its name. No file is read twice, and none is ever held as a whole. A last line
    that is still being written is passed over. `stdin` is None where the process has none.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path == STDIN:
            yield from _read_stdin(stdin)
            continue
        for name, fault in _files(path):
            yield from [Absent(_shown(name), _why(fault))] if fault else _read_file(name, seen)


def _files(path: str) -> Iterator[tuple[str, OSError | ValueError | None]]:
    """The path, or the files of records below it from the oldest to the newest, and why not where there are none."""
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 - pathlib takes an empty name for a folder
            yield path, None
            return
    except (OSError, ValueError) as error:
        yield path, error
        return
    faults: list[OSError] = []
    found: list[tuple[int, str]] = []
    for folder, below, names in os.walk(path, onerror=faults.append):
        below[:] = [name for name in below if not name.startswith(".")]
        found += filter(None, (_aged(Path(folder, name)) for name in names))
    yield from ((str(fault.filename), fault) for fault in faults)
    yield from ((name, None) for _, name in sorted(found))


def _aged(path: Path) -> tuple[int, str] | None:
    if path.name.startswith(".") or not _NAMES.fullmatch(path.name):
        return None
    try:
        status = path.stat()
    except OSError:
        return 0, str(path)  # it is told when it is opened
    return (status.st_mtime_ns, str(path)) if stat.S_ISREG(status.st_mode) else None


def _read_file(path: str, seen: set[tuple[int, int]]) -> Iterator[Record | BadLine | Absent]:
    try:
        stream = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115 - closed below; pathlib refuses some names late
    except (OSError, ValueError) as error:
        yield Absent(_shown(path), _why(error))
        return
    with stream:
        status = os.fstat(stream.fileno())
        identity = (status.st_dev, status.st_ino)
        if identity not in seen:
            seen.add(identity)
            yield from _read(lambda: stream.read(_PIECE), _shown(path))


def _read_stdin(stdin: BinaryIO | None) -> Iterator[Record | BadLine | Absent]:
    if stdin is None:
        yield Absent("stdin", "is closed")
        return
    # What is there now, without waiting for more: records may come through a pipe one at a time.
    read: Callable[[int], bytes] = getattr(stdin, "read1", stdin.read)
    yield from _read(lambda: read(_PIECE), "stdin")


def _read(read: Callable[[], bytes | None], name: str) -> Iterator[Record | BadLine | Absent]:
    lines = _Lines(name)
    try:
        for piece in _plain(iter(read, b"")):
            yield from lines.feed(piece)
    except _Damaged as damage:
        yield lines.bad(str(damage))
    except (OSError, ValueError) as error:
        yield Absent(name, _why(error))
    else:
        yield from lines.end()


class _Lines:
    """Text that comes in pieces, cut into records. Of a line without end no more is kept than a line may have."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 1
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[Record | BadLine]:
        """What the piece completes."""
        *lines, rest = piece.split(b"\n")
        for line in lines:
            whole, self._rest = self._rest + line, b""
            yield from self._judge(whole)
            self._number += 1
        self._rest = (self._rest + rest)[: MAX_LINE_BYTES + 1]

    def end(self) -> Iterator[Record | BadLine]:
        """What the last line is where no newline ends it: nothing yet, if it can still become a record."""
        for found in self._judge(self._rest):
            may_grow = self._rest.lstrip().startswith(b"{")
            if isinstance(found, Record) or not (may_grow and found.problem == NOT_JSON):
                yield found

    def bad(self, problem: str) -> BadLine:
        """A problem where we are."""
        return BadLine(self._name, self._number, problem)

    def _judge(self, line: bytes) -> Iterator[Record | BadLine]:
        if len(line) > MAX_LINE_BYTES:
            yield self.bad("is longer than 1 MiB")
        elif line.strip():
            found = read_line(line.decode(errors="replace"))
            yield self.bad(found) if isinstance(found, str) else found


class _Damaged(Exception):
    """Compressed data that ends too early or is none from somewhere on."""


def _plain(pieces: Iterator[bytes | None]) -> Iterator[bytes]:
    """The same pieces, or what they are when they are not compressed."""
    head = b""
    some = (piece or b"" for piece in pieces)
    for piece in some:
        head += piece
        if len(head) >= len(_GZIP):
            break
    whole = chain([head], some)
    return _inflate(whole) if head.startswith(_GZIP) else whole


def _inflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Inflates member after member, and never more than a piece at once, however much it would become."""
    member = _member()
    for piece in pieces:
        left = piece
        while left:
            if member.eof:
                left = left.lstrip(b"\0")  # what pads a file to the size of a block
                if not left:
                    break
                member = _member()
            try:
                yield member.decompress(left, _PIECE)
            except zlib.error as error:
                raise _Damaged("the compressed file is damaged from here on") from error
            left = member.unconsumed_tail or member.unused_data
    if not member.eof:
        raise _Damaged("the compressed file breaks off here")


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip, and nothing else


class Follower:
    """The records that are written to a file from now on, also after it was cut short or another took its name."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._stream: BinaryIO | None = None
        self._lines = _Lines(_shown(str(path)))
        stream = self._open()
        if stream:
            _to_last_line(stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def poll(self) -> list[Record | BadLine] | None:
        """What has come, or None where nothing was written. Waits for nothing, and reads one piece at most."""
        stream = self._stream or self._open()
        if not stream:
            return None
        if os.fstat(stream.fileno()).st_size < stream.tell():
            stream.seek(0)
            self._lines = _Lines(_shown(str(self._path)))
        piece = stream.read(_PIECE)
        if piece:
            return list(self._lines.feed(piece))
        return self._move_on(stream)

    def close(self) -> None:
        """Lets go of the file. More than one call does no harm."""
        if self._stream:
            self._stream.close()
            self._stream = None

    def _open(self) -> BinaryIO | None:
        try:
            self._stream = self._path.open("rb", buffering=0)
        except OSError:
            return None
        return self._stream

    def _move_on(self, stream: BinaryIO) -> list[Record | BadLine] | None:
        """To the file that has the name now, once there is nothing left to read of the one that had it."""
        try:
            if os.path.samestat(self._path.stat(), os.fstat(stream.fileno())):
                return None
        except OSError:
            return None  # the name is free for a moment
        last = list(self._lines.end())
        self.close()
        self._lines = _Lines(_shown(str(self._path)))
        self._open()
        return last


def _to_last_line(stream: BinaryIO) -> None:
    """To its beginning, so that one that is half written is read whole."""
    size = os.fstat(stream.fileno()).st_size
    start = max(0, size - MAX_LINE_BYTES)
    stream.seek(start)
    stream.seek(start + stream.read(size - start).rfind(b"\n") + 1)


async def tail_records(path: str | Path, every: float = POLL_SECONDS) -> AsyncIterator[Record | BadLine]:
    """The records that are written to the file from now on. It may come later; looks for more every 0.2 s."""
    with Follower(path) as follower:
        while True:
            found = follower.poll()
            for one in found or ():
                yield one
            await asyncio.sleep(every if found is None else 0)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "may not be read; check its permissions"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return f"cannot be read: {error}"


def _shown(path: str) -> str:
    """The path as text that can be printed, whatever bytes are in it."""
    return os.fsencode(path).decode(errors="replace")
