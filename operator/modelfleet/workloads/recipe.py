"""What the objects of a model are made from: as long as it is the same, nobody has to make them again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Key, Reason
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.result import Placement, Share
from modelfleet.workloads.options import Options
from modelfleet.workloads.render import left_alone, render_children


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model with its share of each class. Two that are equal come to the same bytes."""

    model: ModelDeployment
    shares: tuple[Share, ...]
    classes: tuple[HardwareClass, ...]
    """The classes that have a share."""
    kept: tuple[tuple[Key, int], ...] = ()
    """Deployments that stay as they are, and how many replicas each is to have."""

    def objects(self, options: Options) -> tuple[dict[str, Any], ...]:
        """The objects, in the order in which they are to be made."""
        by_name: Mapping[str, HardwareClass] = {one.metadata.name: one for one in self.classes}
        return render_children(self.model, Placement(self.shares), by_name, options)


def recipe_of(model: ModelDeployment, placement: Placement, snapshot: FleetSnapshot) -> Recipe:
    """What is to be made for a model that is placed so."""
    # Why a class was chosen is told in the status, and changes nothing that is made.
    shares = tuple(_bare(share) for share in placement.shares if share.replicas or share.target)
    classes = tuple(found for share in shares if (found := snapshot.classes.get(share.hardware)))
    left = left_alone(placement, snapshot.classes)
    counts = {label_value(share.hardware): share.replicas for share in shares}
    made = snapshot.workloads.get(model.key, ()) if left else ()
    kept = tuple((one.key, counts[one.hardware]) for one in made if one.hardware in left and one.hardware in counts)
    return Recipe(model, shares, classes, kept)


def _bare(share: Share) -> Share:
    return Share(share.hardware, share.units, share.replicas, share.target, Reason.CHOSEN, "", 0.0)
