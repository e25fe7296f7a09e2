"""A real Envoy takes what the golden files show: a golden that no gateway would take proves nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelfleet.cli.rendering import Request, plan_of
from modelfleet.fleet.world import Gateway
from modelfleet.sources.files import read_paths
from tests.dataplane.support.fleets import fleet, model, simple
from tests.dataplane.support.gateway import NAME, RealGateway

ROOT = Path(__file__).resolve().parents[3]
INPUTS = sorted([*(ROOT / "manifests/samples").glob("*.yaml"), *(ROOT / "tests/golden/cases/envoy").glob("*.yaml")])


@pytest.fixture(scope="module")
def gateway() -> Iterator[RealGateway]:
    with RealGateway(fleet(model("a"), simple("a"))) as gateway:
        yield gateway


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_envoy_takes_everything(path: Path, gateway: RealGateway) -> None:
    installed = Gateway(NAME, *gateway.address, record=str(gateway.records.path))
    plan = plan_of(Request(list(read_paths([str(path)], None)), "default", installed))
    assert plan.defects == ()
    gateway._plane.publish(plan.gateways[NAME])
    gateway.settle()
    assert gateway.refusals == []
    assert gateway._plane._settled[-1].complete


def test_there_are_goldens_to_take() -> None:
    assert len(INPUTS) > 10
