"""Runs a role in a child and starts it anew when it dies, so that the container it runs in does not end.

A pod counts as ready only while each of its containers runs, whatever their probes say. An Envoy whose relay is away
serves on, and should not lose its callers for it.
"""

import ctypes
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

BEAT_S = 5.0
"""How often a child says that it gets to its work."""

_FIRST_S, _LONGEST_S = 0.5, 30.0
_WELL_S = 60.0
"""Who has run for so long is started at once again."""
_PR_SET_PDEATHSIG = 1
_GENTLE = frozenset({signal.SIGTERM, signal.SIGINT})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Life:
    """What a child is told of itself, and how it shows that it lives."""

    heart: int
    """The write end of a pipe."""
    died: int
    """How many have died before it."""

    def beat(self) -> None:
        """Says that it gets to its work. Nobody who hears it is nobody to wait for."""
        with suppress(OSError):
            os.write(self.heart, b".")


Work = Callable[[Life], int]
"""The exit status. It begins without threads, and nothing of it outlives its process."""


def run_again(work: Work, silent_s: float = 60.0) -> int:
    """Runs it until it is asked to end; the exit status. One that says nothing for so long is ended and counts as dead.

    What could not be started to begin with is not tried again: who installs it is to see that.
    """
    parent, delay = _Parent(), _FIRST_S
    while True:
        began = time.monotonic()
        status, lived = parent.hold(work, silent_s)
        if parent.asked or (status >= 0 and not (lived or parent.died)):
            return status if status >= 0 else 128 - status
        parent.died += 1
        if time.monotonic() - began > _WELL_S:
            delay = _FIRST_S
        how = f"with {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        log.error("it ended %s, and is started anew in %s s", how, delay)
        if parent.rest(delay):
            return 0
        delay = min(2 * delay, _LONGEST_S)


class _Parent:
    """What runs one child after the other, and hears signals."""

    def __init__(self) -> None:
        self.died = 0
        self.asked = False
        self._heard, write = os.pipe()
        for end in (self._heard, write):
            os.set_blocking(end, False)
        self._restored = [(number, signal.signal(number, lambda *_: None)) for number in _GENTLE]
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def hold(self, work: Work, silent_s: float) -> tuple[int, bool]:
        """Runs one: its status, which is negative where a signal ended it, and whether it had got to its work."""
        read, write = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _GENTLE)
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            os.close(read)
            self._become(work, Life(write, self.died), parent, mask)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(write)
        try:
            lived = self._listen(pid, read, silent_s)
        finally:
            os.close(read)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), lived

    def rest(self, seconds: float) -> bool:
        """Waits for so long; whether it was asked to end meanwhile."""
        if select.select([self._heard], [], [], seconds)[0]:
            self._hear()
        return self.asked

    def _listen(self, pid: int, read: int, silent_s: float) -> bool:
        """Until it has ended, since then nobody holds the other end of its pipe."""
        lived, deadline = False, time.monotonic() + silent_s
        while True:
            ready = select.select([read, self._heard], [], [], max(0.0, deadline - time.monotonic()))[0]
            if self._heard in ready and self._hear():
                os.kill(pid, signal.SIGTERM)
            if read in ready:
                if not os.read(read, 4096):
                    return lived
                lived, deadline = True, time.monotonic() + silent_s
            if time.monotonic() > deadline:
                log.error("it has not got to its work for %s s, and is ended", silent_s)
                os.kill(pid, signal.SIGKILL)
                deadline += silent_s

    def _hear(self) -> bool:
        self.asked |= not _GENTLE.isdisjoint(os.read(self._heard, 4096))
        return self.asked

    def _become(self, work: Work, life: Life, parent: int, mask: set[int | signal.Signals]) -> NoReturn:
        status = 1
        try:
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number, handler in self._restored:
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            status = work(life) if os.getppid() == parent else 0
        except Exception:
            log.exception("it came to its end by a mistake of ours")
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(status)
