from collections.abc import Iterator

import pytest

from tests.unit.engines_sim.support import MODELS, Engine, running


@pytest.fixture(scope="module")
def shared() -> Iterator[Engine]:
    with running(*(word for name in MODELS for word in ("--model", name))) as engine:
        yield engine


@pytest.fixture
def engine(shared: Engine) -> Engine:
    """One process for a whole module, which begins each test as it was declared."""
    assert shared.ask("DELETE", "/sim/behaviour").status == 200
    return shared
