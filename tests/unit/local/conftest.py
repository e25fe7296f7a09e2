"""Fixtures of the tests that start processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.local.family import Family, family


@pytest.fixture
def kin(tmp_path: Path) -> Iterator[Family]:
    folder = tmp_path / "pids"
    folder.mkdir()
    with family(folder) as made:
        yield made
