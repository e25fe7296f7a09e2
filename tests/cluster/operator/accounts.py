"""An account of the operator's own, as an installer would make it: rights that can be taken, tokens that can end."""

import json
import time
import uuid
from collections.abc import Iterable
from http import HTTPStatus

from tests.cluster.operator.process import Role
from tests.rights.accounts import bind
from tests.rights.audit import Call
from tests.rights.granted import Mode, rights
from tests.testbed.bed import Bed, expect

SECRETS = "/api/v1/namespaces/default/secrets"
LOOK = {"get", "list", "watch"}


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

    def allow_all_but(self, *plurals: str) -> None:
        """Grants what the chart grants an operator, but not to look at these."""
        granted = {right[1:] for right in rights("operator", Mode.EVERYWHERE)}
        self.grant(one for one in granted if one[1] not in plurals or one[2] not in LOOK)

    def grant(self, rights: Iterable[Call], namespace: str = "") -> None:
        """From now on it may do this in the namespace, or everywhere, and nothing else there."""
        rules = [{"apiGroups": [group], "resources": [name], "verbs": [verb]} for group, name, verb in sorted(rights)]
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": "default"}
        bind(self._bed.api, self.name, rules, subject, namespace)

    def token(self) -> str:
        """A new token, bound to a Secret that it ends with."""
        name = f"token-{uuid.uuid4().hex[:6]}"
        secret = expect(self._bed.api.create(SECRETS, {"metadata": {"name": name}}), HTTPStatus.CREATED)
        self._anchors.append(f"{SECRETS}/{name}")
        bound = {"kind": "Secret", "apiVersion": "v1", "name": name, "uid": secret["metadata"]["uid"]}
        answer = self._bed.api.create(f"{self._path}/token", {"spec": {"boundObjectRef": bound, "audiences": []}})
        return str(expect(answer, HTTPStatus.CREATED)["status"]["token"])

    def give_token(self, operator: Role) -> None:
        """Puts a new token into the operator's kubeconfig."""
        settings = json.loads(operator.kubeconfig.read_text())
        settings["users"][0]["user"] = {"token": self.token()}
        operator.kubeconfig.write_text(json.dumps(settings))

    def end_all_but_the_last(self) -> None:
        """Makes older tokens void. The API server remembers for ten seconds whom it let in."""
        while len(self._anchors) > 1:
            expect(self._bed.api.delete(self._anchors.pop(0)), HTTPStatus.OK)
        self.ended_at = time.monotonic()
