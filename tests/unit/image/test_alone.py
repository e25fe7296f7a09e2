"""What runs in namespaces of its own changes nothing of the machine, and ends however its end comes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.testbed.alone import HIDDEN, MACHINE, obstacle

ALONE = [sys.executable, "-m", "tests.testbed.alone"]
SETTING = Path("/proc/sys/vm/overcommit_memory")

pytestmark = pytest.mark.skipif(bool(reason := obstacle()), reason=reason or "it can be had")


def settings() -> dict[str, str]:
    """The machine's, as everybody sees them."""
    paths = [Path("/proc/sys") / name for name in MACHINE]
    return {str(path): path.read_text() for path in paths if path.exists()}


def alone(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*ALONE, "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_answers_as_the_command_does() -> None:
    done = alone("echo said; exit 3")
    assert (done.stdout, done.returncode) == ("said\n", 3)


def test_a_setting_of_the_machine_is_changed_within_only() -> None:
    before, other = settings(), "1" if SETTING.read_text().strip() == "0" else "0"
    done = alone(f"echo {other} > {SETTING} && cat {SETTING}")
    assert done.stdout.strip() == other
    assert settings() == before


def test_what_is_written_to_the_folders_of_a_node_is_gone_afterwards() -> None:
    places = [Path(folder, "of-a-test") for folder in HIDDEN]
    done = alone(f"touch {' '.join(map(str, places))} && ls {places[0]}")
    assert done.returncode == 0, done.stderr
    assert [place for place in places if place.exists()] == []


def test_what_it_left_running_ends_with_it() -> None:
    word = f"31{os.getpid()}"
    alone(f"sleep {word} & exit 0")
    assert not running(word)


def test_what_it_started_ends_when_it_is_killed(tmp_path: Path) -> None:
    word = f"32{os.getpid()}"
    started = subprocess.Popen([*ALONE, "sleep", word], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)})
    wait(lambda: running(word))
    started.send_signal(signal.SIGKILL)
    started.wait()
    wait(lambda: not running(word))


def running(word: str) -> bool:
    """Whether a `sleep` of this many seconds runs anywhere."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if process.read_bytes().split(b"\0")[:2] == [b"sleep", word.encode()]:
                return True
        except OSError:
            continue
    return False


def wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
