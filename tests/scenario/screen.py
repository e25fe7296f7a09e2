"""A terminal as far as needed: what is drawn over is gone, and a user never saw it for long."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence

from tests.scenario.support import PATIENCE_S

_TOKEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+")
# The terminal is then that of the process, and Ctrl-C a signal, as after a login.
_LEADER = "import os, sys, fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Screen:
    """A command on a terminal of its own. `stdout`, where given, is a file that its output goes to instead."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], stdout: int | None = None) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 160, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LEADER, *words],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            env={**os.environ, **env, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)
        self._data = b""

    def read(self) -> bool:
        """Takes in what has come; false where nothing more ever will."""
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # nobody has the other side any more
            return False
        self._data += data
        return bool(data)

    def wait(self, pattern: str) -> str:
        """What is seen once that has this line."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text, re.MULTILINE):
            assert time.monotonic() < deadline, f"no {pattern!r} on:\n{self.text}"
            assert self.read(), f"it ended with:\n{self.text}"
        return self.text

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def close(self) -> int:
        """Reads to the end, and gives the exit status."""
        deadline = time.monotonic() + PATIENCE_S
        while self.read() and time.monotonic() < deadline:
            pass
        os.close(self._terminal)
        return self.process.wait(PATIENCE_S)

    @property
    def text(self) -> str:
        lines, row, column = [""], 0, 0
        for token in _TOKEN.findall(self._data.decode(errors="replace")):
            if token == "\r":
                column = 0
            elif token == "\n":
                row += 1
                lines += [""] * (row == len(lines))
            elif token[0] != "\x1b":
                line = lines[row].ljust(column)
                lines[row] = line[:column] + token + line[column + len(token) :]
                column += len(token)
            elif token[-1] == "A":
                row = max(0, row - int(token[2:-1] or 1))
            elif token[-1] == "K":
                lines[row] = "" if token[2:-1] == "2" else lines[row][:column]
        return "\n".join(line.rstrip() for line in lines)
