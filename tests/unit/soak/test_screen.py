"""What is on a terminal while a soak runs, and what is in a log of one that nobody watches."""

from io import StringIO

from rich.console import Console

from tests.soak.screen import LINE_EVERY_S, screen
from tests.soak.tally import Tally

NOW = 1000.0


def tally(running: int) -> Tally:
    made = Tally(["all"])
    made.hear("all", {"event": "planned", "tests": [f"tests/x.py::test_{number}" for number in range(1200)]})
    for number in range(100):
        made.hear("all", {"event": "over", "test": f"tests/x.py::test_{number}"})
    for number in range(100, 100 + running):
        made.hear("all", {"event": "began", "test": f"tests/x.py::test_{number}", "at": NOW - 200 + number})
    made.fail("all", "tests/x.py::test_1", "no")
    return made


def console(*, terminal: bool) -> tuple[Console, StringIO]:
    written = StringIO()
    return Console(file=written, force_terminal=terminal, width=120, highlight=False, markup=False), written


def test_a_terminal_shows_a_bar_what_runs_how_long_and_what_is_left() -> None:
    to, written = console(terminal=True)
    with screen(to) as view:
        view.show(tally(running=5), 754.0, 3_700.0, NOW)
        view.say("FAILED [x]")
    said = written.getvalue()
    assert "━━━" in said
    for words in (
        "100 of 1,200 tests, 1 failed",
        "12:34, about 1:01:40 to go",
        "x.py::test_100 for 1:40",
        "and 2 more",
        "FAILED [x]",
    ):
        assert words in said


def test_a_log_has_a_line_now_and_then_and_what_is_said_at_once() -> None:
    to, written = console(terminal=False)
    with screen(to) as view:
        for second in range(int(2.5 * LINE_EVERY_S)):
            view.show(tally(running=1), second, None, NOW)
        view.say("FAILED [x]")
    assert written.getvalue().splitlines() == [
        "0:30: 100 of 1,200 tests, 1 failed; at x.py::test_100 for 1:40",
        "1:00: 100 of 1,200 tests, 1 failed; at x.py::test_100 for 1:40",
        "FAILED [x]",
    ]
