"""Writes what is true of each object into its status: only where it differs, only while this process may write.

Every object has its own pace. One that is refused waits longer and longer, until it or what is to be said of it
changes; the others do not wait for it.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, NamedTuple, Protocol

from modelfleet.api.meta import API_VERSION
from modelfleet.controllers.posting import Posting
from modelfleet.controllers.queue import KeyQueue
from modelfleet.findings import Key
from modelfleet.kube.backoff import Backoff
from modelfleet.kube.errors import Conflict, Forbidden, KubeError, NotFound, Unprocessable
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.kinds import BY_KIND
from modelfleet.sources.sight import Sight
from modelfleet.sources.store import FleetStore
from modelfleet.statuses.changes import transitions
from modelfleet.statuses.times import same, settle, with_others
from modelfleet.telemetry import Telemetry

MANAGER = "modelfleet"
APPLY = "application/apply-patch+yaml"
AT_ONCE = 4
TRIES = 5
"""So often a conflict is tried again at once."""
LONGEST_S = 300.0
BURST, EACH_S, MOST_OBJECTS = 10, 1.0, 1_000
"""An object is written so often at once, and then once in so many seconds, as far as so many were written lately: who
fights with us over a status makes no storm of it.
"""
TIMEOUT_S = 4.0
"""Less than a Lease lasts beyond the time in which it may be written under: no write lands after it has ended."""

SAID_EVERY_S = 60.0
"""What keeps all objects of a kind from being written is said so often, and not of each of them."""

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


@dataclass(slots=True)
class _Refused:
    """The last write of an object failed: what it was about, and when there is to be another."""

    about: tuple[Any, ...]
    pause: Backoff
    until: float
    tries: int = 1


class StatusSync:
    """The only writer of statuses."""

    def __init__(
        self,
        writer: Writer,
        store: FleetStore,
        may: Callable[[], bool],
        bucket: TokenBucket,
        posting: Posting,
        telemetry: Telemetry,
    ) -> None:
        self._writer = writer
        self._store = store
        self._may = may
        self._bucket = bucket
        self._posting = posting
        self._telemetry = telemetry
        self._queue = KeyQueue()
        self._wanted: Mapping[Key, Wanted] = {}
        self._refused: dict[Key, _Refused] = {}
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._said: dict[tuple[str, type[KubeError]], float] = {}
        self._ending = Event()
        self._threads = [Thread(target=self._run, name=f"status-{n}", daemon=True) for n in range(AT_ONCE)]

    def start(self) -> None:
        """Begins to write."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the writes that are under way."""
        self._ending.set()
        self._queue.end()
        for thread in self._threads:
            thread.join(TIMEOUT_S + 1)

    def apply(self, wanted: Mapping[Key, Wanted]) -> None:
        """What is to be said from now on. Who is not named is left as it is."""
        before, self._wanted = self._wanted, wanted
        for key, one in wanted.items():
            if before.get(key) != one:
                self._queue.add(key)
        for key in [key for key in self._refused if key not in wanted]:
            self._refused.pop(key, None)

    def look(self, key: Key) -> None:
        """Somebody wrote the status of this object."""
        self._queue.add(key)

    def look_at_all(self) -> None:
        """It has come to be this process that writes."""
        for key in self._wanted:
            self._queue.add(key)

    def waiting(self) -> int:
        """How many objects wait for a look."""
        return len(self._queue)

    def _run(self) -> None:
        while (key := self._queue.take()) is not None:
            again: float | None = LONGEST_S
            try:
                again = self._sync(key)
            except Exception:
                log.exception("the status of %s was not written by a mistake of ours", key)
            finally:
                self._queue.done(key, again)

    def _sync(self, key: Key) -> float | None:
        """Writes the status of an object where it differs. Seconds until there is to be another look."""
        wanted, sight = self._wanted.get(key), self._store.sight(key)
        if wanted is None or sight is None or sight.uid != wanted.uid or not self._may_write():
            return None
        status = settle(wanted.status, sight.status, _now())
        if same(status, sight.status):
            self._refused.pop(key, None)
            return None
        about = (wanted, sight.mark)
        if (left := self._left(sight, about)) > 0:
            return left
        if self._ending.wait(self._bucket.take()) or not self._may_write():
            return None
        try:
            self._written(key, sight, status, self._write(key, sight, status))
        except KubeError as error:
            return self._wait(key, about, error)
        return None

    def _may_write(self) -> bool:
        # At the end nothing is begun any more: the Lease is about to be released.
        return self._may() and not self._ending.is_set()

    def _left(self, sight: Sight, about: tuple[Any, ...]) -> float:
        """Seconds that the write has yet to wait."""
        refused = self._refused.get(sight.key)
        if refused and refused.about == about and (left := refused.until - time.monotonic()) > 0:
            return left
        return 0.0 if self._pace(sight.uid).try_take() else EACH_S

    def _pace(self, uid: str) -> TokenBucket:
        bucket = self._buckets.pop(uid, None) or TokenBucket(1 / EACH_S, BURST)
        self._buckets[uid] = bucket
        while len(self._buckets) > MOST_OBJECTS:
            self._buckets.popitem(last=False)
        return bucket

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
        self._refused.pop(key, None)
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
        before = last = self._refused.get(key)
        if last is None or last.about != about:
            last = self._refused[key] = _Refused(about, Backoff(0.5, LONGEST_S), 0.0)
        else:
            last.tries += 1
        is_late = isinstance(error, Conflict)
        at_once = is_late and last.tries < TRIES
        # That somebody was faster is worth a word only where it happens again and again.
        if last.tries == TRIES if is_late else before is None:
            self._complain(key, error)
        wait = 0.05 if at_once else last.pause.next(error.retry_after or 0.0)
        last.until = time.monotonic() + wait
        return wait

    def _complain(self, key: Key, error: KubeError) -> None:
        if not isinstance(error, Unprocessable | Conflict):
            sort, now = (key.kind, type(error)), time.monotonic()
            if now - self._said.get(sort, -SAID_EVERY_S) < SAID_EVERY_S:
                return
            self._said[sort] = now
        log.warning("the status of %s was not written, it is tried again: %s", key, error)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
