"""Hostile fleets as files, whole and torn: lint and render say what is wrong in each of them, and never break."""

from collections.abc import Callable
from pathlib import Path

from tests.sizes import scale
from tests.support.hostile.fleets import made
from tests.support.hostile.seeds import seed
from tests.support.hostile.texts import text_faults

SIZE = scale(15, 1_000)


def test_lint_and_render_tell_what_is_wrong_with_any_text(tmp_path: Path, evidence: Callable[..., None]) -> None:
    chosen = seed()
    for number in range(SIZE):
        fleet = made(f"{chosen}-{number}")
        faults = text_faults(fleet, tmp_path)
        assert not faults, "\n".join([f"of the fleet {fleet.name}:", *faults])
    evidence(fleets=SIZE, seed=chosen)
