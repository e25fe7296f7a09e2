"""A proxy of each test's own, before the control plane that all of them share."""

from collections.abc import Iterator

import pytest

from tests.cluster.operator.objects import SERVED
from tests.cluster.operator.process import Operator, running, unled
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed
from tests.testbed.faults import FaultProxy


@pytest.fixture
def proxy(bed: Bed) -> Iterator[FaultProxy]:
    """A proxy without rules, and a cluster in which nobody leads."""
    with unled(bed) as proxy:
        yield proxy


@pytest.fixture
def operator(proxy: FaultProxy) -> Iterator[Operator]:
    """An operator that leads."""
    with running(proxy) as operator:
        yield operator


@pytest.fixture(scope="module")
def lasting(bed: Bed, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """An operator for all tests of a module, with the options that its OPTIONS names."""
    with unled(bed) as proxy, running(proxy, "lasting", *getattr(request.module, "OPTIONS", ())) as operator:
        yield operator


@pytest.fixture
def shared(lasting: Operator) -> Iterator[Operator]:
    """The same for each test of a module, and whole before each; what a test breaks ends with it."""
    process = lasting.pid
    wait_for("every watch to run", lambda: lasting.proxy.watches("lasting") == len(SERVED))
    yield lasting
    lasting.proxy.clear()
    assert lasting.is_running(), f"the operator ended:\n{lasting.last_words()}"
    assert lasting.pid == process
    assert lasting.ask("/healthz") == (200, "ok\n")
