"""One operator for the tests of a module, and for each test a corner of the cluster of its own."""

from collections.abc import Iterator

import pytest

from tests.cluster.operator.process import Operator, running, unled
from tests.cluster.placement.fleet import Fleet, corner
from tests.testbed.bed import Bed


@pytest.fixture(scope="module")
def placing(bed: Bed) -> Iterator[Operator]:
    """An operator that leads, for all tests of a module."""
    with unled(bed) as proxy, running(proxy, "placing") as operator:
        yield operator


@pytest.fixture
def fleet(bed: Bed, namespace: str, placing: Operator) -> Iterator[Fleet]:
    """The test's own corner; the operator is whole before and after."""
    process = placing.pid
    with corner(bed, namespace) as fleet:
        yield fleet
    assert placing.is_running(), f"the operator ended:\n{placing.last_words()}"
    assert placing.pid == process
