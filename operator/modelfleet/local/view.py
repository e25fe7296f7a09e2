"""Shows what is served: a table that stays up to date on a terminal, lines about what changed anywhere else."""

import io
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console as Terminal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from modelfleet.findings import printable
from modelfleet.local.rows import Row


class View(Protocol):
    """What can show rows. `stream` is where log lines may go meanwhile."""

    stream: TextIO

    def show(self, rows: Sequence[Row]) -> None:
        """Shows what is served now."""

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the last state where it is."""


class Lines:
    """Says what changed, a line for each row."""

    def __init__(self, stream: TextIO, say: Callable[[str], None]) -> None:
        self.stream = stream
        self._say = say
        self._shown: Sequence[Row] = ()

    def show(self, rows: Sequence[Row]) -> None:
        """Says the rows that were not there before."""
        for row in rows:
            if row not in self._shown:
                self._say(row.line())
        places = {row.place for row in rows}
        for row in self._shown:
            if row.place not in places:
                self._say(f"{row.name()}: is no longer served")
        self._shown = rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Nothing(Lines):
    """Shows nothing of all that is well."""

    def __init__(self) -> None:
        super().__init__(io.StringIO(), lambda _: None)


class _Above:
    """A stream whose lines appear above the table."""

    encoding = "utf-8"

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def write(self, text: str) -> int:
        if text.strip():
            self._terminal.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


class Board:
    """The table of a terminal."""

    def __init__(self, stream: TextIO) -> None:
        terminal = Terminal(file=stream)
        self.stream: TextIO = _Above(terminal)  # type: ignore[assignment]
        # What else is written to the terminal would be drawn over; what goes to a file is to arrive there.
        shares = sys.stdout.isatty()
        self._live = Live(console=terminal, refresh_per_second=8, redirect_stdout=shares, redirect_stderr=False)

    def show(self, rows: Sequence[Row]) -> None:
        """Draws the rows."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("POLICY", "SERVES", "TIER", "MODEL", "READY", "STATE"):
            table.add_column(name, overflow="fold")
        for row in rows:
            cells = (row.policy, row.serves, row.tier, row.model, row.ready, row.state)
            style = "" if row.state == "serving" or row.ready == "hosted" else "yellow"
            table.add_row(*(Text(printable(cell)) for cell in cells), style=style)
        self._live.update(table)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def view_on(stream: TextIO, say: Callable[[str], None]) -> View:
    """The view that suits the stream."""
    return Board(stream) if stream.isatty() else Lines(stream, say)
