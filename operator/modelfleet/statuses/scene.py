"""What the status of any model is made from, put so that one model costs no walk through the others."""

from collections.abc import Mapping
from functools import cached_property

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Key
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.result import FleetPlacement, Share


class Scene:
    """A fleet as it is, and where its replicas are to be as far as that was planned."""

    def __init__(self, snapshot: FleetSnapshot, placement: FleetPlacement | None = None) -> None:
        self.snapshot = snapshot
        self.placement = placement

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by their names."""
        return {node.name: node for node in self.snapshot.nodes}

    @cached_property
    def _classes(self) -> Mapping[str, HardwareClass]:
        return {label_value(name): one for name, one in self.snapshot.classes.items()}

    def class_of(self, label: str) -> HardwareClass | None:
        """The class whose name this label stands for; None where there is none any more."""
        return self._classes.get(label)

    def name_of(self, label: str) -> str:
        """The name of that class, or the label itself."""
        hardware = self.class_of(label)
        return hardware.metadata.name if hardware else label

    def shares(self, model: Key) -> tuple[Share, ...] | None:
        """How the classes stand with this model; None where it was not planned, and is to be left as it is."""
        placed = self.placement.models.get(model) if self.placement else None
        return placed.shares if placed else None
