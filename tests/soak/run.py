"""The phases of a soak one after another: whatever fails, the rest runs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.soak.child import ROOT, Child
from tests.soak.phases import Phase
from tests.soak.screen import Screen, screen
from tests.soak.tally import Failure, Past, Tally, learned, remaining

LOOK_EVERY_S = 0.25
NO_TESTS = 5
RED = "red"
USUAL = (0, 1, NO_TESTS)


@dataclass(frozen=True)
class Plan:
    """What is to be run, and where what is found is kept."""

    phases: Sequence[Phase]
    folder: Path
    seed: int
    only: str = ""
    """As pytest's -k; empty for all."""

    @property
    def durations(self) -> Path:
        return self.folder / "durations.json"

    def log(self, phase: str) -> Path:
        return self.folder / f"{phase}.log"

    def arguments(self, phase: Phase) -> list[str]:
        chosen = ["-k", self.only] if self.only else []
        return [f"--hypothesis-seed={self.seed}", *phase.arguments, *chosen]


class Soak:
    """One run of a plan."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self.plan = plan
        self.tally = Tally([phase.name for phase in plan.phases])
        self.is_broken_off = False
        self._console = console
        self._past = read_past(plan.durations)
        self._began = time.time()
        self._widths = {phase.name: (os.cpu_count() or 1) if phase.is_parallel else 1 for phase in plan.phases}

    def run(self) -> None:
        """Everything; ctrl-C ends it early and leaves what is known."""
        try:
            with screen(self._console) as view:
                for phase in self.plan.phases:
                    self._collect(phase, view)
                names = ", ".join(self.tally.tests)
                view.say(f"{self.tally.total:,} tests of {names}, seed {self.plan.seed}")
            for phase in self.plan.phases:
                self._build(phase)
            with screen(self._console) as view:
                for phase in self.plan.phases:
                    self._phase(phase, view)
        except KeyboardInterrupt:
            self.is_broken_off = True
        write_past(self.plan.durations, learned(self.tally, self._past, widths=not self.plan.only))

    @property
    def elapsed(self) -> float:
        return time.time() - self._began

    def _build(self, phase: Phase) -> None:
        if not phase.needs or (self.plan.only and not self.tally.of(phase.name)):
            return
        done = subprocess.run([sys.executable, "-m", phase.needs, "build"], cwd=ROOT, check=False)
        if done.returncode:
            words = f"its build ended with {done.returncode}"
            self._console.print(tell(self.tally.fail(phase.name, phase.needs, words)), style=RED)

    def _collect(self, phase: Phase, view: Screen) -> None:
        """Only so that all know how many there are; what goes wrong here goes wrong again, and is told, in the run."""
        arguments = [*self.plan.arguments(phase), "--collect-only", "-qqq"]
        with Child(arguments, self.plan.log(phase.name)) as child:
            while child.status is None:
                time.sleep(LOOK_EVERY_S)
                self._show(view)
            for event in child.news():
                if event["event"] == "planned":
                    self.tally.hear(phase.name, event)

    def _phase(self, phase: Phase, view: Screen) -> None:
        if self.plan.only and not self.tally.of(phase.name):
            return
        began = time.time()
        child = Child(self.plan.arguments(phase), self.plan.log(phase.name))
        try:
            with child:
                while child.status is None:
                    self._hear(phase, child, view)
                    self._show(view)
                    time.sleep(LOOK_EVERY_S)
        finally:
            self._hear(phase, child, view)
        self.tally.walls[phase.name] = time.time() - began
        if wrong := self._wrong(phase, child.status):
            view.say(tell(self.tally.fail(phase.name, phase.name, wrong)), RED)
        done = sum(test.is_over for test in self.tally.of(phase.name))
        view.say(f"{phase.name}: {done:,} tests in {self.tally.walls[phase.name]:.0f} s")

    def _wrong(self, phase: Phase, status: int | None) -> str:
        """What no test could tell: that there is none, or that pytest itself came to grief."""
        if status == NO_TESTS and not self.plan.only:
            return "no tests were found"
        log = shown(self.plan.log(phase.name))
        return "" if status in USUAL else f"pytest ended with {status}: see {log}"

    def _hear(self, phase: Phase, child: Child, view: Screen) -> None:
        for event in child.news():
            for failure in self.tally.hear(phase.name, event):
                view.say(tell(failure), RED)

    def _show(self, view: Screen) -> None:
        now = time.time()
        view.show(self.tally, self.elapsed, remaining(self.tally, self._past, self._widths, now), now)


def tell(failure: Failure) -> str:
    return f"FAILED {failure.name}: {failure.words}"


def shown(path: Path) -> str:
    """As short as it can be named from where the command is given."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def read_past(path: Path) -> Past:
    return Past(**json.loads(path.read_text())) if path.exists() else Past()


def write_past(path: Path, past: Past) -> None:
    path.write_text(json.dumps({"seconds": past.seconds, "width": past.width}, indent=1))
