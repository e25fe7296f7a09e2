from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenario.family import Family
from tests.scenario.manifests import policy, save, small_engine
from tests.scenario.screen import Screen
from tests.scenario.support import Up, command, until

CTRL_C = b"\x03"
ROW = r"^default/auto +auto +t-small +small +1 of 1 +serving$"


def fleet(folder: Path) -> Path:
    save(folder / "fleet.yaml", small_engine("small"), policy("auto", "small"))
    return folder


@contextmanager
def on_screen(folder: Path, stdout: int | None = None) -> Iterator[Screen]:
    family = Family()
    words = command("up", fleet(folder), "--listen", "127.0.0.1:0", "--state", folder / ".state")
    screen = Screen(words, family.environment, stdout)
    try:
        yield screen
        screen.type(CTRL_C)
        assert screen.close() == 0, screen.text
        assert not family.look()
    finally:
        family.end()
        screen.process.wait()


def test_a_terminal_keeps_the_ready_line_and_the_log_above_one_table_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    with on_screen(tmp_path) as screen:
        screen.wait(r"^ready: http://127.0.0.1:\d+/v1$")
        screen.wait(ROW)
        (tmp_path / "bad.yaml").write_text("kind: [")
        screen.wait(r"^\[modelfleet\].*not YAML")
        save(tmp_path / "more.yaml", policy("more", "small"))
        seen = screen.wait(r"^default/more +more ")
        lines = seen.splitlines()
        (ready,) = [number for number, line in enumerate(lines) if line.startswith("ready: http")]
        (header,) = [number for number, line in enumerate(lines) if line.startswith("POLICY")]
        (log,) = [number for number, line in enumerate(lines) if "not YAML" in line]
        assert ready < log < header, seen
    assert "ready: http" in screen.text
    assert "ending: the requests that have begun may finish" in screen.text


def test_the_ready_line_goes_to_a_file_where_the_output_does(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, on_screen(tmp_path, out.fileno()) as screen:
        screen.wait(ROW)
        until(lambda: (tmp_path / "out").read_text().startswith("ready: "))
    assert len((tmp_path / "out").read_text().splitlines()) == 1
    assert "ready: http" not in screen.text


def test_elsewhere_there_are_plain_lines(tmp_path: Path) -> None:
    with Up(fleet(tmp_path), state=tmp_path / ".state") as up:
        up.ready()
        up.said(r"^\[modelfleet\] default/auto: t-small -> small: 1 of 1, serving$")
    assert "\x1b" not in "\n".join([*up.err.lines, *up.out.lines])
