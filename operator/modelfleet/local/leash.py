"""Ends a command, and all that it started, once the process that wanted it is gone, however that one went.

A program of its own, `python -I -S leash.py FD GRACE -- COMMAND...`, and so without any import of ours: a process that
was killed can clean up nothing, so somebody else must. FD is the read end of a pipe whose write end only the parent
holds. Its end, SIGTERM, SIGINT or SIGHUP end the command gently, with GRACE seconds to obey; SIGQUIT ends it at once.
The exit status is the command's, 128 and the signal where a signal ended it, 126 or 127 where it could not be started.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

if sys.platform == "linux":
    import ctypes

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_BY_SIGNAL: Final = 128
_NOT_RUNNABLE: Final = 126
_NOT_FOUND: Final = 127

_GENTLE: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_HEARD: Final = _GENTLE | {signal.SIGQUIT, signal.SIGCHLD}
# Python ignores the last two for itself, and what is ignored stays so in the command.
_RESTORED: Final = (*_HEARD, signal.SIGPIPE, signal.SIGXFSZ)
_LOOK_AGAIN_S: Final = 0.05
_DIES_WITHIN_S: Final = 5.0
"""A killed process may sit in a driver for a while; nothing more can be done to it, so nobody waits longer."""


class Leash:
    """One command, and whether it is to end."""

    def __init__(self, parent: int, grace: float) -> None:
        os.set_inheritable(parent, False)
        self._parent = parent
        self._grace = grace
        # Not select, which knows no descriptors above 1023, and this one has the number that it has in the parent.
        self._watched = select.poll()
        for descriptor in (parent, _hear_signals()):
            self._watched.register(descriptor, select.POLLIN)
        self._group = 0
        self._status: int | None = None
        self._asked = False
        self._hurried = False

    def hold(self, command: list[str]) -> int:
        """Runs the command to its end, or to ours, and leaves nothing of it."""
        if sys.platform == "linux":
            # What the command leaves behind becomes our child, and not the child of init.
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._group = _start(command)
        while self._status is None and not self._asked:
            self._wait(None)
        if self._asked:
            self._end_gently()
        deadline = time.monotonic() + _DIES_WITHIN_S
        while self._is_anyone_left() and time.monotonic() < deadline:
            self._send(signal.SIGKILL)
            self._wait(_LOOK_AGAIN_S / 5)
        status = -signal.SIGKILL if self._status is None else self._status
        return status if status >= 0 else _BY_SIGNAL - status

    def _end_gently(self) -> None:
        deadline = time.monotonic() + self._grace
        if not self._hurried:
            self._send(signal.SIGTERM)
        while self._is_anyone_left() and not self._hurried and time.monotonic() < deadline:
            self._wait(_LOOK_AGAIN_S)

    def _wait(self, seconds: float | None) -> None:
        """Until something happens, or for so long."""
        for descriptor, _ in self._watched.poll(None if seconds is None else 1000 * seconds):
            if descriptor == self._parent:
                # Nobody ever writes to it: that it can be read is its end.
                self._asked = True
                self._watched.unregister(descriptor)
            else:
                heard = os.read(descriptor, 4096)
                self._hurried |= signal.SIGQUIT in heard
                self._asked |= self._hurried or not _GENTLE.isdisjoint(heard)
        self._is_anyone_left()

    def _is_anyone_left(self) -> bool:
        """Buries who has died. That the kernel knows no child of ours is proof where orphans come to us."""
        try:
            while (buried := os.waitpid(-1, os.WNOHANG))[0]:
                if buried[0] == self._group:
                    self._status = os.waitstatus_to_exitcode(buried[1])
        except ChildProcessError:
            return sys.platform != "linux" and _is_there(self._group)
        return True

    def _send(self, number: signal.Signals) -> None:
        with suppress(OSError):
            os.killpg(self._group, number)
        for pid in _descendants(os.getpid()):
            with suppress(OSError):
                if os.getpgid(pid) != self._group:
                    os.kill(pid, number)


def _hear_signals() -> int:
    """A pipe that carries the numbers of the signals that we get."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in _HEARD:
        signal.signal(number, lambda *_: None)
    return read


def _start(command: list[str]) -> int:
    """The command's process, which is also the number of its group."""
    leash = os.getpid()
    # A signal that comes before the command is itself waits, and is not lost on our own handlers.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    pid = os.fork()
    if not pid:
        try:
            _become(command, leash, mask)
        except OSError as error:
            os.write(2, f"cannot be started: {error.strerror}: {command[0]}\n".encode(errors="backslashreplace"))
            os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_RUNNABLE)
        finally:
            os._exit(_NOT_RUNNABLE)
    with suppress(OSError):
        os.setpgid(pid, pid)  # both sides say it, so that it is true for whoever comes first
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid


def _become(command: list[str], leash: int, mask: set[int]) -> None:
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != leash:
            return
    signal.set_wakeup_fd(-1)
    for number in _RESTORED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def _descendants(ancestor: int) -> Iterator[int]:
    """Whoever descends from it, where the system tells; they may have left the group, but never the family."""
    if sys.platform != "linux":
        return
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - a leash should start quickly, and pathlib does not
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123 - as above
                # The name of the program, in brackets, may hold anything; the state and the parent follow it.
                children.setdefault(int(stream.read().rpartition(b")")[2].split()[1]), []).append(int(name))
    waiting = [ancestor]
    while waiting:
        found = children.get(waiting.pop(), [])
        waiting += found
        yield from found


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _main() -> None:
    parent, grace, _, *command = sys.argv[1:]
    sys.exit(Leash(int(parent), float(grace)).hold(command))


if __name__ == "__main__":
    _main()
