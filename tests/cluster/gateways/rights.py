"""Accounts with exactly the rights that docs/gateways.md and docs/operator.md list, or with one of them less."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from tests.cluster.operator.accounts import BESIDES, LOOK, MAKE, RBAC, Account
from tests.testbed.bed import Bed, expect

Right = tuple[str, str, tuple[str, ...]]
"""Group, resource and verbs."""

SEE = ("list", "watch")
SHARED: tuple[Right, ...] = (("", "nodes", SEE), ("modelfleet.dev", "hardwareclasses", SEE))
"""What both roles read of the whole cluster."""
XDS: tuple[Right, ...] = (
    ("modelfleet.dev", "modeldeployments", SEE),
    ("modelfleet.dev", "routingpolicies", SEE),
    ("", "pods", SEE),
    ("discovery.k8s.io", "endpointslices", SEE),
    ("", "secrets", ("get",)),
)
"""What the xds role may do in the namespaces that it serves. It is all that it may do."""
HOME: tuple[Right, ...] = (("discovery.k8s.io", "endpointslices", ("list",)), ("", "pods", ("list",)))
"""What the operator reads of gateways in its own namespace."""
LEASES: tuple[Right, ...] = (("coordination.k8s.io", "leases", ("get", "create", "update")),)
OPERATOR: tuple[Right, ...] = (
    *((group, "*", tuple(LOOK)) for group in ("modelfleet.dev", "apps", "policy", "autoscaling", "discovery.k8s.io")),
    ("", "pods", SEE),
    ("", "services", tuple(LOOK)),
    *((group, name, tuple(verbs)) for group, names, verbs in BESIDES for name in names if group != RBAC),
    ("", "services", tuple(MAKE)),
)
"""What the operator may do in the namespaces that it serves, as far as this test is not about it."""


class Grants(Account):
    """A service account that may do this everywhere, and that in single namespaces."""

    def __init__(
        self, bed: Bed, name: str, everywhere: Iterable[Right], within: Mapping[str, Iterable[Right]] | None = None
    ) -> None:
        self._everywhere = tuple(everywhere)
        super().__init__(bed, name)
        for namespace, rights in (within or {}).items():
            self.allow(namespace, rights)

    def allow_all_but(self, *plurals: str) -> None:
        """Grants what may be done everywhere, but for these."""
        self._apply("ClusterRole", rules=_rules(self._everywhere, plurals))

    def allow(self, namespace: str, rights: Iterable[Right]) -> None:
        """From now on it may do this in the namespace, and nothing else there."""
        path = f"/apis/{RBAC}/v1/namespaces/{namespace}"
        role = {"metadata": {"name": self.name}, "rules": _rules(rights)}
        binding = {
            "metadata": {"name": self.name},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": self.name},
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": "default"}],
        }
        for kind, body in (("Role", role), ("RoleBinding", binding)):
            made: dict[str, Any] = {"apiVersion": f"{RBAC}/v1", "kind": kind, **body}
            expect(self._bed.api.apply(f"{path}/{kind.lower()}s/{self.name}", made), HTTPStatus.OK, HTTPStatus.CREATED)


def without(rights: Iterable[Right], resource: str) -> tuple[Right, ...]:
    """All of them but those to a resource."""
    return tuple(one for one in rights if one[1] != resource)


def _rules(rights: Iterable[Right], but: Iterable[str] = ()) -> list[dict[str, Any]]:
    return [
        {"apiGroups": [group], "resources": [name], "verbs": list(verbs)}
        for group, name, verbs in rights
        if name not in but
    ]
