"""The leash and the processes that hold it, all of them real, each of them killed in the ways that happen."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelfleet.local import leash
from tests.unit.local.family import PARENT, Family, eventually, is_alive

PATIENCE_S = 20
"""For what takes a moment on an idle machine."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who descends from whom")

ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@contextmanager
def leashed(
    line: str = "", grace: float = 5, command: list[str] | None = None, number: int | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A leash with a shell or a command on it, and the write end of its pipe, which the test closes."""
    read, write = os.pipe()
    if number is not None:
        low, read = read, fcntl.fcntl(read, fcntl.F_DUPFD_CLOEXEC, number)
        os.close(low)
    arguments = [leash.__file__, str(read), str(grace), "--", *(command or ["sh", "-c", line])]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", *arguments],
        pass_fds=(read,),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        os.close(read)
        try:
            yield process, write
        finally:
            process.kill()


@contextmanager
def parent(*lines: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a group of its own that keeps these lines running as children."""
    with subprocess.Popen([sys.executable, "-c", PARENT, *lines], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("loop", [(), ("--uvloop",)], ids=["asyncio", "uvloop"])
def test_a_killed_parent_leaves_no_child(kin: Family, loop: tuple[str, ...]) -> None:
    with parent(*loop, kin.couple("a"), kin.stray("b")) as process:
        assert kin.arrives("a", "a-2", "b", "b-2")
        process.kill()
        process.wait()
        assert kin.is_gone(), kin.living()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_to_the_group_of_the_parent_leaves_no_child(kin: Family, ending: signal.Signals) -> None:
    with parent(kin.couple("a"), kin.stray("b")) as process:
        assert kin.arrives("a", "a-2", "b", "b-2")
        os.killpg(process.pid, ending)
        assert kin.is_gone(), kin.living()


def test_a_parent_that_is_stopped_and_then_killed_leaves_no_child(kin: Family) -> None:
    with parent(kin.couple("a")) as process:
        assert kin.arrives("a", "a-2")
        process.send_signal(signal.SIGSTOP)
        process.kill()
        assert kin.is_gone(), kin.living()


@pytest.mark.parametrize("ending", [*ENDINGS, signal.SIGQUIT])
def test_a_signal_to_the_leash_ends_the_group_and_those_who_left_it(kin: Family, ending: signal.Signals) -> None:
    with leashed(kin.both()) as (process, write):
        assert kin.arrives("a", "a-2", "b", "b-2")
        process.send_signal(ending)
        expected = signal.SIGKILL if ending == signal.SIGQUIT else signal.SIGTERM
        assert process.wait(PATIENCE_S) == 128 + expected
        assert kin.living() == []
        os.close(write)


def test_the_end_of_the_pipe_ends_the_command_gently(kin: Family) -> None:
    with leashed(f"trap 'echo bye; exit 3' TERM; {kin.note('a')}; sleep 1000 & wait") as (process, write):
        assert kin.arrives("a")
        os.close(write)
        assert process.wait(PATIENCE_S) == 3
        assert process.stdout is not None
        assert process.stdout.read() == b"bye\n"


def test_the_pipe_may_have_a_high_number(kin: Family) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 2000:
        pytest.skip("so many files may not be open here")
    with leashed(f"{kin.note('a')}; exec sleep 1000", number=2000) as (process, write):
        assert kin.arrives("a")
        os.close(write)
        assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM


def test_who_does_not_obey_is_killed_after_the_grace_and_not_before(kin: Family) -> None:
    deaf = f"trap '' TERM; {kin.note('a')}; while :; do sleep 0.05; done"
    with leashed(deaf, grace=0.5) as (process, write):
        assert kin.arrives("a")
        since = time.monotonic()
        os.close(write)
        assert process.wait(PATIENCE_S) == 128 + signal.SIGKILL
        assert 0.5 <= time.monotonic() - since < 2
        assert kin.living() == []


def test_a_worker_has_the_rest_of_the_grace_when_its_master_obeys_first(kin: Family) -> None:
    worker = f"trap 'sleep 0.3; echo done; exit' TERM; {kin.note('worker')}; while :; do sleep 0.02; done"
    with leashed(f"({worker}) & {kin.note('master')}; sleep 1000") as (process, write):
        assert kin.arrives("master", "worker")
        os.close(write)
        assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
        assert process.stdout is not None
        assert b"done\n" in process.stdout.read()


def test_a_hurry_cuts_the_grace_short(kin: Family) -> None:
    with leashed(f"trap '' TERM; {kin.note('a')}; while :; do sleep 0.05; done", grace=100) as (process, write):
        assert kin.arrives("a")
        os.close(write)
        time.sleep(0.1)
        assert process.poll() is None
        process.send_signal(signal.SIGQUIT)
        assert process.wait(PATIENCE_S) == 128 + signal.SIGKILL
        assert kin.living() == []


def test_the_command_dies_with_a_leash_that_is_killed_while_nobody_looks(kin: Family) -> None:
    with leashed(f"{kin.note('a')}; exec sleep 1000") as (process, write):
        assert kin.arrives("a")
        process.kill()
        assert kin.is_gone(), kin.living()
        os.close(write)


@pytest.mark.parametrize(
    ("line", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("nosuch-x", 127)]
)
def test_the_status_is_that_of_the_command(line: str, status: int) -> None:
    with leashed(line) as (process, write):
        assert process.wait(PATIENCE_S) == status
        os.close(write)


def test_what_a_command_leaves_behind_ends_with_it(kin: Family) -> None:
    with leashed(
        f"sleep 1000 & {kin.note('a', '$!')}; setsid sh -c '{kin.note('b')}; exec sleep 1000' & sleep 0.3"
    ) as (
        process,
        write,
    ):
        assert kin.arrives("a", "b")
        assert process.wait(PATIENCE_S) == 0
        assert kin.living() == []
        os.close(write)


def test_a_program_that_cannot_be_run_is_126_and_said(tmp_path: Path) -> None:
    with leashed(command=[str(tmp_path)]) as (process, write):
        assert process.wait(PATIENCE_S) == 126
        assert process.stdout is not None
        assert process.stdout.read() == f"cannot be started: Permission denied: {tmp_path}\n".encode()
        os.close(write)


def test_a_program_that_does_not_exist_is_127_and_said() -> None:
    with leashed(command=["no-such-program-x", "y"]) as (process, write):
        assert process.wait(PATIENCE_S) == 127
        assert process.stdout is not None
        assert process.stdout.read() == b"cannot be started: No such file or directory: no-such-program-x\n"
        os.close(write)


def test_the_command_has_no_pipe_of_ours_and_ignores_no_signal() -> None:
    # 3 is what ls opens for the folder itself.
    with leashed("ls -1 /proc/self/fd; grep SigIgn /proc/self/status; grep SigBlk /proc/self/status") as (
        process,
        write,
    ):
        assert process.wait(PATIENCE_S) == 0
        assert process.stdout is not None
        words = process.stdout.read().decode().split()
        assert words[:4] == ["0", "1", "2", "3"]
        # Signals from 32 on are the C library's own, and may come ignored from whoever started the tests.
        assert [(name, int(mask, 16) & 0x7FFFFFFF) for name, mask in (words[4:6], words[6:])] == [
            ("SigIgn:", 0),
            ("SigBlk:", 0),
        ]
        os.close(write)


def test_no_child_holds_the_leash_of_another(kin: Family) -> None:
    with parent(kin.note("a") + "; exec sleep 1000", kin.note("b") + "; exec sleep 1000") as process:
        assert kin.arrives("a", "b")
        for pid in kin.pids().values():
            links = [path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()]
            assert len(links) == 3, links
            leash_pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            assert os.getsid(leash_pid) == leash_pid != process.pid  # so Ctrl-C is for the parent alone
            # Its standard streams, the read end, and the two ends of the pipe for signals.
            assert len(list(Path(f"/proc/{leash_pid}/fd").iterdir())) == 6


def test_a_leash_that_is_stopped_still_ends_with_its_parent_once_it_goes_on(kin: Family) -> None:
    with leashed(f"{kin.note('a')}; exec sleep 1000") as (process, write):
        assert kin.arrives("a")
        process.send_signal(signal.SIGSTOP)
        os.close(write)
        assert is_alive(kin.pids()["a"])
        process.send_signal(signal.SIGCONT)
        assert eventually(lambda: process.poll() is not None)
        assert kin.living() == []
