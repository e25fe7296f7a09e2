"""A day of the plant in `manifests/samples/mixed-hardware.yaml`: what its fleet does while hardware comes and goes."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml

from tests.cluster.operator.objects import make
from tests.cluster.operator.process import Operator
from tests.cluster.placement.devices import devices
from tests.cluster.placement.fleet import QUICK, Fleet, Where
from tests.cluster.placement.watching import watching
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.nodes import nodes

SAMPLE = Path(__file__).resolve().parents[3] / "manifests" / "samples" / "mixed-hardware.yaml"
REGION = "topology.kubernetes.io/region"
CHAT, EMBEDDING, CHECK, PLANNER = "operator-chat", "manuals-embedding", "setpoint-check", "shift-planner"
GPUS, CPUS = "gpu-a10", "cpu-large"


class Plant(Fleet):
    """The sample under its own names, on the nodes of the testbed."""

    def own(self, name: str) -> str:
        return name

    def apply_sample(self) -> None:
        """Applies it as it is, but for the minutes that a story cannot wait."""
        for raw in yaml.safe_load_all(SAMPLE.read_text()):
            if raw["kind"] == "Namespace":
                expect(self.api.create("/api/v1/namespaces", raw), HTTPStatus.CREATED)
                continue
            if raw["kind"] == "ModelDeployment":
                raw["spec"]["placement"] |= QUICK
            if raw["kind"] == "HardwareClass":
                self._classes.add(raw["metadata"]["name"])
            make(self.api, raw)

    def runs(self, model: str, on_gpus: int = 0, on_cpus: int = 0) -> None:
        """Waits until so many replicas of a model serve on these classes, and none anywhere else."""
        self.runs_on(model, **{GPUS: on_gpus, CPUS: on_cpus})

    def costs(self, model: str, money: str) -> None:
        """Waits until the model says what it costs in an hour."""
        wait_for(f"{model} to cost {money}", lambda: self.status(model).get("costPerHour") == money)

    def units(self, hardware: str, **counts: int) -> None:
        """Waits until a class counts its units so."""
        wait_for(f"{hardware} to have {counts}", lambda: self.of_class(hardware).get("units") == counts)


@pytest.fixture
def plant(bed: Bed, placing: Operator) -> Iterator[Plant]:
    """What the sample needs around it: its devices, and a PriorityClass. The nodes are whole again at the end."""
    assert placing.leads()
    plant = Plant(bed, "plant")
    with devices(plant, "annealer-0", 2, "annealer.example.com"):
        plant.priority("interactive", 1000)
        try:
            plant.apply_sample()
            yield plant
        finally:
            plant.end()
            bed.api.delete("/api/v1/namespaces/plant")
            put_up(bed)


def put_up(bed: Bed, *names: str) -> None:
    """Makes those nodes of the testbed again that are not there; all, or these."""
    for raw in nodes():
        if not names or raw["metadata"]["name"] in names:
            bed.api.create("/api/v1/nodes", raw)


def in_region(bed: Bed, region: str, *pools: str) -> list[str]:
    """The nodes of these pools in a region."""
    items = expect(bed.api.get("/api/v1/nodes"), HTTPStatus.OK)["items"]
    return [
        item["metadata"]["name"]
        for item in items
        if item["metadata"]["labels"].get(REGION) == region and item["metadata"]["name"].rpartition("-")[0] in pools
    ]


def test_a_day_of_the_plant(bed: Bed, plant: Plant) -> None:
    """One test, because each hour begins with what the one before has left."""
    the_shift_begins(plant)
    a_region_is_lost_and_comes_back(bed, plant)
    everybody_asks_and_the_gpus_are_full(plant)
    the_spot_market_takes_the_gpus(bed, plant)
    the_gpus_are_back(bed, plant)
    the_evening_is_quiet(bed, plant)


def the_shift_begins(plant: Plant) -> None:
    """Each model runs on the class that it likes best, and says what that costs."""
    plant.runs(CHAT, on_gpus=2)
    plant.runs(EMBEDDING, on_gpus=2)
    plant.runs(CHECK, on_cpus=3)
    plant.runs_on(PLANNER, annealer=1)
    for model, money in ((CHAT, "0.90 USD"), (EMBEDDING, "0.90 USD"), (CHECK, "1.02 USD"), (PLANNER, "12.50 USD")):
        plant.condition("Ready", "True", model)
        plant.costs(model, money)
    plant.units(GPUS, total=8, used=4, free=4)
    plant.says(CPUS, "NotNeeded", EMBEDDING)


def a_region_is_lost_and_comes_back(bed: Bed, plant: Plant) -> None:
    """What ran there runs in the other region, in full number."""
    lost = in_region(bed, "us-east-1", GPUS, CPUS)
    plant.vanish(*lost)
    plant.runs(CHAT, on_gpus=2)
    plant.runs(EMBEDDING, on_gpus=2)
    plant.runs(CHECK, on_cpus=3)
    for model in (CHAT, EMBEDDING, CHECK):
        assert set(plant.on(model, REGION)) == {"eu-west-1"}
    wait_for("the class to say so", lambda: plant.of_class(GPUS).get("readyNodes") == 2)
    put_up(bed, *lost)
    wait_for("the nodes to be back", lambda: plant.of_class(GPUS).get("readyNodes") == 3)


def everybody_asks_and_the_gpus_are_full(plant: Plant) -> None:
    """The autoscaler of the chat takes all GPUs that may be used; embeddings put up with CPUs."""
    plant.scale(CHAT, 6)
    plant.runs(CHAT, on_gpus=6)
    plant.units(GPUS, total=8, used=8, free=0)
    plant.scale(EMBEDDING, 4)
    plant.runs(EMBEDDING, on_gpus=2, on_cpus=2)
    why = plant.says(GPUS, "Full", EMBEDDING)
    assert CHAT in why
    assert "maxUnits" in why
    plant.costs(EMBEDDING, "2.26 USD")


def the_spot_market_takes_the_gpus(bed: Bed, plant: Plant) -> None:
    """Embeddings go on with CPUs; the chat has nothing else and says what it waits for."""
    plant.vanish(*in_region(bed, "eu-west-1", GPUS), *in_region(bed, "us-east-1", GPUS))
    plant.runs(EMBEDDING, on_cpus=4)
    plant.comes_to(Where({}, {GPUS: 6}), CHAT)
    assert plant.condition("Placed", "Unschedulable", CHAT)
    assert plant.condition("Available", "False", CHAT)
    plant.class_is(GPUS, "Ready", "Provisionable")
    plant.runs(CHECK, on_cpus=3)
    plant.runs_on(PLANNER, annealer=1)


def the_gpus_are_back(bed: Bed, plant: Plant) -> None:
    """The chat runs at once; embeddings come back to what it leaves, and serve meanwhile."""
    with watching(bed, plant, EMBEDDING) as course:
        put_up(bed)
        plant.runs(CHAT, on_gpus=6)
        plant.runs(EMBEDDING, on_gpus=2, on_cpus=2)
    assert course.fewest == 4
    plant.condition("Ready", "True", CHAT)


def the_evening_is_quiet(bed: Bed, plant: Plant) -> None:
    """The chat shrinks, and embeddings take the GPUs that are free again."""
    with watching(bed, plant, EMBEDDING) as course:
        plant.scale(CHAT, 2)
        plant.runs(CHAT, on_gpus=2)
        plant.runs(EMBEDDING, on_gpus=4)
    assert course.fewest == 4
    plant.units(GPUS, total=8, used=6, free=2)
    plant.costs(EMBEDDING, "1.80 USD")
