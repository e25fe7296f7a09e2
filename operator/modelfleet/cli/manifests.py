"""What `render kubernetes` prints, made: the children of the models in some files, without a cluster to look at."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.compiler import check_fleet, compile_children
from modelfleet.findings import Finding
from modelfleet.fleet.world import World
from modelfleet.sources.files import Source
from modelfleet.sources.folder import FolderStore
from modelfleet.sources.review import Review
from modelfleet.workloads.options import Options

POLICY: Final = "RoutingPolicy"


def children_of(
    sources: Sequence[Source], namespace: str, options: Options
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The children of every model that nothing speaks against, and what is wrong with the others."""
    store = FolderStore(namespace)
    store.observe(sources, "")
    declared = store.snapshot(World())
    snapshot = replace(declared, classes={name: _roomy(found) for name, found in declared.classes.items()})
    found = [finding for finding in check_fleet(declared) if finding.subject.kind != POLICY]
    plan = compile_children(snapshot, found, options)
    children = [child for recipe in plan.recipes.values() for child in recipe.objects(options)]
    return children, [*found, *plan.findings]


def _roomy(hardware: HardwareClass) -> HardwareClass:
    """The class where nodes are made as they are needed: no more is then in the way than what is declared."""
    spec = hardware.spec
    capacity = spec.capacity.model_copy(update={"provision": True})
    return hardware.model_copy(update={"spec": spec.model_copy(update={"capacity": capacity})})


def without_policies(review: Review) -> Review:
    """What was found in anything but policies: they have no part in children."""
    return replace(review, findings=[one for one in review.findings if one.subject.kind != POLICY])


def as_list(children: Sequence[dict[str, Any]]) -> str:
    """The objects as one, which kubectl reads, too."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": children}, indent=2) + "\n"
