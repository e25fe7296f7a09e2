"""An account of the operator's own, as an installer would make it: rights that can be taken, tokens that can end."""

import json
import time
import uuid
from http import HTTPStatus
from typing import Any

from modelfleet.sources.kinds import WATCHED
from tests.cluster.operator.process import Operator
from tests.testbed.bed import Bed, expect

RBAC = "rbac.authorization.k8s.io"
SECRETS = "/api/v1/namespaces/default/secrets"
LOOK = ["get", "list", "watch"]
MAKE = ["create", "delete", "patch"]
BESIDES = (
    *((watched.group, [watched.plural], MAKE) for watched in WATCHED if watched.is_child),
    ("modelfleet.dev", [f"{watched.plural}/status" for watched in WATCHED if watched.is_ours], ["patch"]),
    ("", ["secrets", "configmaps"], ["get"]),
    ("", ["events"], ["get", "create", "patch"]),
    ("coordination.k8s.io", ["leases"], ["get", "create", "update"]),
)


class Account:
    """A service account of namespace `default`, with a role of the whole cluster."""

    def __init__(self, bed: Bed, name: str) -> None:
        self._bed = bed
        self.name = name
        self.ended_at = 0.0
        self._anchors: list[str] = []
        self._path = f"/api/v1/namespaces/default/serviceaccounts/{name}"
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        expect(bed.api.apply(self._path, account), HTTPStatus.OK, HTTPStatus.CREATED)
        self.allow_all_but()
        self._apply(
            "ClusterRoleBinding",
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
            subjects=[{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        )

    def allow_all_but(self, *plurals: str) -> None:
        """Grants what an operator needs, but not to look at these."""
        looks = [(watched.group, [watched.plural], LOOK) for watched in WATCHED if watched.plural not in plurals]
        rules = [
            {"apiGroups": [group], "resources": names, "verbs": verbs} for group, names, verbs in [*looks, *BESIDES]
        ]
        self._apply("ClusterRole", rules=rules)

    def token(self) -> str:
        """A new token, bound to a Secret that it ends with."""
        name = f"token-{uuid.uuid4().hex[:6]}"
        secret = expect(self._bed.api.create(SECRETS, {"metadata": {"name": name}}), HTTPStatus.CREATED)
        self._anchors.append(f"{SECRETS}/{name}")
        bound = {"kind": "Secret", "apiVersion": "v1", "name": name, "uid": secret["metadata"]["uid"]}
        answer = self._bed.api.create(f"{self._path}/token", {"spec": {"boundObjectRef": bound, "audiences": []}})
        return str(expect(answer, HTTPStatus.CREATED)["status"]["token"])

    def give_token(self, operator: Operator) -> None:
        """Puts a new token into the operator's kubeconfig."""
        settings = json.loads(operator.kubeconfig.read_text())
        settings["users"][0]["user"] = {"token": self.token()}
        operator.kubeconfig.write_text(json.dumps(settings))

    def end_all_but_the_last(self) -> None:
        """Makes older tokens void. The API server remembers for ten seconds whom it let in."""
        while len(self._anchors) > 1:
            expect(self._bed.api.delete(self._anchors.pop(0)), HTTPStatus.OK)
        self.ended_at = time.monotonic()

    def _apply(self, kind: str, **fields: Any) -> None:
        path = f"/apis/{RBAC}/v1/{kind.lower()}s/{self.name}"
        made = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": self.name}, **fields}
        expect(self._bed.api.apply(path, made), HTTPStatus.OK, HTTPStatus.CREATED)
