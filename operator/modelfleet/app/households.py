"""What is remembered from one look at the fleet to the next of the models that run here."""

from collections.abc import Mapping

from modelfleet.compiler import ChildrenPlan
from modelfleet.controllers.families import Family, family_of
from modelfleet.findings import Key
from modelfleet.fleet.standings import Standing
from modelfleet.placement.result import Placement
from modelfleet.workloads.options import Options
from modelfleet.workloads.recipe import Recipe

Standings = Mapping[str, Standing]


class Households:
    """The objects that are wanted for each model, made again only where what they are made from has changed.

    And how each class stood with each model when the fleet was last looked at: it is in the statuses as well, which are
    written a moment later, and by whoever writes. For the thread that looks, and no other.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._made: dict[Key, tuple[Recipe, Family]] = {}
        self._standing: Mapping[Key, tuple[str, Standings]] = {}

    def standing(self, uids: Mapping[Key, str]) -> dict[Key, Standings]:
        """How each class stands with each model of which something was found before."""
        return {key: standing for key, (uid, standing) in self._standing.items() if uids.get(key) == uid}

    def forget_standings(self) -> None:
        """From now on what is written counts."""
        self._standing = {}

    def families(self, plan: ChildrenPlan, uids: Mapping[Key, str]) -> dict[Key, Family]:
        """What is to be there for each model that the plan names."""
        self._standing = {key: (uids[key], _standings(placed)) for key, placed in plan.placement.models.items()}
        self._made = {key: self._family(key, recipe, uids[key]) for key, recipe in plan.recipes.items()}
        return {key: family for key, (_, family) in self._made.items()}

    def _family(self, key: Key, recipe: Recipe, uid: str) -> tuple[Recipe, Family]:
        known = self._made.get(key)
        if known and known[0] == recipe and known[1].uid == uid:
            return known
        return recipe, family_of(key, uid, recipe.objects(self._options), dict(recipe.kept))


def _standings(placement: Placement) -> dict[str, Standing]:
    return {share.hardware: Standing(share.reason, share.since, share.message) for share in placement.shares}
