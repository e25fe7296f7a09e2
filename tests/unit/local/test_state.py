"""Claims on real folders, by real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelfleet.findings import Unusable
from modelfleet.local import state
from modelfleet.local.state import Folder, claim, latest

CLAIM = """
import sys, time
from pathlib import Path
from modelfleet.local.state import claim

claimed = claim(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
claimed.announce("127.0.0.1:1", {"xds": claimed.socket("xds.sock")})
print(claimed.runtime, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


@contextmanager
def another(*arguments: str, **environ: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Another process that has claimed, and where its runtime folder is."""
    command = [sys.executable, "-c", CLAIM, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}) as process:
        assert process.stdout is not None
        runtime = Path(process.stdout.readline().strip())
        try:
            yield process, runtime
        finally:
            process.kill()
            process.wait()
            assert runtime.name.startswith("modelfleet-")
            shutil.rmtree(runtime, ignore_errors=True)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_named_folder_is_made_private_and_has_a_short_runtime_folder(tmp_path: Path) -> None:
    with claim(tmp_path / "a/b") as claimed:
        assert claimed.path == tmp_path / "a/b"
        assert (mode(claimed.path), mode(claimed.runtime)) == (0o700, 0o700)
        assert len(str(claimed.socket("x" * 20))) <= state.LONGEST_SOCKET
        assert claimed.decisions.name == "decisions.jsonl"
        assert claimed.lock.read_text() == f"{os.getpid()}\n"
    assert not claimed.runtime.exists()


def test_a_relative_folder_stays_where_it_was_when_we_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with claim(Path("here")) as claimed:
        assert claimed.path == tmp_path / "here"


def test_a_folder_that_another_process_has_is_refused_by_its_pid(tmp_path: Path) -> None:
    with another(str(tmp_path)) as (process, runtime):
        with pytest.raises(Unusable) as refused:
            claim(tmp_path)
        assert str(refused.value) == (
            f"{tmp_path} is in use by process {process.pid}: end that one, or use --state another folder"
        )
        assert runtime.exists()


def test_a_folder_is_free_again_when_its_process_was_killed_and_what_it_left_is_removed(tmp_path: Path) -> None:
    other = tempfile.mkdtemp(prefix="modelfleet-")
    with another(str(tmp_path)) as (process, runtime):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert runtime.exists()
        with claim(tmp_path) as claimed:
            assert not runtime.exists()
            assert claimed.runtime.exists()
            assert not claimed.up.exists()
    assert Path(other).exists()
    Path(other).rmdir()


def test_what_another_run_has_is_left_alone(tmp_path: Path) -> None:
    with another(str(tmp_path / "a")) as (_, runtime), claim(tmp_path / "b"):
        assert runtime.exists()


def test_a_link_to_a_folder_is_not_followed_when_leftovers_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "owner").write_bytes(os.fsencode(tmp_path / "s"))
    link = Path(tempfile.gettempdir(), f"modelfleet-link-{os.getpid()}")
    link.symlink_to(target)
    try:
        with claim(tmp_path / "s"):
            assert (target / "owner").exists()
    finally:
        link.unlink()


def test_runs_without_a_name_have_a_folder_each(tmp_path: Path, environ: dict[str, str]) -> None:
    with claim(None, environ) as one, claim(None, environ) as two, claim(None, environ) as three:
        assert [each.path.name for each in (one, two, three)] == ["up", "up-2", "up-3"]
        assert one.path == tmp_path / "state/modelfleet/up"
        two.close()
        with claim(None, environ) as again:
            assert again.path.name == "up-2"


def test_without_the_variable_it_is_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for environ in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        with claim(None, environ) as claimed:
            assert claimed.path == tmp_path / ".local/state/modelfleet/up"


def test_too_many_runs_are_refused(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_MOST", 1)
    with claim(None, environ), pytest.raises(Unusable, match="1 runs have their state in"):
        claim(None, environ)


def test_readers_find_the_folder_that_was_used_last(tmp_path: Path, environ: dict[str, str]) -> None:
    assert latest(environ) is None
    with claim(None, environ) as one, claim(None, environ) as two:
        for number, path in enumerate([one.lock, two.lock]):
            os.utime(path, (1000 + number, 1000 + number))
        found = latest(environ)
        assert found is not None
        assert found.path == two.path
        one.decisions.write_text("{}\n")
    found = latest(environ)
    assert found is not None
    assert found.path == one.path
    assert not isinstance(found, state.StateDir)
    assert not (tmp_path / "state/modelfleet/up-3").exists()


def test_what_is_announced_is_whole_and_goes_with_the_run(tmp_path: Path) -> None:
    with claim(tmp_path) as claimed:
        claimed.announce("127.0.0.1:8080", {"xds": claimed.socket("xds.sock")})
        known = json.loads(claimed.up.read_text())
        assert known.pop("started").endswith("+00:00")
        assert known == {
            "pid": os.getpid(),
            "address": "127.0.0.1:8080",
            "sockets": {"xds": f"{claimed.runtime}/xds.sock"},
        }
        assert sorted(path.name for path in tmp_path.iterdir()) == ["up.json", "up.lock"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["up.lock"]
    claimed.close()


def test_a_closed_run_takes_nothing_from_the_next_one(tmp_path: Path) -> None:
    first = claim(tmp_path)
    first.close()
    with claim(tmp_path) as second:
        second.announce("127.0.0.1:1", {})
        first.close()
        assert second.up.exists()
        assert second.runtime.exists()


def test_children_do_not_hold_the_lock(tmp_path: Path) -> None:
    claimed = claim(tmp_path)
    with subprocess.Popen(["sleep", "1000"], close_fds=False) as child:
        try:
            claimed.close()
            claim(tmp_path).close()
        finally:
            # Else who leaves the block waits for its end.
            child.kill()


def test_sockets_have_a_short_path_also_where_the_folder_for_temporary_files_is_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with claim(tmp_path / "s") as claimed:
        assert claimed.runtime.parent == Path("/tmp")
        claimed.socket("envoy-admin.sock")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(Unusable) as refused:
            claim(path)
        words = f"{path} is not a folder, or is below something that is none, or use --state another folder"
        assert str(refused.value) == words


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    # Nobody may make a folder in /sys, and everyone but root is kept out by a mode.
    closed = Path("/sys") if os.geteuid() == 0 else tmp_path / "closed"
    if os.geteuid():
        closed.mkdir(mode=0o500)
    for path in (closed / "state", closed):
        with pytest.raises(Unusable, match=r"may not be written; check its permissions|cannot be written: ") as refused:
            claim(path)
        assert str(refused.value).startswith(f"{path} ")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(Unusable, match=r"cannot be written: No space left on device, or use --state another folder"):
        claim(tmp_path)
    monkeypatch.undo()
    claim(tmp_path).close()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "up.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(Unusable):
        claim(tmp_path)
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_reader_needs_no_claim(tmp_path: Path) -> None:
    assert Folder(tmp_path).envoy_log == tmp_path / "envoy.log"
    assert list(tmp_path.iterdir()) == []
