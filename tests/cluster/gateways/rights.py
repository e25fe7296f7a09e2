"""Accounts with exactly the rights that the chart grants in single namespaces, or with one of them less."""

from collections.abc import Iterable, Mapping

from tests.cluster.operator.accounts import Account
from tests.rights.audit import Call
from tests.rights.granted import Mode, Place, parts
from tests.testbed.bed import Bed

IN_SERVED = (Place.SERVED, Place.SECRETS)


def granted(role: str, *places: Place) -> set[Call]:
    """What a role may do in these places."""
    return {right[1:] for part in parts(role, Mode.SINGLE) if part.place in places for right in part.rights()}


class Grants(Account):
    """A service account that may do this everywhere, and that in single namespaces."""

    def __init__(
        self, bed: Bed, name: str, everywhere: Iterable[Call], within: Mapping[str, Iterable[Call]] | None = None
    ) -> None:
        self._everywhere = set(everywhere)
        super().__init__(bed, name)
        for namespace, rights in (within or {}).items():
            self.grant(rights, namespace)

    def allow_all_but(self, *plurals: str) -> None:
        """Grants what may be done everywhere, but for these."""
        self.grant(one for one in self._everywhere if one[1] not in plurals)


def without(rights: Iterable[Call], resource: str) -> set[Call]:
    """All of them but those to a resource."""
    return {one for one in rights if one[1] != resource}
