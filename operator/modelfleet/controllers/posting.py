"""Kubernetes Events: one for each change of a condition, counted where it happens again, and never more than a few."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from modelfleet.api.meta import API_VERSION
from modelfleet.controllers.threads import wait_for_end
from modelfleet.findings import Key
from modelfleet.kube.errors import Conflict, KubeError
from modelfleet.kube.rate import TokenBucket, TokenBuckets
from modelfleet.statuses.changes import Transition
from modelfleet.telemetry import WriterTelemetry

BURST, EACH_S = 10, 60.0
"""An object may say so much at once, and then once in so many seconds: who flaps fills no event log."""
RATE, TOGETHER = 5.0, 50
"""All objects together may say so much in a second, and so much at once."""
TIMEOUT_S = 4.0
"""As for a status: no write lands after the Lease has ended."""
MOST_OBJECTS = 5_000
MOST_WORDS = 1_000

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Who can write."""

    def request(
        self, method: str, path: str, *, timeout: float, body: Any = None, content: str = "application/json"
    ) -> Any:
        """Sends a request. Raises KubeError."""


class Posting:
    """Writes Events, in a thread of its own: no status waits for them.

    One that cannot be written is not missed: the condition says the same.
    """

    def __init__(self, writer: Writer, who: str, telemetry: WriterTelemetry, may: Callable[[], bool]) -> None:
        self._writer = writer
        self._who = who
        self._telemetry = telemetry
        self._may = may
        self._all = TokenBucket(RATE, TOGETHER)
        self._each = TokenBuckets(1 / EACH_S, BURST, MOST_OBJECTS)
        self._waiting: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._ending = False
        self._thread = Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the one that is being written."""
        self._ending = True
        self._waiting.put(None)
        wait_for_end(self._thread, TIMEOUT_S + 1)

    def post(self, key: Key, uid: str, transition: Transition) -> None:
        """Says on the object what changed, soon."""
        if self._waiting.qsize() < TOGETHER and self._each.try_take(uid) and self._all.try_take():
            self._waiting.put(self._event(key, uid, transition))

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None and not self._ending:
            if not self._may():
                continue
            try:
                self._write(f"/api/v1/namespaces/{event['metadata']['namespace']}/events", event)
                self._telemetry.writes.labels("Event", "ok").inc()
            except KubeError as error:
                self._telemetry.writes.labels("Event", type(error).__name__).inc()
                log.debug("the event %s was not written: %s", event["metadata"]["name"], error)
            except Exception:
                log.exception("the event %s was not written by a mistake of ours", event["metadata"]["name"])

    def _write(self, path: str, event: Mapping[str, Any]) -> None:
        try:
            self._writer.request("POST", path, timeout=TIMEOUT_S, body=event)
        except Conflict:
            # It happened before, and is counted where it stands.
            name = event["metadata"]["name"]
            before = self._writer.request("GET", f"{path}/{name}", timeout=TIMEOUT_S)
            again = {"count": int(before.get("count") or 1) + 1, "lastTimestamp": event["lastTimestamp"]}
            if self._may():
                self._writer.request(
                    "PATCH", f"{path}/{name}", timeout=TIMEOUT_S, body=again, content="application/merge-patch+json"
                )

    def _event(self, key: Key, uid: str, transition: Transition) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = key.namespace or "default"
        about = repr((uid, transition.type, transition.reason, transition.message))
        said = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{key.name[:200]}.{said}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                "name": key.name,
                "namespace": key.namespace,
                "uid": uid,
            },
            "type": "Warning" if transition.warning else "Normal",
            "reason": transition.reason,
            "message": f"{transition.type}={transition.status}: {transition.message}"[:MOST_WORDS],
            "source": {"component": "modelfleet"},
            "reportingComponent": "modelfleet",
            "reportingInstance": self._who,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
        }
