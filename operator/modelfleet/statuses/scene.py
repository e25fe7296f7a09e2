"""What the status of one model is made from: a value, so that it is made again only where something of it changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Key
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.standings import Standing
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload
from modelfleet.placement.result import FleetPlacement, Placement, Share

EMPTY: Mapping[str, Standing] = {}


class Ground:
    """What is the same for all models of a fleet. There is one for as long as nothing of it changes."""

    def __init__(self, classes: Mapping[str, HardwareClass], unknown: Mapping[str, str]) -> None:
        self.classes = classes
        self.unknown = unknown
        """Kinds of which nothing is known, and why."""
        self.by_label = {label_value(name): one for name, one in classes.items()}


@dataclass(frozen=True, slots=True)
class Scene:
    """A model's part of a fleet as it is, and where its replicas are to be as far as that was planned."""

    ground: Ground
    pods: tuple[Pod, ...]
    workloads: tuple[Workload, ...]
    nodes: Mapping[str, Node]
    """Those that its pods are on, by their names."""
    refused: tuple[Trouble, ...]
    """What of its children cannot be made at all."""
    unwritten: bool
    """Whether some Deployment is not yet what it is to be."""
    is_planned: bool
    """Whether anything was planned in the fleet."""
    placement: Placement | None
    """What was planned for this model; without it, it is to be left as it is."""
    standing: Mapping[str, Standing]
    """Of one that is left as it is: how the classes stood with it."""

    def class_of(self, label: str) -> HardwareClass | None:
        """The class whose name this label stands for; None where there is none any more."""
        return self.ground.by_label.get(label)

    def name_of(self, label: str) -> str:
        """The name of that class, or the label itself."""
        hardware = self.class_of(label)
        return hardware.metadata.name if hardware else label

    @property
    def shares(self) -> tuple[Share, ...] | None:
        """How the classes stand with the model, as far as it was planned."""
        return self.placement.shares if self.placement else None

    @property
    def stuck(self) -> frozenset[str]:
        """The labels of classes on which no new version of it can be rolled out."""
        return self.placement.stuck if self.placement else frozenset()


class Scenes:
    """The scenes of a whole fleet, made so that one costs no walk through the others."""

    def __init__(self, snapshot: FleetSnapshot, placement: FleetPlacement | None, recall: Recall) -> None:
        self._snapshot = snapshot
        self._placement = placement
        self._nodes = {node.name: node for node in snapshot.nodes}
        self._ground = recall.of("ground", Ground, snapshot.classes, snapshot.unknown)

    def of(self, model: Key) -> Scene:
        """The scene of this model."""
        snapshot, placed = self._snapshot, self._placement.models.get(model) if self._placement else None
        pods = snapshot.pods.get(model, ())
        return Scene(
            ground=self._ground,
            pods=pods,
            workloads=snapshot.workloads.get(model, ()),
            nodes={pod.node: node for pod in pods if (node := self._nodes.get(pod.node))},
            refused=snapshot.refused.get(model, ()),
            unwritten=model in snapshot.unwritten,
            is_planned=self._placement is not None,
            placement=placed,
            standing=EMPTY if placed else snapshot.standing.get(model, EMPTY),
        )
