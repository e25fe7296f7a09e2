"""Lines as they arrive on terminals, pipes and in files."""

import io
import os
import pty
import re
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from modelfleet.findings import Unusable
from modelfleet.local import console
from modelfleet.local.console import Console, is_envoy_noise

NOISE = "[2026-11-21 15:00:00.000][123][info][main] [source/server/server.cc:1] starting"
TROUBLE = NOISE.replace("[info]", "[warning]")


def written(*lines: tuple[str, str], environ: dict[str, str] | None = None) -> str:
    stream = io.StringIO()
    made = Console(stream, environ or {})
    for line in lines:
        made.line(*line)
    made.close()
    return stream.getvalue()


def on_terminal(*lines: tuple[str, str], **environ: str) -> str:
    """What a terminal gets."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        made = Console(stream, environ)
        for line in lines:
            made.line(*line)
        made.close()
    text = b""
    # A terminal hands on what it has, which need not be all; at the end Linux tells an error.
    with suppress(OSError):
        while piece := os.read(ours, 65536):
            text += piece
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_each_line_has_the_name_of_who_said_it() -> None:
    assert written(("envoy", "one"), ("engine-a", ""), ("envoy", "two")) == "[envoy] one\n[engine-a] \n[envoy] two\n"


def test_nothing_that_a_child_says_speaks_to_the_terminal() -> None:
    said = written(("a", "\x1b]0;title\x07"), ("a", "x\ry\x00\u202e"), ("a\n", "tab\tend"))
    assert said == "[a] \\x1b]0;title\\x07\n[a] x\\ry\\x00\\u202e\n[a\\n] tab end\n"


def test_colours_of_children_are_dropped() -> None:
    assert written(("a", "\x1b[1;32mgreen\x1b[0m\x1b[K words")) == "[a] green words\n"


def test_a_terminal_gets_a_colour_for_each_name() -> None:
    said = on_terminal(("a", "x"), ("b", "y"), ("a", "z"), TERM="xterm")
    found = re.findall(r"\x1b\[(\d+)m\[(\w)\]\x1b\[0m (\w)\n", said)
    assert [(name, text) for _, name, text in found] == [("a", "x"), ("b", "y"), ("a", "z")]
    assert found[0][0] == found[2][0] != found[1][0]


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colour_gets_none(environ: dict[str, str]) -> None:
    assert on_terminal(("a", "x"), **environ) == "[a] x\n"


def test_an_empty_no_color_says_nothing() -> None:
    assert "\x1b[" in on_terminal(("a", "x"), NO_COLOR="")


def test_lines_of_many_threads_stay_whole() -> None:
    read, write = os.pipe()
    got: list[str] = []

    def reader() -> None:
        with os.fdopen(read, encoding="utf-8") as stream:
            got.extend(stream)

    reading = threading.Thread(target=reader)
    reading.start()
    with os.fdopen(write, "w", encoding="utf-8") as stream:
        made = Console(stream, {})

        def writer(name: str) -> None:
            for _ in range(300):
                made.line(name, name * 1000)

        threads = [threading.Thread(target=writer, args=(name,)) for name in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made.close(10)
    reading.join()
    assert sorted(got) == sorted(f"[{name}] {name * 1000}\n" for name in "abcdef" for _ in range(300))


def test_a_reader_that_stops_stops_nobody_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_WAITING", 100)
    read, write = os.pipe()
    stream = os.fdopen(write, "w", encoding="utf-8")
    made = Console(stream, {})
    for number in range(2000):
        made.line("a", f"{number} " + "x" * 1000)
    left_out = made._left_out
    assert left_out > 1000
    text = ""
    while "left out" not in text:
        text += os.read(read, 65536).decode()
    assert text.endswith(f"[modelfleet] {left_out} lines were left out, as they came faster than they were shown\n")
    assert text.count("[a]") == 2000 - left_out
    made.close()
    stream.close()
    os.close(read)


def test_closing_does_not_wait_for_a_reader_that_never_comes() -> None:
    read, write = os.pipe()
    stream = os.fdopen(write, "w", encoding="utf-8")
    made = Console(stream, {})
    for _ in range(1000):
        made.line("a", "x" * 1000)
    made.close(0.1)
    assert made._thread.is_alive()
    os.close(read)  # which ends the thread
    made._thread.join(2)
    assert not made._thread.is_alive()
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_stream_that_nobody_reads_any_more_does_not_stop_the_file(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w", encoding="utf-8")
    made = Console(stream, {})
    made.keep("a", tmp_path / "a.log")
    for number in range(3):
        made.line("a", str(number))
    made.close()
    assert (tmp_path / "a.log").read_text() == "0\n1\n2\n"
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_letters_that_a_stream_has_not_are_written_out() -> None:
    raw = io.BytesIO()
    made = Console(io.TextIOWrapper(raw, encoding="ascii"), {})
    made.line("a", "caf\xe9")
    made.close()
    assert raw.getvalue() == b"[a] caf\\xe9\n"


def test_quiet_lines_go_to_the_file_alone(tmp_path: Path) -> None:
    stream = io.StringIO()
    made = Console(stream, {})
    made.keep("envoy", tmp_path / "envoy.log", is_envoy_noise)
    for name, text in [("envoy", NOISE), ("envoy", TROUBLE), ("other", NOISE)]:
        made.line(name, text)
    made.close()
    assert stream.getvalue() == f"[envoy] {TROUBLE}\n[other] {NOISE}\n"
    assert (tmp_path / "envoy.log").read_text() == f"{NOISE}\n{TROUBLE}\n"


def test_a_file_is_begun_anew_when_it_is_large_and_one_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "FILE_BYTES", 1000)
    made = Console(io.StringIO(), {})
    made.keep("a", tmp_path / "a.log", lambda _: True)
    for number in range(100):
        made.line("a", f"{number:099}")
    made.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert (tmp_path / "a.log").read_text().endswith(f"{99:099}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_a_full_disk_stops_no_line_and_complains_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    made = Console(stream, {})
    made.keep("a", Path("/dev/full"))
    made.line("a", "x")
    made.close()
    assert stream.getvalue() == "[a] x\n"
    assert capfd.readouterr().err == ""


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    made = Console(io.StringIO(), {})
    with pytest.raises(Unusable, match="cannot be written: No such file or directory"):
        made.keep("a", tmp_path / "missing/a.log")
    made.close()


@pytest.mark.parametrize(
    ("text", "is_noise"),
    [
        (NOISE, True),
        (NOISE.replace("[info]", "[debug]"), True),
        (TROUBLE, False),
        (NOISE.replace("[info]", "[critical]"), False),
        ("terminate called after throwing", False),
        ("x [info]", False),
        ("", False),
    ],
)
def test_what_envoy_says_at_info_is_noise(text: str, is_noise: bool) -> None:
    assert is_envoy_noise(text) is is_noise
