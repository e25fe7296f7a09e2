"""Leases as an API server keeps them, in memory: versions are checked, and requests fail as a test wishes."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes.client import Configuration

from modelfleet.kube.client import Client
from modelfleet.kube.errors import Conflict, NotFound, Unreachable
from modelfleet.kube.lease import LeaseKeeper

START = datetime(2026, 1, 1, tzinfo=UTC)


def nothing() -> None:
    """The time between two moments in which nothing happens."""


class Store:
    """The Lease, the true time, and who else gets a turn while a request is under way."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lease: dict[str, Any] | None = None
        self.writes: list[tuple[float, str]] = []
        self.before: Callable[[], None] = nothing
        self.after: Callable[[], None] = nothing
        self._version = 0

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        spec: dict[str, Any] = self.lease["spec"]
        return spec

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self._version)
        self.writes.append((self.now, body["spec"]["holderIdentity"]))
        return copy.deepcopy(self.lease)

    def label(self) -> None:
        """What somebody else does to a Lease, for reasons of their own."""
        assert self.lease is not None
        self._version += 1
        self.lease["metadata"] |= {"labels": {"n": str(self._version)}, "resourceVersion": str(self._version)}


class Api(Client):
    """One candidate's way to the store: good, down, or one on which answers are lost."""

    def __init__(self, store: Store) -> None:
        super().__init__(lambda: Configuration(host="http://127.0.0.1:1"), "test")
        self.store = store
        self.is_down = False
        self.loses_answers = False
        self.asked: list[str] = []

    def request(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        self.asked.append(method)
        assert parts["timeout"] <= 4
        assert path.startswith("/apis/coordination.k8s.io/v1/namespaces/here/leases")
        self.store.before()
        if self.is_down:
            raise Unreachable("down")
        answer = self._serve(method, parts.get("body"))
        self.store.after()
        if self.loses_answers:
            raise Unreachable("the answer was lost")
        return answer

    def _serve(self, method: str, body: Any) -> dict[str, Any]:
        store = self.store
        if method == "POST":
            if store.lease is not None:
                raise Conflict("it exists")
            return store.put(body)
        if store.lease is None:
            raise NotFound("no lease")
        if method == "PUT":
            if body["metadata"]["resourceVersion"] != store.lease["metadata"]["resourceVersion"]:
                raise Conflict("it was modified")
            return store.put(body)
        return copy.deepcopy(store.lease)


class Candidate:
    """A keeper without its thread, with a clock that runs from another beginning and a calendar that is wrong."""

    def __init__(self, store: Store, name: str, offset: float = 0.0) -> None:
        self.api = Api(store)
        self.name = name
        self.changes: list[bool] = []
        self.keeper = LeaseKeeper(
            self.api,
            "here",
            "modelfleet-operator",
            name,
            clock=lambda: store.now + offset,
            now=lambda: START + timedelta(seconds=store.now + offset * 1000),
            on_change=self.changes.append,
        )
