import asyncio
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modelfleet.sources.decision import read_line
from modelfleet.sources.records import (
    MAX_LINE_BYTES,
    Absent,
    BadLine,
    Follower,
    Record,
    read_records,
    tail_records,
)
from tests.sizes import scale


def line(name: str = "a", **fields: Any) -> str:
    return json.dumps({"v": 1, "id": name, **fields}) + "\n"


def read(*paths: Path | str, stdin: bytes | None = b"") -> list[Record | BadLine | Absent]:
    return list(read_records([str(path) for path in paths], None if stdin is None else io.BytesIO(stdin)))


def ids(*paths: Path | str, stdin: bytes = b"") -> list[str]:
    return [found.id if isinstance(found, Record) else found.problem for found in read(*paths, stdin=stdin)]


def put(path: Path, data: str | bytes, age: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    return path


def test_a_record_has_every_field_that_was_written() -> None:
    text = line(
        attempts=[{"target": "small", "status": 200, "reason": "ok", "ms": 2.5}],
        bytes={"in": 30, "out": 574},
        ms={"total": 3, "firstByte": 2},
        served={"tier": "light", "model": "small", "hardware": "l4", "endpoint": "10.0.0.1:80"},
        tokens={"in": 7.0, "out": 3},
        rung=1,
        stream=True,
        **{"class": "batch"},
    )
    record = read_line(text)
    assert isinstance(record, Record)
    assert record.attempts[0].ms == 2.5
    assert (record.bytes.in_, record.bytes.out) == (30, 574)
    assert (record.ms.total, record.ms.first_byte) == (3, 2)
    assert record.served
    assert record.served.endpoint == "10.0.0.1:80"
    assert (record.tokens.in_, record.tokens.out) == (7, 3)
    assert (record.class_, record.rung, record.stream) == ("batch", 1, True)
    assert record.line == text.strip()


def test_what_is_null_or_left_out_or_new_does_no_harm() -> None:
    record = read_line('{"v":1,"rule":null,"served":null,"bytes":null,"tokens":{"in":null},"new":{"a":[1]},"would":{}}')
    assert isinstance(record, Record)
    assert (record.rule, record.served, record.bytes.in_, record.tokens.in_, record.rung) == ("", None, 0, None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "is not JSON"),
        ('{"v":1}{', "is not JSON"),
        ('{"v":1,"ms":{"total":NaN}}', "is not JSON"),
        ("[" * 200_000, "is not JSON"),
        ('{"v":' + "1" * 5000 + "}", "is not JSON"),
        ("[1]", "is not an object"),
        ("null", "is not an object"),
        ("{}", "has no version: v is missing"),
        ('{"v":2}', "has version 2, and only 1 is known here"),
        ('{"v":true}', "has version true, and only 1 is known here"),
        ('{"v":"' + "x" * 99 + '"}', 'has version "xxxxxxxxxxxxxxxx..., and only 1 is known here'),
        ('{"v":1,"status":"200"}', "status: must be a number"),
        ('{"v":1,"status":true}', "status: must be a number"),
        ('{"v":1,"ms":{"total":1e999}}', "ms.total: is too large"),
        ('{"v":1,"ms":{"total":' + "9" * 400 + "}}", "ms.total: is too large"),
        ('{"v":1,"stream":1}', "stream: Input should be a valid boolean"),
        ('{"v":1,"rule":3}', "rule: Input should be a valid string"),
        ('{"v":1,"served":"small"}', "served: Input should be"),
        ('{"v":1,"attempts":{}}', "attempts: Input should be a valid tuple"),
        ('{"v":1,"attempts":[{"ms":"1"}]}', "attempts.0.ms: must be a number"),
    ],
)
def test_a_line_that_is_no_record_is_told_and_hides_no_other(tmp_path: Path, text: str, problem: str) -> None:
    path = put(tmp_path / "a.jsonl", line("a") + text + "\n" + line("b"))
    first, bad, last = read(path)
    assert isinstance(bad, BadLine)
    assert (bad.file, bad.line) == (str(path), 2)
    assert bad.problem.startswith(problem)
    assert isinstance(first, Record)
    assert isinstance(last, Record)


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    found = read(put(tmp_path / "a", "\n  \r\n" + line("a") + "x\n"))
    assert [one.line if isinstance(one, BadLine) else one.line[:2] for one in found if not isinstance(one, Absent)] == [
        '{"',
        4,
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_longer_than_a_mebibyte_is_told_and_not_kept(tmp_path: Path, packed: bool) -> None:
    pad = MAX_LINE_BYTES - len(line("", pad="").strip())
    data = (line("", pad="x" * pad) + line("", pad="x" * (pad + 1)) + line("b")).encode()
    path = put(tmp_path / "a", gzip.compress(data) if packed else data)
    assert ids(path) == ["", "is longer than 1 MiB", "b"]


def test_letters_that_are_not_utf_8_cost_nothing_but_themselves(tmp_path: Path) -> None:
    (record,) = read(put(tmp_path / "a", b'{"v":1,"model":"a\xffb"}\n'))
    assert isinstance(record, Record)
    assert record.model == "a\ufffdb"


def test_a_last_line_without_its_end_is_a_record_if_it_is_whole(tmp_path: Path) -> None:
    assert ids(put(tmp_path / "a", line("a") + line("b").strip())) == ["a", "b"]


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_last_line_that_is_being_written_is_no_mistake(tmp_path: Path, cut: int) -> None:
    assert ids(put(tmp_path / "a", line("a") + line("b")[:cut])) == ["a"]


@pytest.mark.parametrize("rest", ["hello", '{"v":2}', '{"v":1,"status":"2"}', "{" + "x" * MAX_LINE_BYTES])
def test_a_last_line_that_can_become_no_record_is_one(tmp_path: Path, rest: str) -> None:
    assert len(ids(put(tmp_path / "a", line("a") + rest))) == 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.txt", "-"])
def test_what_is_compressed_is_known_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    for data in (gzip.compress(line("a").encode()), line("a").encode()):
        assert (ids("-", stdin=data) if name == "-" else ids(put(tmp_path / name, data))) == ["a"]


def test_all_members_of_a_compressed_file_are_read_with_a_line_across_two_of_them(tmp_path: Path) -> None:
    text = (line("a") + line("b") + line("c")).encode()
    members = b"".join(gzip.compress(part) for part in (text[:10], b"", text[10:30], text[30:]))
    assert ids(put(tmp_path / "a.gz", members + b"\0" * 700)) == ["a", "b", "c"]


def test_a_compressed_file_that_breaks_off_gives_what_it_has_and_is_told(tmp_path: Path) -> None:
    data = gzip.compress("".join(line(os.urandom(50).hex()) for _ in range(5000)).encode())
    found = read(put(tmp_path / "a.gz", data[: len(data) // 2]), put(tmp_path / "b", line("b")))
    *records, broken, other = found
    assert len(records) > 2000
    assert all(isinstance(record, Record) for record in records)
    assert broken == BadLine(str(tmp_path / "a.gz"), len(records) + 1, "the compressed file breaks off here")
    assert isinstance(other, Record)


@pytest.mark.parametrize("keep", [2, 5, -1, -8])
def test_a_compressed_file_may_break_off_anywhere(tmp_path: Path, keep: int) -> None:
    assert (
        ids(put(tmp_path / "a", gzip.compress(line("a").encode())[:keep]))[-1] == "the compressed file breaks off here"
    )


def test_a_compressed_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    data = gzip.compress(line("a").encode())
    assert ids(put(tmp_path / "a", data + b"garbage")) == ["a", "the compressed file is damaged from here on"]
    spoilt = data[:-8] + b"\0" * 8
    assert ids(put(tmp_path / "b", spoilt))[-1] == "the compressed file is damaged from here on"


def test_a_folder_is_read_from_the_oldest_file_to_the_newest(tmp_path: Path) -> None:
    put(tmp_path / "decisions.jsonl", line("now"))
    put(tmp_path / "decisions.jsonl.1", line("before"), age=10)
    put(tmp_path / "z-20261101.jsonl.gz", gzip.compress(line("old").encode()), age=30)
    put(tmp_path / "below" / "decisions.jsonl-20261102.gz", gzip.compress(line("older").encode()), age=20)
    put(tmp_path / "b.jsonl", line("tie b"), age=5)
    put(tmp_path / "a.jsonl", line("tie a"), age=5)
    for name in (".hidden.jsonl", ".git/a.jsonl", "envoy.log", "a.json", "a.jsonl.draft"):
        put(tmp_path / name, "x\n")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert ids(tmp_path) == ["old", "older", "before", "tie a", "tie b", "now"]


def test_a_file_that_has_two_names_is_read_once(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", line("a"))
    (tmp_path / "b.jsonl").symlink_to(path)
    assert ids(tmp_path, path) == ["a"]


def test_a_path_that_is_not_there_is_told_and_hides_no_other(tmp_path: Path) -> None:
    path = put(tmp_path / "a", line("a"))
    gone, record = read(tmp_path / "gone", path)
    assert gone == Absent(str(tmp_path / "gone"), "does not exist")
    assert isinstance(record, Record)
    assert isinstance(read("a\0b")[0], Absent)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_path_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", line("a"))
    path.chmod(0)
    assert read(path) == [Absent(str(path), "may not be read; check its permissions")]


def test_a_standard_input_that_is_closed_is_absent() -> None:
    assert read("-", stdin=None) == [Absent("stdin", "is closed")]


def test_records_come_out_of_a_pipe_before_it_is_closed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pipe:
        records = read_records(["-"], stream)
        pipe.write(line("a").encode())
        first = next(records)
        assert isinstance(first, Record)


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_file_is_never_held_as_a_whole(tmp_path: Path, packed: bool) -> None:
    lines = scale(8_000, 20_000)  # twice what it may take, or more
    text = (line("a", pad="x" * 1000) * lines).encode()
    path = put(tmp_path / "a", gzip.compress(text) if packed else text)
    del text
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_records([str(path)], None))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == lines
    assert most < 4 * 1024 * 1024


def test_a_file_of_one_line_without_end_is_never_held_as_a_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "a", gzip.compress(b"{" + b"x" * 50_000_000))
    tracemalloc.start()
    try:
        assert ids(path) == ["is longer than 1 MiB"]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * 1024 * 1024


def polled(follower: Follower) -> list[str]:
    found: list[str] = []
    while (some := follower.poll()) is not None:
        found += [one.id if isinstance(one, Record) else one.problem for one in some]
    return found


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_following_tells_what_is_new_and_only_that(tmp_path: Path) -> None:
    path = put(tmp_path / "a", line("old"))
    with Follower(path) as follower:
        assert polled(follower) == []
        append(path, line("a") + line("b"))
        assert polled(follower) == ["a", "b"]
        append(path, "x\n")
        assert polled(follower) == ["is not JSON"]
        assert polled(follower) == []


def test_following_joins_a_line_that_comes_in_parts_also_the_one_that_was_there(tmp_path: Path) -> None:
    path = put(tmp_path / "a", line("old") + line("a")[:9])
    with Follower(path) as follower:
        assert polled(follower) == []
        append(path, line("a")[9:] + line("b")[:5])
        assert polled(follower) == ["a"]
        append(path, line("b")[5:])
        assert polled(follower) == ["b"]


def test_following_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with Follower(path) as follower:
        assert polled(follower) == []
        put(path, line("a"))
        assert polled(follower) == ["a"]


def test_following_begins_anew_where_a_file_was_cut_short(tmp_path: Path) -> None:
    path = put(tmp_path / "a", line("old") * 3 + "half")
    with Follower(path) as follower:
        assert polled(follower) == []
        path.write_text(line("a"))
        assert polled(follower) == ["a"]


def test_following_reads_a_rotated_file_to_its_end_and_then_the_new_one(tmp_path: Path) -> None:
    path = put(tmp_path / "a", line("old"))
    with Follower(path) as follower:
        append(path, line("a"))
        path.rename(tmp_path / "a.1")
        assert polled(follower) == ["a"]
        append(tmp_path / "a.1", line("b"))
        assert polled(follower) == ["b"]
        put(path, line("c"))
        append(tmp_path / "a.1", line("d"))
        assert polled(follower) == ["d", "c"]
        append(path, line("e"))
        assert polled(follower) == ["e"]


def test_following_reads_no_more_than_a_piece_at_once(tmp_path: Path) -> None:
    path = put(tmp_path / "a", "")
    with Follower(path) as follower:
        append(path, line("a", pad="x" * 1000) * 1000)
        first = follower.poll()
        assert first
        assert len(first) < 500
        assert len(first) + len(polled(follower)) == 1000


async def next_id(records: AsyncIterator[Record | BadLine]) -> str:
    found = await asyncio.wait_for(anext(records), timeout=20)
    assert isinstance(found, Record)
    return found.id


def test_a_tail_yields_records_as_they_are_written(tmp_path: Path) -> None:
    path = put(tmp_path / "a", line("old"))

    async def follow() -> list[str]:
        records = tail_records(path, every=0.01)
        soon = asyncio.ensure_future(next_id(records))
        await asyncio.sleep(0.03)
        assert not soon.done()
        append(path, line("a"))
        seen = [await soon]
        path.rename(tmp_path / "a.1")
        put(path, line("b"))
        seen.append(await next_id(records))
        await records.aclose()  # type: ignore[attr-defined]
        return seen

    assert asyncio.run(follow()) == ["a", "b"]


def test_records_are_read_without_what_only_other_commands_need() -> None:
    code = "import modelfleet.sources.records, sys; print('yaml' in sys.modules, 'envoy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
