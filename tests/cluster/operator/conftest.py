"""A proxy of each test's own, before the control plane that all of them share."""

from collections.abc import Iterator

import pytest

from tests.cluster.operator.process import Operator, running
from tests.testbed.bed import Bed
from tests.testbed.faults import FaultProxy

LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/modelfleet-operator"


@pytest.fixture
def proxy(bed: Bed) -> Iterator[FaultProxy]:
    """A proxy without rules, and a cluster in which nobody leads."""
    bed.api.delete(LEASE)
    with FaultProxy(bed) as proxy:
        yield proxy


@pytest.fixture
def operator(proxy: FaultProxy) -> Iterator[Operator]:
    """An operator that leads."""
    with running(proxy) as operator:
        yield operator
