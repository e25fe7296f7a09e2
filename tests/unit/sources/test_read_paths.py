import io
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from modelfleet.sources.files import MAX_FILE_BYTES, Source, read_paths

NOTHING = io.BytesIO()


def sources(*paths: Path | str, stdin: bytes = b"") -> list[Source]:
    return list(read_paths([str(path) for path in paths], io.BytesIO(stdin)))


def names(folder: Path, *paths: Path | str) -> list[str]:
    return [os.path.relpath(source.name, folder) for source in sources(*paths)]


def write(path: Path, text: str = "a: 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_named_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "manifest.txt", "a: 1\n")
    assert sources(path) == [Source(str(path), b"a: 1\n")]


def test_files_come_in_the_order_of_their_names_and_the_standard_input_last(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("b.yaml", "a.yaml", "c.yaml")]
    found = sources("-", *paths, tmp_path / "absent")
    assert [Path(source.name).name for source in found] == ["a.yaml", "absent", "b.yaml", "c.yaml", "stdin"]


def test_the_manifests_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/b/c.json", "c.json", "a.yaml", "readme.md", "d.yaml.bak", "e.YAML"):
        write(tmp_path / name)
    assert names(tmp_path, tmp_path) == ["a.yaml", "a/b/c.json", "a/z.yml", "b.yaml", "c.json"]


def test_hidden_files_and_folders_are_passed_over_unless_they_are_named(tmp_path: Path) -> None:
    hidden = write(tmp_path / ".hidden" / "a.yaml")
    write(tmp_path / ".b.yaml")
    write(tmp_path / "c.yaml")
    assert names(tmp_path, tmp_path) == ["c.yaml"]
    assert names(tmp_path, hidden.parent, tmp_path / ".b.yaml") == [".b.yaml", ".hidden/a.yaml"]


def test_a_linked_folder_is_not_followed_unless_it_is_named(tmp_path: Path) -> None:
    write(tmp_path / "real" / "a.yaml")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    assert names(tmp_path, tmp_path / "top") == []
    assert names(tmp_path, tmp_path / "top" / "link") == ["top/link/a.yaml"]


def test_each_real_file_comes_once_even_if_it_is_named_twice_or_linked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to(path)
    assert names(tmp_path, path, path, tmp_path / "b.yaml", tmp_path, tmp_path) == ["a.yaml"]


def test_of_two_links_to_one_file_the_smaller_name_counts_whatever_the_order(tmp_path: Path) -> None:
    path, link = write(tmp_path / "m.yaml"), tmp_path / "b" / "z.yaml"
    link.parent.mkdir()
    link.symlink_to(path)
    for paths in ([path, link], [link, path], [path, link.parent], [link.parent, tmp_path]):
        assert names(tmp_path, *paths) == ["b/z.yaml"]


def test_a_loop_of_links_is_missing_and_hides_no_other_file_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to("b.yaml")
    write(tmp_path / "c.yaml")
    first, loop, last = sources(tmp_path)
    assert (first.data, last.data) == (b"a: 1\n", b"a: 1\n")
    assert loop.missing
    assert loop.name == f"{tmp_path}/b.yaml"


def test_two_files_of_equal_content_come_both(tmp_path: Path) -> None:
    assert len(sources(write(tmp_path / "a.yaml"), write(tmp_path / "b.yaml"))) == 2


def test_a_dash_is_the_standard_input_and_is_read_once() -> None:
    assert sources("-", "-", stdin=b"a: 1\n") == [Source("stdin", b"a: 1\n")]


def test_the_standard_input_is_capped() -> None:
    assert sources("-", stdin=b"x" * MAX_FILE_BYTES)[0].data is not None
    assert sources("-", stdin=b"x" * (MAX_FILE_BYTES + 1)) == [Source("stdin", None, "larger than 32 MiB; split it")]


def test_a_closed_standard_input_is_missing() -> None:
    closed = io.BytesIO()
    closed.close()
    (source,) = read_paths(["-"], closed)
    assert source.missing
    assert source.data is None


def test_a_process_without_a_standard_input_has_it_missing() -> None:
    assert list(read_paths(["-"], None)) == [Source("stdin", None, "is closed", missing=True)]


def test_a_file_of_32_mib_is_read_and_one_byte_more_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"")
    os.truncate(path, MAX_FILE_BYTES)
    data = sources(path)[0].data
    assert data is not None
    assert len(data) == MAX_FILE_BYTES
    os.truncate(path, MAX_FILE_BYTES + 1)
    assert sources(path) == [Source(str(path), None, "larger than 32 MiB; split it")]


def test_a_file_of_50_mb_costs_no_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml")
    os.truncate(path, 50_000_000)
    tracemalloc.start()
    try:
        (source,) = sources(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert source.problem == "larger than 32 MiB; split it"
    assert not source.missing
    assert peak < 1_000_000


def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a: 1\n")
    os.close(writing)
    try:
        assert sources(f"/dev/fd/{reading}") == [Source(f"/dev/fd/{reading}", b"a: 1\n")]
    finally:
        os.close(reading)


def test_a_pipe_is_capped_and_what_is_over_stays_in_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    piece = b"x" * 1_000_000

    def fill() -> None:
        with pipe.open("wb", buffering=0) as stream:
            try:
                for _ in range(50):
                    stream.write(piece)
            except BrokenPipeError:
                return
            raise AssertionError("the whole pipe was read")

    writer = threading.Thread(target=fill)
    writer.start()
    found = sources(pipe)
    writer.join()
    assert found == [Source(str(pipe), None, "larger than 32 MiB; split it")]


def test_a_pipe_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert sources(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has files of unknown size")
def test_a_file_that_does_not_say_its_size_is_read() -> None:
    (source,) = sources("/proc/self/status")
    assert source.data is not None
    assert source.data.startswith(b"Name:")


def test_an_absent_path_is_missing_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "b.yaml")
    absent = tmp_path / "a.yaml"
    assert sources(absent, path) == [
        Source(str(absent), None, "does not exist", missing=True),
        Source(str(path), b"a: 1\n"),
    ]


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "/dev/null/a"])
def test_a_path_that_names_nothing_is_missing(path: str) -> None:
    (source,) = sources(path)
    assert source.missing
    assert source.problem


def test_a_forbidden_path_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert sources(tmp_path) == [Source(str(tmp_path), None, "may not be read; check its permissions", missing=True)]


def test_a_file_that_cannot_be_opened_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "a.yaml")
    monkeypatch.setattr("builtins.open", refuse)
    assert sources(path) == [Source(str(path), None, "may not be read; check its permissions", missing=True)]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    with open(folder + b"/\xff.yaml", "wb") as stream:  # noqa: PTH123 - pathlib takes no bytes
        stream.write(b"a: 1\n")
    (source,) = sources(tmp_path)
    assert source.data == b"a: 1\n"
    assert source.name == f"{tmp_path}/\ufffd.yaml"


def test_a_file_is_read_when_its_turn_comes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.yaml"), write(tmp_path / "b.yaml", "old")
    found = read_paths([str(first), str(second)], NOTHING)
    next(found)
    second.write_text("new")
    assert next(found).data == b"new"
