"""One run of one command on a leash: its lines, its end, and what is left to do when the leash itself was killed."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

LONGEST_LINE: Final = 8192
"""In bytes. Longer ones are cut, so that a child that never ends a line costs no memory."""
CUT: Final = " [cut]"

_LEASH: Final = str(Path(__file__).with_name("leash.py"))
_MARK: Final = "MODELFLEET_LEASH"
_BY_SIGNAL: Final = 128
_DIES_WITHIN_S: Final = 7.0
"""A little more than the leash itself waits for what it has killed."""
_DRAINS_WITHIN_S: Final = 1.0
"""Whoever has escaped may hold the output open for ever."""
_SWEEPS: Final = 50


class Lines:
    """Cuts a stream of bytes into lines of text, and holds no more than one of them."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._held = b""
        self._is_cut = False

    def feed(self, data: bytes) -> None:
        """Takes what has come, and hands on each line that it ends."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._hold(piece)
            self._emit()
        self._hold(rest)

    def end(self) -> None:
        """Hands on the last line where nothing ended it."""
        if self._held:
            self._emit()

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        line = self._held + piece
        if len(line) > LONGEST_LINE:
            line = _visible(line)
            self._is_cut = len(line) > LONGEST_LINE
        self._held = line[:LONGEST_LINE]

    def _emit(self) -> None:
        text = _visible(self._held).rstrip(b"\r").decode(errors="replace") + (CUT if self._is_cut else "")
        self._held, self._is_cut = b"", False
        self._on_text(text)


def _visible(line: bytes) -> bytes:
    """A bar of progress writes over itself: what a terminal would show is what came last."""
    return line[line.rstrip(b"\r").rfind(b"\r") + 1 :]


class Process(asyncio.SubprocessProtocol):
    """A running command; made by `start`. Letting go of it, in whatever way, ends the command."""

    def __init__(self, parent: int, on_text: Callable[[str], None]) -> None:
        self.pid = 0
        self._parent = parent
        self._mark = f"{_MARK}={uuid.uuid4()}"
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self._drained = asyncio.Event()
        self._lines = {1: Lines(on_text), 2: Lines(on_text)}
        self._open = set(self._lines)

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The given one, with a mark by which strays are known."""
        name, _, value = self._mark.partition("=")
        return {**env, name: value}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # That of uvloop is one by what it does, and not by its class.
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Called by asyncio."""
        self._lines[fd].feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - called by asyncio
        """Called by asyncio."""
        self._lines[fd].end()
        self._open.discard(fd)
        if not self._open:
            self._drained.set()

    def process_exited(self) -> None:
        """Called by asyncio."""
        self._exited.set()

    @property
    def code(self) -> int | None:
        """What the leash exited with; None while it runs."""
        return self._transport.get_returncode() if self._transport is not None and self._exited.is_set() else None

    @property
    def reason(self) -> str:
        """Why it is no more, in words."""
        code = self.code
        assert code is not None
        number = -code if code < 0 else code - _BY_SIGNAL
        if number in set(signal.Signals):
            return f"was ended by signal {number}"
        return f"exited with status {code}"

    async def wait(self) -> None:
        """Until it has exited and its last line was handed on."""
        await self._exited.wait()
        self._sweep()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), _DRAINS_WITHIN_S)

    async def end(self, within: float, hurry: asyncio.Event) -> None:
        """Ends it gently, and by force after so many seconds or as soon as there is a hurry."""
        self._signal(signal.SIGTERM)
        waits = [asyncio.ensure_future(self._exited.wait()), asyncio.ensure_future(hurry.wait())]
        try:
            await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self._exited.is_set():
            self._signal(signal.SIGQUIT)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), _DIES_WITHIN_S)
        self._signal(signal.SIGKILL)
        await self.wait()

    def release(self) -> None:
        """Lets go of the leash: what still runs is ended by it."""
        if self._parent >= 0:
            os.close(self._parent)
            self._parent = -1
        # Before the exit, closing would kill the leash, which has its work still to do.
        if self._transport is not None and self._exited.is_set():
            self._transport.close()

    def _signal(self, number: signal.Signals) -> None:
        # Not by way of the transport: that may take the exit status from whoever waits for it.
        if not self._exited.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _sweep(self) -> None:
        """Kills what is left where the leash was killed: whoever is of its session, or has our mark."""
        if self.code is None or self.code >= 0:
            return
        for _ in range(_SWEEPS):
            strays = list(_strays(self.pid, self._mark.encode()))
            if not strays:
                return
            for pid in strays:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _strays(session: int, mark: bytes) -> Iterator[int]:
    with suppress(FileNotFoundError), os.scandir("/proc") as entries:
        for entry in entries:
            # Who has just gone, and who is not ours to read, raises.
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                is_dead = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[0] in {b"Z", b"X"}
                if not is_dead and (os.getsid(pid) == session or mark in _environment(pid)):
                    yield pid


def _environment(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


async def start(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path | None,
    grace: float,
    on_text: Callable[[str], None],
) -> Process:
    """Starts a leash with the command on it. Raises OSError where not even the leash can be started."""
    read, write = os.pipe()
    process = Process(write, on_text)
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: process,
            *(sys.executable, "-I", "-S", _LEASH, str(read), str(grace), "--", *command),
            stdin=asyncio.subprocess.DEVNULL,
            env=process.environment(env),
            cwd=cwd,
            pass_fds=(read,),
            # Ctrl-C is then for us alone, and we say who ends first.
            start_new_session=True,
        )
    except BaseException:
        process.release()
        raise
    finally:
        os.close(read)
    return process
