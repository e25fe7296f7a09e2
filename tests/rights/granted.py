"""What the chart grants to each role in each mode, read from what Helm makes of it."""

from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from tests.chart.rendering import NAMESPACE, Rendered, template

ROLES = ("operator", "xds")
_SERVED, _KEYS = "served", "keys"


class Mode(StrEnum):
    """What a release serves."""

    EVERYWHERE = "everywhere"
    SINGLE = "single"


class Place(StrEnum):
    """Where a role of the chart is bound."""

    CLUSTER = "the whole cluster"
    SERVED = "the namespaces that are served"
    SECRETS = "the namespaces whose Secrets are read"
    HOME = "the namespace of the release"


PLACES = {
    frozenset({""}): Place.CLUSTER,
    frozenset({_SERVED, _KEYS}): Place.SERVED,
    frozenset({_KEYS}): Place.SECRETS,
    frozenset({NAMESPACE}): Place.HOME,
}
VALUES: dict[Mode, dict[str, Any]] = {
    Mode.EVERYWHERE: {"secretsNamespaces": [_KEYS]},
    Mode.SINGLE: {"secretsNamespaces": [_KEYS], "watchNamespaces": [_SERVED, _KEYS]},
}


class Right(NamedTuple):
    """One verb on one resource, by one role of the chart."""

    part: str
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{self.group and f'.{self.group}'}"


class Part(NamedTuple):
    """A Role or ClusterRole of the chart, and where an account has it."""

    name: str
    place: Place
    rules: list[dict[str, Any]]

    def rights(self) -> Iterator[Right]:
        """What it grants, one by one."""
        for rule in self.rules:
            # Names of objects and paths would have to be compared, too.
            assert rule.keys() == {"apiGroups", "resources", "verbs"}, f"{self.name}: {rule}"
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield Right(self.name, group, resource, verb)


@cache
def parts(role: str, mode: Mode) -> tuple[Part, ...]:
    """All that is bound to the account of a role."""
    return tuple(parts_of(template(VALUES[mode]), f"modelfleet-{role}"))


def parts_of(out: Rendered, account: str) -> Iterator[Part]:
    """All that is bound to an account in a release with one of these values."""
    for kind in ("ClusterRole", "Role"):
        bound: dict[str, set[str]] = {}
        for binding in out.all(f"{kind}Binding"):
            if account in {one["name"] for one in binding["subjects"]}:
                place = binding["metadata"].get("namespace", "")
                bound.setdefault(binding["roleRef"]["name"], set()).add(place)
        for name, places in bound.items():
            rules = [out.one(kind, name, place or None)["rules"] for place in sorted(places)]
            assert all(one == rules[0] for one in rules), f"{name} differs between namespaces"
            yield Part(name, PLACES[frozenset(places)], rules[0])


def rights(role: str, mode: Mode) -> set[Right]:
    """All that a role may do in a mode."""
    return {right for part in parts(role, mode) for right in part.rights()}
