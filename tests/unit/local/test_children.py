"""Supervision of real processes; only the waits between two starts are not real."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelfleet.local import process
from modelfleet.local.children import Backoff, Child, Children, Clock, Program, State
from modelfleet.local.process import CUT, LONGEST_LINE
from tests.unit.local.family import Family

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="who is alive is read from /proc")


@dataclass
class Seen:
    """What one child said and went through."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def on_line(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def on_change(self, child: Child) -> None:
        self.states.append(str(child.state))


def program(line: str, **more: Any) -> Program:
    return Program(name="it", command=["sh", "-c", line], **more)


async def eventually(what: Callable[[], bool]) -> None:
    while True:
        if what():
            return
        await asyncio.sleep(0.01)


def run(what: Callable[[Children, Seen], Awaitable[None]], clock: Clock | None = None) -> Seen:
    """Runs the test with a minute of patience, and leaves no child."""
    seen = Seen()

    async def main() -> None:
        async with Children(seen.on_line, seen.on_change, clock) as children:
            await asyncio.wait_for(what(children, seen), 20)

    asyncio.run(main())
    return seen


@dataclass
class Naps:
    """A sleep that only takes note."""

    taken: list[float] = field(default_factory=list)
    enough: int = 5

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) > self.enough:
            await asyncio.sleep(1000)


def test_a_child_runs_and_is_stopped(kin: Family) -> None:
    async def test(children: Children, seen: Seen) -> None:
        child = children.start(program(kin.note("a") + "; echo out; echo err >&2; sleep 1000"))
        assert await child.until(State.RUNNING) == State.RUNNING
        assert await asyncio.to_thread(kin.arrives, "a")
        await eventually(lambda: len(seen.lines) == 2)
        assert sorted(seen.lines) == [("it", "err"), ("it", "out")]
        await child.stop()
        assert child.state == State.STOPPED
        assert (child.reason, child.restarts, child.pid) == ("was stopped", 0, None)

    assert run(test).states == ["starting", "running", "stopped"]
    assert kin.living() == []


def test_a_child_that_ends_is_started_again_with_longer_and_longer_waits() -> None:
    naps = Naps(enough=8)

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program("exit 1"))
        await eventually(lambda: len(naps.taken) > naps.enough)
        assert (child.state, child.restarts, child.reason) == (State.BACKING_OFF, 8, "exited with status 1")

    seen = run(test, Clock(sleep=naps.sleep, chance=lambda: 0.0))
    assert naps.taken == [0.25, 0.5, 1, 2, 4, 8, 10, 10, 10]
    assert seen.states == ["starting", "running", "backing off"] * 9 + ["stopped"]


def test_health_makes_the_next_wait_short_again() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.after(healthy) for healthy in (0, 29, 1, 30, 0)] == [0.25, 0.5, 1, 0.25, 0.5]


def test_chance_shortens_a_wait_and_never_lengthens_it() -> None:
    assert Backoff(lambda: 1.0).after(0) == 0.25 * 0.75
    assert len({Backoff(Clock().chance).after(0) for _ in range(20)}) > 1


def test_health_is_measured_on_the_clock_of_the_run() -> None:
    naps, ticks = Naps(enough=3), iter(range(0, 10_000, 31))

    async def test(children: Children, _: Seen) -> None:
        children.start(program("exit 1"))
        await eventually(lambda: len(naps.taken) > naps.enough)

    run(test, Clock(now=lambda: float(next(ticks)), sleep=naps.sleep, chance=lambda: 0.0))
    assert naps.taken == [0.25] * 4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("exit 0", "exited with status 0"),
        ("exit 255", "exited with status 255"),
        ("kill -9 $$", "was ended by signal 9"),
        ("kill -SEGV $$", "was ended by signal 11"),
    ],
)
def test_the_reason_of_an_end_is_said_in_words(line: str, reason: str) -> None:
    async def test(children: Children, _: Seen) -> None:
        child = children.start(program(line))
        await child.until(State.BACKING_OFF)
        assert child.reason == reason

    run(test)


def test_the_last_words_come_before_the_end_is_told() -> None:
    told: list[int] = []

    async def test(children: Children, seen: Seen) -> None:
        child = children.start(program("i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done; printf last"))
        await child.until(State.BACKING_OFF)
        told.append(len(seen.lines))
        assert seen.lines[-1] == ("it", "last")

    run(test)
    assert told == [5001]


@pytest.mark.parametrize(
    ("command", "cwd", "reason"),
    [
        (["no-such-program-x"], None, "cannot be started: no such program: no-such-program-x"),
        (["./run"], "missing", "cannot be started: no such folder: "),
        (["./run"], ".", "cannot be started: no such program: ./run"),
        (["/"], None, "cannot be started: not a program: /"),
    ],
)
def test_what_cannot_be_started_fails_once(tmp_path: Path, command: list[str], cwd: str | None, reason: str) -> None:
    folder = None if cwd is None else tmp_path / cwd

    async def test(children: Children, _: Seen) -> None:
        child = children.start(Program(name="it", command=command, cwd=folder))
        assert await child.until() == State.FAILED
        assert child.reason.startswith(reason)

    assert run(test).states == ["starting", "failed"]


def test_a_program_that_is_being_replaced_is_waited_for(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)

    async def test(children: Children, _: Seen) -> None:
        child = children.start(Program(name="it", command=["./tool"], cwd=tmp_path))
        await child.until(State.BACKING_OFF)
        tool.rename(tmp_path / "away")
        await eventually(lambda: "no such program" in child.reason)
        assert child.state != State.FAILED
        (tmp_path / "away").write_text("#!/bin/sh\nsleep 1000\n")
        (tmp_path / "away").rename(tool)
        assert await child.until(State.RUNNING) == State.RUNNING

    run(test)


def test_want_of_descriptors_is_no_failure_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    real = process.start

    async def start(*arguments: Any) -> process.Process:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(24, "Too many open files")
        return await real(*arguments)

    monkeypatch.setattr("modelfleet.local.children.start", start)

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program("sleep 1000"))
        await child.until(State.BACKING_OFF)
        assert child.reason == "cannot be started: Too many open files"
        assert await child.until(State.RUNNING) == State.RUNNING

    run(test)


def test_a_child_has_its_environment_and_its_folder(tmp_path: Path) -> None:
    async def test(children: Children, seen: Seen) -> None:
        child = children.start(program('echo "$PWD $A $HOME"', env={"A": "b", "PATH": os.defpath}, cwd=tmp_path))
        await child.until(State.BACKING_OFF)
        assert seen.lines == [("it", f"{tmp_path} b ")]

    run(test)


def test_a_child_is_running_when_it_says_that_it_is_ready() -> None:
    answers: Iterator[bool | OSError] = iter([False, OSError("refused"), True])

    async def ready() -> bool:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program("sleep 1000", ready=ready))
        await child.until(State.RUNNING)
        assert list(answers) == []

    assert run(test).states == ["starting", "running", "stopped"]


def test_who_is_not_ready_in_time_is_ended_and_started_again(kin: Family) -> None:
    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program(kin.couple("a"), ready=never, ready_within=0.3))
        await child.until(State.BACKING_OFF)
        assert child.reason == "was not ready within 0.3 s"
        assert kin.living() == []

    assert "running" not in run(test).states


def test_who_ends_before_it_is_ready_does_not_wait_for_the_time_to_be_over() -> None:
    async def no() -> bool:
        return False

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program("exit 5", ready=no, ready_within=100))
        await child.until(State.BACKING_OFF)
        assert child.reason == "exited with status 5"

    run(test)


def test_a_mistake_in_a_readiness_check_fails_the_child_and_leaves_no_process(kin: Family) -> None:
    async def broken() -> bool:
        await eventually(lambda: bool(kin.pids()))
        raise KeyError("x")

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program(kin.couple("a"), ready=broken))
        assert await child.until() == State.FAILED
        assert child.reason == "was given up: KeyError('x')"
        assert child._task is not None
        with pytest.raises(KeyError):
            await child._task

    run(test)
    assert kin.living() == []


def test_stopping_in_every_phase_ends_at_once() -> None:
    async def no() -> bool:
        return False

    async def test(children: Children, _: Seen) -> None:
        waiting = children.start(program("sleep 1000", ready=no))
        resting = children.start(program("exit 1"))
        await eventually(lambda: resting.restarts >= 2)
        await resting.until(State.BACKING_OFF)
        new = children.start(program("sleep 1000"))
        since = time.monotonic()
        await asyncio.gather(children.stop(), children.stop(), new.stop())
        assert time.monotonic() - since < 2
        assert {child.state for child in (waiting, resting, new)} == {State.STOPPED}

    run(test)


def test_all_share_one_deadline_and_who_is_deaf_is_killed(kin: Family) -> None:
    deaf = "trap '' TERM; {}; while :; do sleep 0.05; done"

    async def test(children: Children, _: Seen) -> None:
        for name in ("a", "b", "c"):
            children.start(program(deaf.format(kin.note(name)), grace=100.0))
        assert await asyncio.to_thread(kin.arrives, "a", "b", "c")
        since = time.monotonic()
        await children.stop(within=0.5)
        assert 0.5 <= time.monotonic() - since < 2.5
        assert kin.living() == []

    run(test)


def test_a_second_wish_cuts_the_first_short(kin: Family) -> None:
    async def test(children: Children, _: Seen) -> None:
        children.start(program(f"trap '' TERM; {kin.note('a')}; while :; do sleep 0.05; done", grace=100.0))
        assert await asyncio.to_thread(kin.arrives, "a")
        stopping = asyncio.create_task(children.stop(within=100))
        await asyncio.sleep(0.1)
        children.kill()
        await asyncio.wait_for(stopping, 3)
        assert kin.living() == []

    run(test)


def test_a_killed_leash_takes_all_of_its_own_along_and_is_replaced(kin: Family) -> None:
    async def test(children: Children, _: Seen) -> None:
        child = children.start(program(kin.both()))
        assert await asyncio.to_thread(kin.arrives, "a", "a-2", "b", "b-2")
        before, pid = set(kin.pids().values()), child.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await child.until(State.BACKING_OFF)
        assert child.reason == "was ended by signal 9"
        assert before == set(kin.pids().values())
        assert kin.living() == []
        assert await child.until(State.RUNNING) == State.RUNNING

    run(test)


def test_a_leash_that_does_not_answer_is_killed_with_all_of_its_own(
    kin: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelfleet.local.process._DIES_WITHIN_S", 0.2)

    async def test(children: Children, _: Seen) -> None:
        child = children.start(program(kin.both()))
        assert await asyncio.to_thread(kin.arrives, "a", "a-2", "b", "b-2")
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
        await child.stop(within=0.2)
        assert kin.living() == []

    run(test)


def test_a_cancelled_run_leaves_no_process(kin: Family) -> None:
    async def main() -> None:
        child = Child(program(kin.couple("a")), lambda *_: None)
        child.start()
        assert await asyncio.to_thread(kin.arrives, "a", "a-2")

    asyncio.run(main())
    assert kin.living() == []


def test_a_removed_child_is_forgotten_and_the_others_run_on() -> None:
    async def test(children: Children, _: Seen) -> None:
        one, two = children.start(program("sleep 1000")), children.start(program("sleep 1000"))
        await asyncio.gather(one.until(State.RUNNING), two.until(State.RUNNING))
        await children.remove(one)
        assert list(children) == [two]
        assert two.state == State.RUNNING

    run(test)


def test_a_line_without_end_costs_no_memory_and_is_cut() -> None:
    async def test(children: Children, seen: Seen) -> None:
        child = children.start(program("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo after"))
        await child.until(State.BACKING_OFF)
        assert [len(text) for _, text in seen.lines] == [LONGEST_LINE + len(CUT), len("after")]

    run(test)
