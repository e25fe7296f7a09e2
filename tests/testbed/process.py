"""One program of the control plane: started, stopped, killed, frozen; never left behind."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
PATIENCE = 10.0


def die_with_the_parent() -> None:
    # A run that is killed cannot clean up, so the kernel does it. Elsewhere the next start does.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child with a name, a command line and a log. Each start appends to the log."""

    def __init__(self, command: Sequence[str], log: Path, *, detached: bool = False) -> None:
        self.command = list(command)
        self.log = log
        self.detached = detached
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return Path(self.command[0]).name

    @property
    def pid(self) -> int:
        assert self._child, f"{self.name} was not started"
        return self._child.pid

    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        assert not self.is_running(), f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                start_new_session=True,
                preexec_fn=None if self.detached else die_with_the_parent,  # noqa: PLW1509 - it calls one system call
            )

    def stop(self) -> None:
        """Asks it to end, and insists after a while."""
        if self._child is None or not self.is_running():
            return
        self.thaw()
        self._child.terminate()
        try:
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it without asking."""
        if self._child and self.is_running():
            self._child.kill()
            self._child.wait(PATIENCE)

    def freeze(self) -> None:
        """Stops it where it stands; it answers nobody until it is thawed."""
        assert self._child, f"{self.name} was not started"
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        assert self._child, f"{self.name} was not started"
        self._child.send_signal(signal.SIGCONT)

    def last_words(self) -> str:
        """The end of its log, for a message."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-15:])
