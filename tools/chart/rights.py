"""What each role may do: the one place from which the chart's roles are written.

Which kinds are watched and made is said where the program says it, so a kind that is added there is granted here.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from modelfleet.sources.kinds import OURS, ROUTED, WATCHED, Watched

LOOK = ("list", "watch")
MAKE = ("create", "delete", "get", "list", "patch", "watch")
"""To apply what is not there is to create it, and what a watch has not told of yet is got by its name."""
OPTIONAL = {
    "scaledobjects": "keda",
    "resourceclaimtemplates": "deviceClasses",
    "modeldeployments/finalizers": "finalizers",
}
"""Resources that a value of `rbac` grants."""


class Where(StrEnum):
    """Where a right is granted, and as what the chart's templates know it."""

    SHARED = "shared"
    """In the whole cluster."""
    WHOLE = "whole"
    """In the whole cluster, and not at all to who serves single namespaces: it is about what belongs to everybody."""
    SERVED = "served"
    SECRETS = "secrets"
    """In the namespaces whose Secrets are read."""
    HOME = "home"
    """In the namespace of the release."""
    ALONE = "alone"
    """There, too, but where the whole cluster is served it is granted everywhere already."""


class Right(NamedTuple):
    """Verbs on a resource."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    where: Where = Where.SERVED

    @property
    def value(self) -> str:
        """The value of `rbac` without which it is not granted; empty where it always is."""
        return OPTIONAL.get(self.resource, "")


def _look(kinds: Iterable[Watched]) -> Iterator[Right]:
    for one in kinds:
        verbs = MAKE if one.is_child else LOOK
        yield Right(one.group, one.plural, verbs, Where.SERVED if one.namespaced else Where.SHARED)


def _tell(kinds: Iterable[Watched]) -> Iterator[Right]:
    """A status is applied, and replaced where somebody else wrote into it."""
    for one in kinds:
        where = Where.SERVED if one.namespaced else Where.WHOLE
        yield Right(one.group, f"{one.plural}/status", ("patch", "update"), where)


SECRETS = Right("", "secrets", ("get",), Where.SECRETS)
ROLES: dict[str, tuple[Right, ...]] = {
    "operator": (
        *_look(WATCHED),
        *_tell(OURS),
        Right("modelfleet.dev", "modeldeployments/finalizers", ("update",)),
        Right("", "configmaps", ("get",)),
        SECRETS,
        Right("", "events", ("create", "get", "patch")),
        Right("coordination.k8s.io", "leases", ("create", "get", "update"), Where.HOME),
        Right("discovery.k8s.io", "endpointslices", ("list",), Where.ALONE),
        Right("", "pods", ("list",), Where.ALONE),
    ),
    "xds": (*_look(ROUTED), SECRETS),
}


def render_rights(note: str) -> str:
    """The file of the chart that the roles of both modes are made of."""
    parts = [f"{{{{/* {note} docs/rights.md explains each of them. */}}}}"]
    for role, rights in ROLES.items():
        for where in Where:
            if found := [one for one in rights if one.where is where]:
                rules = "\n".join(_rules(found))
                parts.append(f'{{{{- define "modelfleet.rights.{role}.{where}" -}}}}\n{rules}\n{{{{- end -}}}}')
    return "\n\n".join(parts) + "\n"


def _rules(rights: Iterable[Right]) -> Iterator[str]:
    """Rules as YAML. Resources of one group with the same verbs are one rule."""
    for (value, group, verbs), alike in groupby(rights, lambda one: (one.value, one.group, one.verbs)):
        if value:
            yield f"{{{{- if .Values.rbac.{value} }}}}"
        yield "- apiGroups: [" + (group or '""') + "]"
        yield f"  resources: [{', '.join(one.resource for one in alike)}]"
        yield f"  verbs: [{', '.join(verbs)}]"
        if value:
            yield "{{- end }}"
