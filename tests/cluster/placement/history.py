"""What was true in which order: every version of the objects of a corner, as the API server itself remembers them."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from tests.cluster.operator.objects import url
from tests.cluster.placement.fleet import Fleet
from tests.testbed.api import Api
from tests.testbed.bed import ADMIN_TOKEN, Bed, expect

REPLAY_S = 1


class Replay(Api):
    """Reads a watch to its end."""

    def events(self, path: str, since: str) -> Iterator[dict[str, Any]]:
        """What happened to the objects of a collection after a version of it."""
        connection = self._connected()
        query = f"watch=true&resourceVersion={since}&timeoutSeconds={REPLAY_S}"
        connection.request("GET", f"{path}?{query}", headers={"Authorization": f"Bearer {self._token}"})
        response = connection.getresponse()
        assert response.status == HTTPStatus.OK
        for line in response:
            event = json.loads(line)
            assert event["type"] in ("ADDED", "MODIFIED", "DELETED"), event
            yield event


class History:
    """The models of a corner and their Deployments, from now on."""

    def __init__(self, bed: Bed, fleet: Fleet) -> None:
        self._api = fleet.api
        self._replay = Replay(bed.port, bed.folder / "certs" / "apiserver.crt", ADMIN_TOKEN)
        self._paths = url("ModelDeployment", fleet.namespace), f"/apis/apps/v1/namespaces/{fleet.namespace}/deployments"
        self._since = [self._version(path) for path in self._paths]

    def read(self) -> list[dict[str, Any]]:
        """Every version of each object since the last time, in the order in which they came to be."""
        found = []
        for index, path in enumerate(self._paths):
            until = self._version(path)
            try:
                events = [event["object"] for event in self._replay.events(path, self._since[index])]
            finally:
                self._replay.close()
            found += [one for one in events if version(one) <= int(until)]
            self._since[index] = until
        return sorted(found, key=version)

    def _version(self, path: str) -> str:
        return str(expect(self._api.get(path), HTTPStatus.OK)["metadata"]["resourceVersion"])


def version(one: dict[str, Any]) -> int:
    """How new it is: one storage numbers the objects of all kinds."""
    return int(one["metadata"]["resourceVersion"])
