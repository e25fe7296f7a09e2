"""One class of hardware that replicas of a model are on, and what their pods are made from."""

from dataclasses import dataclass
from typing import Final

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.hardwareclass.spec import Family
from modelfleet.api.modeldeployment.engine import Engine as Chosen
from modelfleet.api.modeldeployment.engine import EngineName
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.fleet.labels import HARDWARE, UNITS, label_value
from modelfleet.workloads.engine import Engine, Start, Task
from modelfleet.workloads.engines import ENGINES
from modelfleet.workloads.labels import common_labels
from modelfleet.workloads.names import claim_name, deployment_name
from modelfleet.workloads.options import Options
from modelfleet.workloads.weights import Weights

_DEVICES: Final = frozenset({"gpu", "tpu", "gaudi", "i915", "xe", "neuron"})
"""What resources that are accelerators are called, behind the domain of their maker."""
_OTHERS: Final = ("amd.com/", "gpu.intel.com/", "habana.ai/")
"""Makers of GPUs that the public images are not built for."""


@dataclass(frozen=True, slots=True)
class Site:
    """A class of hardware for a model; none where any node will do."""

    model: ModelDeployment
    hardware: HardwareClass | None
    units: int
    options: Options

    @property
    def chosen(self) -> Chosen:
        """The engine as the user has it."""
        engine = self.model.spec.engine
        assert engine is not None, "a hosted model is on no hardware"
        return engine

    @property
    def engine(self) -> Engine:
        """The engine as we know it."""
        return ENGINES[self.chosen.name]

    @property
    def hardware_name(self) -> str:
        """The name of the class, empty where there is none."""
        return self.hardware.metadata.name if self.hardware else ""

    @property
    def name(self) -> str:
        """The name of the Deployment."""
        return deployment_name(self.model.metadata.name, self.hardware_name)

    @property
    def claim(self) -> str:
        """The name of the template that the pods' claims are made from, empty where they claim nothing."""
        devices = self.hardware and self.hardware.spec.unit.device_class
        return claim_name(self.model.metadata.name, self.hardware_name, devices, self.units) if devices else ""

    @property
    def labels(self) -> dict[str, str]:
        """The labels of what is made for this class."""
        place = {HARDWARE: label_value(self.hardware_name), UNITS: str(self.units)}
        return {**common_labels(self.model), **place}

    @property
    def weights(self) -> Weights:
        """Where the weights come from."""
        return Weights(self.model.spec.model.source or "")

    @property
    def family(self) -> Family:
        """The sort of compute that an image is needed for."""
        if self.hardware is None:
            return Family.CPU
        resources = self.hardware.spec.unit.resources or {}
        others = any(name.startswith(_OTHERS) for name in resources)
        return Family.ACCELERATOR if others else self.hardware.spec.family

    @property
    def image(self) -> str:
        """The image: the user's, else the engine's; empty where nobody knows one."""
        if self.chosen.name is EngineName.SIM:
            return self.chosen.image or self.options.image
        return self.chosen.image or self.engine.images.get(self.family, "")

    @property
    def task(self) -> Task:
        """What the engine is to do here."""
        spec = self.model.spec
        return Task(
            name=spec.model.name,
            work=spec.work,
            weights=self.weights,
            family=self.family,
            context=spec.model.context_tokens,
            concurrency=spec.scale.concurrency_per_replica if spec.scale else None,
            devices=self._devices(),
        )

    @property
    def start(self) -> Start:
        """How a replica is started here: by the user's command, or by what we know of the engine."""
        known = self.engine.start(self.task) if self.engine.start else Start(())
        return Start(tuple(self.chosen.command), env=known.env) if self.chosen.command else known

    def _devices(self) -> int:
        if self.hardware is None or self.hardware.spec.family is Family.CPU:
            return 0
        unit = self.hardware.spec.unit
        counted = [int(it.amount) for name, it in (unit.resources or {}).items() if name.rpartition("/")[2] in _DEVICES]
        # Of a device class one device is claimed for each unit.
        return (sum(counted) or int(unit.device_class is not None)) * self.units
