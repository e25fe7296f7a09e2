"""Which models are not yet written as they are wanted: what their Deployments say is of the version before."""

from collections.abc import Iterable, Mapping

from modelfleet.controllers.families import Family
from modelfleet.findings import Key
from modelfleet.fleet.workloads import Workload


def unwritten(families: Mapping[Key, Family], seen: Mapping[Key, Iterable[Workload]]) -> frozenset[Key]:
    """Those of these models of which a Deployment is missing, is another than is wanted, or is wanted no longer."""
    return frozenset(model for model, family in families.items() if not _is_written(family, seen.get(model, ())))


def _is_written(family: Family, seen: Iterable[Workload]) -> bool:
    wanted = {child.key: child.hash for child in family.children if child.key.kind == "Deployment"}
    there = set()
    for one in seen:
        if one.key in wanted:
            there.add(one.key)
            is_right = one.hash == wanted[one.key]
        else:
            # What is not the model's own is left alone, whatever its label says.
            is_right = one.owner_uid != family.uid or family.kept.get(one.key) == one.desired
        if not is_right:
            return False
    return len(there) == len(wanted)
