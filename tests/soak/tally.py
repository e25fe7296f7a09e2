"""What a soak knows of its tests: a value made from events, without a clock, a screen or a process of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]


@dataclass
class Test:
    """One test, from its plan to its end."""

    phase: str
    name: str
    began: float | None = None
    seconds: float = 0.0
    is_over: bool = False
    outcome: str = "passed"
    words: str = ""
    """The first line of what failed, or the reason of a skip."""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    phase: str
    name: str
    words: str


@dataclass(frozen=True)
class Past:
    """What the last runs took: seconds by test, and by phase how many tests ran side by side on average."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    width: Mapping[str, float] = field(default_factory=dict)


class Tally:
    """Everything so far, over all phases."""

    def __init__(self, phases: Sequence[str]) -> None:
        self.tests: dict[str, dict[str, Test]] = {phase: {} for phase in phases}
        self.failures: list[Failure] = []
        self.walls: dict[str, float] = {}

    def hear(self, phase: str, event: Event) -> list[Failure]:
        """Take one event in; what failed with it is returned."""
        if event["event"] == "planned":
            for name in event["tests"]:
                self._test(phase, name)
            return []
        if event["event"] == "report" and event["outcome"] == "failed":
            return self._failed(phase, event)
        test = self._test(phase, event["test"])
        if event["event"] == "began":
            test.began = event["at"]
        elif event["event"] == "over":
            test.is_over = True
        else:
            _add(test, event)
        return []

    def fail(self, phase: str, name: str, words: str) -> Failure:
        """Note what no test could tell of itself."""
        failure = Failure(phase, name, words)
        self.failures.append(failure)
        return failure

    def of(self, phase: str) -> list[Test]:
        return list(self.tests[phase].values())

    def all(self) -> Iterator[Test]:
        for phase in self.tests:
            yield from self.of(phase)

    @property
    def done(self) -> int:
        return sum(test.is_over for test in self.all())

    @property
    def total(self) -> int:
        return sum(len(tests) for tests in self.tests.values())

    @property
    def running(self) -> list[Test]:
        """Those that run now, the longest first."""
        found = [test for test in self.all() if test.began is not None and not test.is_over]
        return sorted(found, key=lambda test: test.began or 0.0)

    def _test(self, phase: str, name: str) -> Test:
        return self.tests[phase].setdefault(name, Test(phase, name))

    def _failed(self, phase: str, event: Event) -> list[Failure]:
        # A file that cannot be imported has a report and is no test.
        if "seconds" in event:
            _add(self._test(phase, event["test"]), event)
        return [self.fail(phase, event["test"], event["words"])]


def _add(test: Test, event: Event) -> None:
    test.seconds += event["seconds"]
    test.figures.update(event["figures"])
    if event["outcome"] != "passed" and test.outcome != "failed":
        test.outcome, test.words = event["outcome"], event["words"]


def remaining(tally: Tally, past: Past, widths: Mapping[str, float], now: float) -> float | None:
    """Seconds to go, by what each test took the last time, else by what those took that are over; None: no idea yet.

    `widths` says how many tests run side by side where the past does not.
    """
    over = [test.seconds for test in tally.all() if test.is_over]
    known = over or list(past.seconds.values())
    if not known:
        return None
    guess = sum(known) / len(known)
    seconds = 0.0
    for phase in tally.tests:
        if phase not in tally.walls:
            left = sum(_left(test, past.seconds.get(test.name, guess), now) for test in tally.of(phase))
            seconds += left / max(1.0, past.width.get(phase, widths[phase]))
    return seconds


def _left(test: Test, expected: float, now: float) -> float:
    if test.is_over:
        return 0.0
    return max(0.0, expected - (now - test.began)) if test.began is not None else expected


def learned(tally: Tally, past: Past, *, widths: bool) -> Past:
    """The past with this run in it; a few tests of a phase would say nothing of its width."""
    seconds = {test.name: round(test.seconds, 3) for test in tally.all() if test.is_over}
    if not widths:
        return Past({**past.seconds, **seconds}, past.width)
    busy = {phase: sum(test.seconds for test in tally.of(phase)) for phase in tally.walls}
    width = {phase: round(busy[phase] / wall, 3) for phase, wall in tally.walls.items() if busy[phase]}
    return Past({**past.seconds, **seconds}, {**past.width, **width})
