"""Runs `modelfleet up` as a user does, and waits for what it says and does instead of for a time."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from tests.dataplane.support import client
from tests.dataplane.support.answers import Answer
from tests.scenario.family import Family

PATIENCE_S = 30.0
"""For whatever must happen at some time; a busy machine is slow, and only a broken one needs all of it."""
LOOK_S = 0.03

T = TypeVar("T")


def until(what: Callable[[], T], told: Callable[[], str] = str, within: float = PATIENCE_S) -> T:
    """The first answer that counts as true."""
    deadline = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {within:g} s; {told()}"
        time.sleep(LOOK_S)
    return found


class Lines:
    """What a process writes to one stream, line by line, as it comes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return "\n".join(self.lines[-40:])

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                self.lines.append(line.decode(errors="replace").rstrip("\r\n"))

    def matching(self, pattern: str, since: int = 0) -> list[str]:
        return [line for line in self.lines[since:] if re.search(pattern, line)]

    def wait(self, pattern: str, since: int = 0) -> str:
        """The first line after so many that fits."""
        return until(lambda: self.matching(pattern, since), lambda: f"no line has {pattern!r} in:\n{self}")[0]

    def join(self) -> None:
        self._thread.join(PATIENCE_S)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "modelfleet", *map(str, words)]


def _as_from_a_terminal() -> None:
    # Who runs the tests in the background, or under nohup, has these ignored, and a child would inherit it.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Up:
    """A `modelfleet up` that runs. As a context it leaves nothing of it, whatever became of it."""

    def __init__(
        self,
        *paths: Path,
        state: Path | None = None,
        listen: str | None = "127.0.0.1:0",
        env: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
    ) -> None:
        self.family = Family()
        self._state = state
        words: list[object] = ["up", *paths]
        words += ["--state", state] if state else []
        words += ["--listen", listen] if listen else []
        self.process = subprocess.Popen(
            [*wrap, *command(*words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {}), **self.family.environment},
            start_new_session=True,
            preexec_fn=_as_from_a_terminal,  # noqa: PLW1509 - it sets signals, and takes no lock
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.family.look()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"SIGTERM did not end it:\n{self.err}") from None
        finally:
            self.family.end()
            self.out.join()
            self.err.join()
            # A run that was killed leaves its folder of sockets to the next one, and here there is none.
            for folder in runtime_folders(self._state) if self._state else ():
                shutil.rmtree(folder)

    @property
    def mark(self) -> int:
        """How many lines it has said so far, for a later `said`."""
        return len(self.err.lines)

    def ready(self) -> Self:
        """Waits until it says that it is."""
        until(lambda: self.out.lines or self.process.poll() is not None, lambda: f"never ready:\n{self.err}")
        assert self.out.lines, f"exited with {self.process.poll()}:\n{self.err}"
        return self

    @property
    def address(self) -> client.Address:
        found = re.fullmatch(r"ready: http://([0-9.]+):([0-9]+)/v1", self.out.lines[0])
        assert found, self.out.lines[0]
        return found[1], int(found[2])

    def ask(self, model: str = "auto", **headers: str) -> Answer:
        """A chat completion; `_` in a header's name stands for a dash. What cannot connect has the status 0."""
        sent = [("content-type", "application/json"), *((name.replace("_", "-"), it) for name, it in headers.items())]
        try:
            return client.request(self.address, headers=sent, body=client.chat(model))
        except OSError as error:
            return Answer(0, str(error), [], [], False, str(error), None, 0.0, [], [])

    def until_served(self, check: Callable[[Answer], object], model: str = "auto", **headers: str) -> Answer:
        """Asks until the answer is as it should be."""
        last: list[Answer] = []

        def fits() -> Answer | None:
            last[:] = [self.ask(model, **headers)]
            return last[0] if check(last[0]) else None

        found = until(fits, lambda: f"last {last[0].status} {last[0].headers} {last[0].body!r}\n{self.err}")
        assert found
        return found

    def said(self, pattern: str, since: int = 0) -> str:
        return self.err.wait(pattern, since)

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        self.family.look()
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def ended(self) -> int:
        """Waits for its end, and gives the exit status."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.err}") from None

    def gone(self) -> None:
        """Every process of the run has ended, or does so soon."""
        until(lambda: not self.family.look(), lambda: f"survived: {self.family.look()}\n{self.err}")


def ok(answer: Answer) -> bool:
    return answer.status == 200 and answer.complete


def by(answer: Answer) -> str:
    """The ModelDeployment that answered."""
    return answer.header("x-modelfleet-model") or ""


def rule(answer: Answer) -> str:
    return answer.header("x-modelfleet-rule") or ""


def runtime_folders(below: Path) -> list[str]:
    """What is left of the short folders for sockets, of runs whose state was below that path."""
    places = {Path(tempfile.gettempdir()), Path("/tmp")}
    owners = [owner for place in places for owner in place.glob("modelfleet-*/owner")]
    return sorted(str(owner.parent) for owner in owners if Path(owner.read_text()).is_relative_to(below))


def refused(*words: object) -> str:
    """Runs what cannot start, and gives the reason that it tells."""
    family = Family()
    done = subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **family.environment},
        check=False,
    )
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not family.look()
    return done.stderr
