"""How a soak shows where it is: a live bar on a terminal; elsewhere a line now and then, which a log can keep."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tests.soak.tally import Tally, Test

LINE_EVERY_S = 30.0
SHOWN = 3


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counts(tally: Tally) -> str:
    failed = f", {len(tally.failures)} failed" if tally.failures else ""
    return f"{tally.done:,} of {tally.total:,} tests{failed}"


def times(elapsed: float, left: float | None) -> str:
    return clock(elapsed) if left is None else f"{clock(elapsed)}, about {clock(left)} to go"


def now_at(test: Test, now: float) -> str:
    return f"{test.name.removeprefix('tests/')} for {clock(now - (test.began or now))}"


class Screen:
    """What is common to both: lines that stay."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style), soft_wrap=True)

    def show(self, tally: Tally, elapsed: float, left: float | None, now: float) -> None:
        raise NotImplementedError


class Bar(Screen):
    """A bar and the tests that run, redrawn in place."""

    def __init__(self, console: Console, live: Live) -> None:
        super().__init__(console)
        self._live = live

    def show(self, tally: Tally, elapsed: float, left: float | None, now: float) -> None:
        self._live.update(frame(tally, elapsed, left, now), refresh=True)


class Lines(Screen):
    """A line every half a minute."""

    _said = 0.0

    def show(self, tally: Tally, elapsed: float, left: float | None, now: float) -> None:
        if elapsed - self._said >= LINE_EVERY_S:
            self._said = elapsed
            at = f"; at {now_at(tally.running[0], now)}" if tally.running else ""
            self.say(f"{times(elapsed, left)}: {counts(tally)}{at}")


def frame(tally: Tally, elapsed: float, left: float | None, now: float) -> RenderableType:
    """The bar, and below it the tests that have run longest."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(ratio=1)
    for _ in range(2):
        grid.add_column(no_wrap=True)
    bar = ProgressBar(total=max(1, tally.total), completed=tally.done)
    grid.add_row(bar, Text(counts(tally), style="red" if tally.failures else ""), times(elapsed, left))
    running = tally.running
    lines = [Text(f"  {now_at(test, now)}", style="dim", overflow="ellipsis", no_wrap=True) for test in running[:SHOWN]]
    more = [Text(f"  and {len(running) - SHOWN} more", style="dim")] if len(running) > SHOWN else []
    return Group(grid, *lines, *more)


def screen(console: Console) -> AbstractContextManager[Screen]:
    return _bar(console) if console.is_terminal else _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator[Screen]:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Bar(console, live)


@contextmanager
def _lines(console: Console) -> Iterator[Screen]:
    yield Lines(console)
