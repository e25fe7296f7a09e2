import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from modelfleet.xds import cachefile
from modelfleet.xds.cachefile import CacheFile, Damaged, read_state, render_state
from modelfleet.xds.state import GatewayResources, gateway_resources
from tests.unit.xds.making import cluster, endpoints, listener, routes, scope, secret

STATE = gateway_resources(
    [cluster("a"), endpoints("a"), secret("s"), listener("l"), routes("r", ["a"]), scope("/r", "r")]
)
OTHER = gateway_resources([cluster("a", 1)])


def content(state: GatewayResources | None) -> list[tuple[str, str, str, bytes]]:
    assert state
    return [(it.type_url, it.name, it.version, it.body) for of in state.by_type.values() for it in of.values()]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    file = CacheFile(tmp_path / "new" / "folder", "g")
    file.prepare()
    assert file.load() is None
    file.save(STATE)
    assert content(file.load()) == content(STATE)
    assert content(CacheFile(tmp_path / "new" / "folder", "g").load()) == content(STATE)


def test_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = CacheFile(tmp_path / "new", "g")
        file.prepare()
        file.save(STATE)
        file.save(OTHER)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("gateway", ["../../up", ".", "a/b", "ä\n"])
def test_a_gateway_of_any_name_has_its_file_in_the_folder(tmp_path: Path, gateway: str) -> None:
    file = CacheFile(tmp_path / "new", gateway)
    file.save(STATE)
    assert [it.parent for it in tmp_path.rglob("*.xds")] == [tmp_path / "new"]
    assert content(file.load()) == content(STATE)


def test_gateways_share_a_folder_and_no_file(tmp_path: Path) -> None:
    one, two = CacheFile(tmp_path, "one"), CacheFile(tmp_path, "two")
    one.save(STATE)
    two.save(OTHER)
    assert (content(one.load()), content(two.load())) == (content(STATE), content(OTHER))


def flipped(data: bytes) -> bytes:
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit is wrong": flipped,
    "the end is missing": lambda data: data[:-1],
    "there is more": lambda data: data + b"x",
    "only the first line is there": lambda data: data[: data.index(b"\n") + 1],
    "it is empty": lambda _: b"",
    "it is something else": lambda _: b"\x00\xff" * 5000,
    "another version wrote it": lambda data: data.replace(b" 1 ", b" 2 ", 1),
    "another gateway's": lambda _: render_state("other", STATE),
    "nothing that a gateway takes": lambda _: render_state(
        "g", GatewayResources({"x": {"a": cluster("a")}}, "")
    ).replace(b"Cluster", b"Clutter"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_put_aside_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    file = CacheFile(tmp_path, "g")
    file.save(STATE)
    damaged = DAMAGES[damage](file.path.read_bytes())
    file.path.write_bytes(damaged)
    assert file.load() is None
    assert (tmp_path / "g.xds.damaged").read_bytes() == damaged
    assert not file.path.exists()
    (record,) = caplog.records
    assert str(file.path) in record.getMessage()
    assert file.load() is None
    file.save(OTHER)
    assert content(file.load()) == content(OTHER)


def test_every_bit_counts() -> None:
    data = render_state("g", STATE)
    for place in range(len(data)):
        with pytest.raises(Damaged):
            read_state("g", data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])


def test_a_name_that_stands_twice_is_no_state() -> None:
    twice = 2 * render_state("g", STATE).partition(b"\n")[2]
    with pytest.raises(Damaged, match="no resource"):
        read_state("g", cachefile._header(twice) + twice)


@pytest.mark.parametrize("what", ["a folder", "a pipe"])
def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path, what: str) -> None:
    file = CacheFile(tmp_path, "g")
    if what == "a pipe":
        os.mkfifo(file.path)
    else:
        file.path.mkdir()
    assert file.load() is None
    file.save(STATE)
    assert content(file.load()) == content(STATE)


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CacheFile(tmp_path, "g")
    file.save(STATE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            file.save(OTHER)
    assert [it.name for it in tmp_path.iterdir()] == ["g.xds"]
    assert content(file.load()) == content(STATE)


def test_what_a_killed_writer_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    file = CacheFile(tmp_path, "g")
    (tmp_path / ".g.xds.new").write_bytes(b"half")
    file.save(STATE)
    assert [it.name for it in tmp_path.iterdir()] == ["g.xds"]


def test_a_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    file = CacheFile(tmp_path / "x", "g")
    file.save(STATE)
    file.path.unlink()
    file.path.parent.rmdir()
    file.save(STATE)
    assert content(file.load()) == content(STATE)
