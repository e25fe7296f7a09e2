"""A role that dies is started anew by the process that it was started as."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

PATIENCE_S = 20.0
MAIN = """
import logging, os, signal, sys, time
from modelfleet.app.revival import run_again
logging.basicConfig(level=logging.INFO, format="%(message)s")
def work(life):
    print("life", life.died, os.getpid(), flush=True)
    {work}
    return 0
sys.exit(run_again(work, silent_s={silent}))
"""
SERVING = """
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    print("hears", flush=True)
    while not ended:
        life.beat()
        time.sleep(0.05)
    print("ended", flush=True)
"""


class Role:
    """A process that runs some work, and what it has printed."""

    def __init__(self, folder: Path, work: str, silent: float = 30.0) -> None:
        self._log = folder / "log"
        program = MAIN.format(work=work.strip(), silent=silent)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log)

    def text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def lives(self) -> list[int]:
        """The process of each child there has been."""
        return [int(line.split()[2]) for line in self.text().splitlines() if line.startswith("life")]

    def wait_for_lives(self, number: int) -> list[int]:
        self.wait_for("life", number)
        return self.lives()

    def wait_for(self, word: str, times: int = 1) -> None:
        """Until it has printed the word as often as this, each time on a line of its own."""
        until = time.monotonic() + PATIENCE_S
        while sum(line.startswith(word) for line in self.text().splitlines()) < times:
            assert time.monotonic() < until, self.text()
            time.sleep(0.02)

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


Start = Callable[..., Role]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a role with this work; nothing of it is left."""
    roles: list[Role] = []

    def started(work: str, silent: float = 30.0) -> Role:
        roles.append(Role(tmp_path, work, silent))
        return roles[-1]

    yield started
    for role in roles:
        role.process.kill()
        role.process.wait()


@pytest.fixture
def serving(start: Start) -> Role:
    return start(SERVING)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_one_that_is_killed_is_started_anew_and_told_how_many_died(serving: Role, number: signal.Signals) -> None:
    os.kill(serving.wait_for_lives(1)[0], number)
    first, second = serving.wait_for_lives(2)
    assert first != second
    assert "life 1 " in serving.text()
    assert f"it ended by {number.name}, and is started anew in 0.5 s" in serving.text()
    assert serving.process.poll() is None


def test_who_is_asked_to_end_ends_in_good_order(serving: Role) -> None:
    serving.wait_for("hears")
    assert serving.end() == 0
    assert serving.text().endswith("ended\n")


def test_who_is_asked_while_nothing_runs_ends_at_once(start: Start) -> None:
    role = start("life.beat(); os._exit(3)")
    role.wait_for_lives(2)
    assert role.end() in {0, 3, 128 + signal.SIGTERM}
    assert "it ended with 3" in role.text()


def test_nothing_is_left_of_one_whose_parent_was_killed(serving: Role) -> None:
    child = serving.wait_for_lives(1)[0]
    serving.process.kill()
    serving.process.wait()
    until = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_cannot_be_started_to_begin_with_says_so_and_ends(start: Start) -> None:
    role = start("return 2")
    assert role.process.wait(PATIENCE_S) == 2
    assert len(role.lives()) == 1


def test_what_cannot_be_started_any_more_is_tried_again(start: Start) -> None:
    role = start("if life.died: return 2\n    life.beat(); os.kill(os.getpid(), 9)")
    role.wait_for_lives(3)
    assert "it ended with 2, and is started anew in 1.0 s" in role.text()
    role.end()


def test_one_that_does_not_get_to_its_work_is_ended_and_started_anew(start: Start) -> None:
    role = start("life.beat(); time.sleep(0 if life.died > 1 else 60)", silent=0.5)
    role.wait_for_lives(2)
    assert "it has not got to its work for 0.5 s, and is ended" in role.text()
    assert "it ended by SIGKILL" in role.text()
    role.end()


def test_a_mistake_is_told_of(start: Start) -> None:
    role = start("life.beat(); raise ValueError('x')")
    role.wait_for_lives(2)
    role.end()
    assert "ValueError: x" in role.text()


# The relay.


def relay(folder: Path, metrics: str) -> list[str]:
    options = ["--upstream=127.0.0.1:1", f"--cache={folder}/cache", f"--listen={folder}/xds", f"--metrics={metrics}"]
    return [sys.executable, "-m", "modelfleet", "xds", *options, "--restart"]


def asked(address: str) -> str:
    """Its metrics; nothing where it does not answer."""
    try:
        with urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def test_an_option_that_is_wrong_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [*relay(tmp_path, "127.0.0.1:0"), "--gateway=edge,tls-min=1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Invalid value for '--gateway': tls-min=1 must be one of" in done.stderr) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="by /proc it is seen who runs")
def test_a_relay_that_crashes_is_started_anew_and_counts_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(relay(tmp_path, address), stdout=log, stderr=log)
    try:
        for deaths in (0.0, 1.0):
            until = time.monotonic() + PATIENCE_S
            while f"modelfleet_relay_crashes_total {deaths}" not in asked(address):
                assert time.monotonic() < until, (tmp_path / "log").read_text()
                time.sleep(0.05)
            (child,) = children(process.pid)
            os.kill(child, signal.SIGSEGV)
        process.terminate()
        assert process.wait(PATIENCE_S) in {0, 128 + signal.SIGTERM, 128 + signal.SIGSEGV}
    finally:
        process.kill()
        process.wait()


def test_a_relay_that_cannot_be_started_says_why_and_ends(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        metrics = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(relay(tmp_path, metrics), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"modelfleet xds: --metrics {metrics}: cannot listen there")
    assert "anew" not in done.stderr
