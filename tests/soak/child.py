"""One pytest as a child of the soak: its events as they come, its output in a log, and an end on every way out."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.soak.events import FILE
from tests.soak.tally import Event

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
"""How long a child may take to end what its tests started."""
PYTEST = (sys.executable, "-m", "pytest", "-v", "-p", "tests.soak.events", "--continue-on-collection-errors")
PR_SET_PDEATHSIG = 1


def _as_in_a_terminal() -> None:
    """Hear of ctrl-C although we may be in the background, where a shell has it ignored, and although we are killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Child:
    """A run of pytest that tells of its tests while it runs."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._command = [*PYTEST, *arguments]
        self._log = log
        self._events = log.with_suffix(".events.jsonl")
        self._read = 0

    def __enter__(self) -> Self:
        self._events.write_bytes(b"")
        environment = {**os.environ, "MODELFLEET_SOAK": "1", FILE: str(self._events)}
        with self._log.open("wb") as log:
            # In a session of its own, so that ctrl-C in a terminal reaches it once, and through us.
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_as_in_a_terminal,  # noqa: PLW1509 - two system calls, in a process of one thread
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if kind and self._process.poll() is None:
                # To all of them, as a terminal would: pytest and its workers then end what their tests started.
                os.killpg(self._process.pid, signal.SIGINT)
                self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    @property
    def status(self) -> int | None:
        """As pytest exits; None while it runs."""
        return self._process.poll()

    def news(self) -> list[Event]:
        """The events since the last call."""
        with self._events.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        # The last line may be half written.
        whole = [line for line in lines if line.endswith(b"\n")]
        self._read += sum(map(len, whole))
        return [json.loads(line) for line in whole]
