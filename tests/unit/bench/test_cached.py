"""What is kept in the user's cache is whole, and was made once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.cached import kept, place


def test_what_fails_halfway_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        kept(tmp_path / "kind" / "thing", broken)
    assert [path.name for path in (tmp_path / "kind").iterdir()] == ["lock"]
    whole = kept(tmp_path / "kind" / "thing", lambda folder: (folder / "whole").touch())
    assert [path.name for path in whole.iterdir()] == ["whole"]


def test_who_asks_while_it_is_made_waits_for_it(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        time.sleep(0.05)
        made.append(folder)

    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda _: kept(tmp_path / "thing", make), range(8)))
    assert set(found) == {tmp_path / "thing"}
    assert len(made) == 1


def test_another_pin_is_another_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place("bench", "peer", [b"1"]) == place("bench", "peer", [b"1"])
    assert len({place("bench", "peer", pins) for pins in ([b"1"], [b"2"], [b"1", b""], [b"1", b"2"])}) == 4
    assert place("bench", "peer", [b"1"]).is_relative_to(tmp_path / "modelfleet" / "bench")
