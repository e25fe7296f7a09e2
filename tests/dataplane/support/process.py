"""A real Envoy as a child that ends with the test, also where the test is killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import modelfleet.local
from modelfleet.envoy.bootstrap import Bootstrap, render_bootstrap

LEASH = Path(modelfleet.local.__file__).parent / "leash.py"
FLUSH_MS = 20
PATIENCE = 30.0
ERRORS = re.compile(r"^.*\[(?:error|critical)\].*$|^.*\[lua\](?!.* function not found\.).*$", re.MULTILINE)
CRASHES = re.compile(r"Caught \w+, suspect|Backtrace \(use")


def wait_for(reached: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
    """Looks again and again, where nothing can wake us."""
    until = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < until, f"not within {timeout} s: {what}"
        time.sleep(0.01)


class _Admin(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("admin", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class Leashed:
    """A process that ends with the test, also where the test is killed. Its log goes on in one file over restarts."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._leash = -1

    def launch(self, *command: str) -> None:
        """Starts it. It is to end, or to be ended, before it is started again."""
        read, self._leash = os.pipe()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LEASH), str(read), "5", "--", *command],
                pass_fds=(read,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(read)

    @property
    def pid(self) -> int:
        """Of the leash, whose only child is the process."""
        assert self._process
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def end(self, *, kill: bool = False) -> int:
        """Ends it, in good order or at once; the exit status."""
        assert self._process
        # The leash kills its child at once on SIGQUIT.
        self._process.send_signal(signal.SIGQUIT if kill else signal.SIGTERM)
        status = self._process.wait(PATIENCE)
        os.close(self._leash)
        self._process = None
        return status

    def text(self) -> str:
        """Everything that it has logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


class EnvoyProcess(Leashed):
    """One Envoy from start to end."""

    def __init__(
        self, program: Path, bootstrap: Bootstrap, folder: Path, workers: int, flush_ms: int = FLUSH_MS
    ) -> None:
        super().__init__(folder / "envoy.log")
        self.bootstrap = bootstrap
        config = folder / "envoy.json"
        config.write_text(json.dumps(render_bootstrap(bootstrap)), encoding="utf-8")
        self._command = [str(program), "--config-path", str(config), "--concurrency", str(workers)]
        self._command += ["--disable-hot-restart", "--file-flush-interval-msec", str(flush_ms), "--log-level", "info"]

    def start(self) -> None:
        self.launch(*self._command)

    def wait_until_ready(self) -> None:
        """Until it serves; a test that fails here says why."""
        try:
            wait_for(lambda: self.ask("/ready")[0] == 200 or self.ended, "Envoy is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()[-4000:]}") from None
        assert not self.ended, self.text()[-4000:]

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """What its admin interface says; status 0 where it does not answer."""
        connection = _Admin(self.bootstrap.admin)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def errors(self) -> list[str]:
        """The lines of its log that speak of an error, and whatever a script said."""
        return ERRORS.findall(self.text())

    def crashes(self) -> list[str]:
        return CRASHES.findall(self.text())
