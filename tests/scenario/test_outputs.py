"""Where a run writes to: what cannot be written is told, and what is written is its user's own."""

import signal
from pathlib import Path

import pytest

from tests.scenario.manifests import policy, save, small_engine
from tests.scenario.support import Up, ok, refused


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    folder.mkdir()
    save(folder / "fleet.yaml", small_engine("small"), policy("auto", "small"))
    return folder


def test_records_that_cannot_be_written_are_no_gateway_that_listens(fleet: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "decisions.jsonl").mkdir(parents=True)
    words = refused("up", fleet, "--listen", "127.0.0.1:0", "--state", state)
    assert "cannot listen" in words
    assert "decisions.jsonl" in words


def test_without_a_place_for_its_errors_it_serves_all_the_same(fleet: Path, tmp_path: Path) -> None:
    # A shell closes the descriptor; what Python opens first then has its number.
    with Up(fleet, state=tmp_path / "state", wrap=("sh", "-c", 'exec "$@" 2>&-', "sh")) as up:
        assert ok(up.ready().ask("auto"))
        up.signal(signal.SIGTERM)
        assert up.ended() == 0
        assert not up.family.look()
    assert len(up.out.lines) == 1


def test_what_it_writes_is_private_in_a_folder_that_was_not(fleet: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o755)
    with Up(fleet, state=state, wrap=("sh", "-c", 'umask 022; exec "$@"', "sh")) as up:
        assert ok(up.ready().ask("auto"))
        found = {path: path.stat().st_mode & 0o777 for path in state.rglob("*")}
        assert {path.name for path in found} >= {"decisions.jsonl", "envoy.log", "up.json", "up.lock"}
        wanted = {path: 0o700 if path.is_dir() else 0o600 for path in found}
        assert found == wanted
