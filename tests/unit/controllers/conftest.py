"""What tests of who reads the reports of replicas share."""

from collections.abc import Iterator

import pytest

from tests.unit.controllers.telling import Desk, Telling, document


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with Desk(monkeypatch) as made:
        yield made


@pytest.fixture
def replica() -> Iterator[Telling]:
    made = Telling(document(1, "gw-0"))
    yield made
    made.die()
