"""Writes what is true of each object into its status: only where it differs, only while this process may write.

Every object has its own pace. One that is refused waits longer and longer, until it or what is to be said of it
changes; the others do not wait for it.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from modelfleet.api.meta import API_VERSION
from modelfleet.controllers.crew import Crew
from modelfleet.controllers.paces import Paces
from modelfleet.controllers.posting import Posting
from modelfleet.findings import Key
from modelfleet.kube.errors import Forbidden, KubeError, NotFound
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.kinds import BY_KIND
from modelfleet.sources.sight import Sight
from modelfleet.sources.store import FleetStore
from modelfleet.statuses.changes import transitions
from modelfleet.statuses.times import same, settle, with_others
from modelfleet.telemetry import WriterTelemetry

MANAGER = "modelfleet"
APPLY = "application/apply-patch+yaml"
AT_ONCE = 4
EACH_S, LONGEST_S = 1.0, 300.0
"""After a burst an object is written once in so many seconds; one that is refused waits so long at most."""
TIMEOUT_S = 4.0
"""Less than a Lease lasts beyond the time in which it may be written under: no write lands after it has ended."""

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What is to be said of an object, and which one of this name it is."""

    uid: str
    status: Mapping[str, Any]


class Writer(Protocol):
    """Who can write."""

    def request(
        self, method: str, path: str, *, query: Mapping[str, str], body: Any, content: str, timeout: float
    ) -> dict[str, Any]:
        """Sends a request. Raises KubeError."""


class StatusSync:
    """The only writer of statuses."""

    def __init__(
        self,
        writer: Writer,
        store: FleetStore,
        may: Callable[[], bool],
        bucket: TokenBucket,
        posting: Posting,
        telemetry: WriterTelemetry,
    ) -> None:
        self._writer = writer
        self._store = store
        self._may = may
        self._bucket = bucket
        self._posting = posting
        self._telemetry = telemetry
        self._wanted: Mapping[Key, Wanted] = {}
        self._paces = Paces(EACH_S, LONGEST_S)
        self._crew = Crew("status", AT_ONCE, self._sync)

    def start(self) -> None:
        """Begins to write."""
        self._crew.start()

    def stop(self) -> None:
        """Ends after the writes that are under way."""
        self._crew.stop(TIMEOUT_S + 1)

    def apply(self, wanted: Mapping[Key, Wanted]) -> None:
        """What is to be said from now on. Who is not named is left as it is."""
        before, self._wanted = self._wanted, wanted
        for key, one in wanted.items():
            if before.get(key) != one:
                self._crew.add(key)
        self._paces.keep(wanted)

    def look(self, key: Key) -> None:
        """Somebody wrote the status of this object."""
        self._crew.add(key)

    def look_at_all(self) -> None:
        """It has come to be this process that writes."""
        for key in self._wanted:
            self._crew.add(key)

    def waiting(self) -> int:
        """How many objects wait for a look."""
        return len(self._crew)

    def _sync(self, key: Key) -> float | None:
        """Writes the status of an object where it differs. Seconds until there is to be another look."""
        wanted, sight = self._wanted.get(key), self._store.sight(key)
        if wanted is None or sight is None or sight.uid != wanted.uid or not self._may_write():
            return None
        stands = sight.status
        status = settle(wanted.status, stands, _now())
        if same(status, stands):
            self._paces.done(key)
            return None
        about = (wanted, sight.mark)
        if (left := self._paces.left(key, about) or self._paces.turn(sight.uid)) > 0:
            return left
        if self._crew.ending.wait(self._bucket.take()) or not self._may_write():
            return None
        try:
            self._written(key, sight, status, self._write(key, sight, status))
        except KubeError as error:
            return self._wait(key, about, error)
        return None

    def _may_write(self) -> bool:
        # At the end nothing is begun any more: the Lease is about to be released.
        return self._may() and not self._crew.ending.is_set()

    def _write(self, key: Key, sight: Sight, status: Mapping[str, Any]) -> dict[str, Any]:
        path = f"{BY_KIND[key.kind].path(key.namespace)}/{key.name}/status"
        # The version makes it a conflict where we know too little: the object was made again under its name, or this
        # process stood still and another has written since. The uid would not: for a status it is not looked at.
        metadata = {"name": key.name, "resourceVersion": str(sight.version)}
        metadata |= {"namespace": key.namespace} if key.namespace else {}
        body = {"apiVersion": API_VERSION, "kind": key.kind, "metadata": metadata, "status": status}
        query = {"fieldManager": MANAGER, "force": "true"}
        answer = self._writer.request("PATCH", path, query=query, body=body, content=APPLY, timeout=TIMEOUT_S)
        found = answer.get("status")
        if same(status, found) or not self._may_write():
            return answer
        # An apply leaves what somebody else wrote into a field that is ours and that says nothing now.
        whole = {**answer, "status": with_others(status, found)}
        query = {"fieldManager": MANAGER}
        return self._writer.request("PUT", path, query=query, body=whole, content="application/json", timeout=TIMEOUT_S)

    def _written(self, key: Key, sight: Sight, status: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        self._telemetry.writes.labels(key.kind, "ok").inc()
        self._paces.done(key)
        self._store.observe(answer)
        for transition in transitions(sight.status, status):
            if self._may_write():
                self._posting.post(key, sight.uid, transition)

    def _wait(self, key: Key, about: tuple[Any, ...], error: KubeError) -> float | None:
        if isinstance(error, NotFound):  # it is gone, and the watch will say so
            return None
        self._telemetry.writes.labels(key.kind, type(error).__name__).inc()
        if isinstance(error, Forbidden):
            self._telemetry.denied.labels("patch", f"{BY_KIND[key.kind].plural}/status").inc()
        wait, worth = self._paces.refuse(key, about, error)
        if worth:
            log.warning("the status of %s was not written, it is tried again: %s", key, error)
        return wait


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
