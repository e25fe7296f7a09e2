"""Bytes as they come from a pipe, the lines that they are, and the last of them."""

import asyncio

import pytest

from modelfleet.local import process
from modelfleet.local.process import CUT, LONGEST_LINE, Lines


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\nc"], ["ab", "c"]),
        ([b"\n\n"], ["", ""]),
        ([b"caf\xc3", b"\xa9\n"], ["caf\xe9"]),
        ([b"\xff\xfe\n"], ["\ufffd\ufffd"]),
        ([b"windows\r\n", b"line\r", b"\n"], ["windows", "line"]),
        ([b"1%\r", b"2%\r", b"3%\n"], ["3%"]),
        ([b"x" * (LONGEST_LINE + 1), b"\n", b"y\n"], ["x" * LONGEST_LINE + CUT, "y"]),
        ([b"x" * LONGEST_LINE, b"\n"], ["x" * LONGEST_LINE]),
        ([b"x" * LONGEST_LINE, b"x", b"x", b"\n"], ["x" * LONGEST_LINE + CUT]),
        ([b"%6d of many\r" % number for number in range(5000)], ["  4999 of many"]),
    ],
)
def test_bytes_become_lines(pieces: list[bytes], lines: list[str]) -> None:
    found: list[str] = []
    reader = Lines(found.append)
    for piece in pieces:
        reader.feed(piece)
    reader.end()
    assert found == lines


def test_words_that_come_after_the_end_are_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(asyncio.SubprocessTransport):
        def get_pid(self) -> int:
            return 1

        def get_returncode(self) -> int:
            return 0

    monkeypatch.setattr(process, "_DRAINS_WITHIN_S", 0.3)

    async def main() -> None:
        lines: list[str] = []
        ended = process.Process(-1, lines.append)
        ended.connection_made(Ended())
        ended.process_exited()
        waiting = asyncio.create_task(ended.wait())
        await asyncio.sleep(0.05)
        ended.pipe_data_received(2, b"last")
        ended.pipe_connection_lost(2, None)
        assert not waiting.done()  # the other pipe is open still, and remains so
        await asyncio.wait_for(waiting, 2)
        assert lines == ["last"]

    asyncio.run(main())
