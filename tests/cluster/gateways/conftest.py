"""What tests of gateways on a control plane share."""

from collections.abc import Iterator

import pytest

from tests.cluster.conftest import need_pods_that_answer
from tests.cluster.gateways.engines import Engines
from tests.cluster.gateways.scene import Scene
from tests.testbed.bed import Bed
from tests.testbed.faults import FaultProxy


@pytest.fixture
def scene(bed: Bed, proxy: FaultProxy) -> Iterator[Scene]:
    """Nothing runs yet, and the gateway is called default."""
    with Scene(bed, proxy) as made:
        yield made


@pytest.fixture
def engines(bed: Bed) -> Iterator[Engines]:
    """Answers for all pods."""
    need_pods_that_answer(bed)
    with Engines() as made:
        yield made
