"""Who may write: one of several operators, by a Lease, and never two at once.

The leaderelection of the kubernetes package was judged and not taken: it trusts the wall clocks of two machines, has no
fence for writes, and can be neither stopped nor made to release.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from modelfleet.fleet.raw import mapping
from modelfleet.kube.client import Client
from modelfleet.kube.errors import Conflict, KubeError, NotFound

_log = logging.getLogger(__name__)

LASTS_S: Final = 15
"""A Lease that was not seen to change for so long is anybody's."""
GIVES_UP_S: Final = 10.0
"""A holder counts itself one for so long from the start of its last renewal."""
RENEWS_S: Final = 2.0
TIMEOUT_S: Final = 4.0
"""So that a request begun by a holder ends before another may hold: 10 + 4 < 15."""

_RELEASE_TIMEOUT_S: Final = 2.0
_STOPS_WITHIN_S: Final = 8.0
_TRIES: Final = 3
_NEVER: Final = float("-inf")

_API: Final = "coordination.k8s.io/v1"


def _utc() -> datetime:
    return datetime.now(UTC)


class Election:
    """What one candidate knows of the Lease, and what follows from it. No I/O.

    Times are the candidate's own monotonic ones: when it saw a change, whatever the Lease says of clocks elsewhere.
    """

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._lease: Mapping[str, Any] = {}
        self._spec: Mapping[str, Any] = {}
        self._changed_at = _NEVER
        self._until = _NEVER
        self._acquired_at = ""

    @property
    def holder(self) -> str:
        """Whom the Lease named when it was last seen; empty for nobody."""
        return str(self._spec.get("holderIdentity") or "")

    @property
    def until(self) -> float:
        """When our hold ends unless it is renewed."""
        return self._until

    def holds(self, now: float) -> bool:
        """Whether we may write."""
        return now < self._until

    def observe(self, lease: Mapping[str, Any] | None, now: float) -> None:
        """Takes in the Lease as it was just read, None where there is none."""
        # Who held a Lease that was deleted may not know of it yet: what was known of it still holds.
        self._lease = lease or {}
        if lease is not None:
            spec = mapping(lease.get("spec"))
            # Not the resource version: somebody who only labels a dead holder's Lease would keep it alive.
            if spec != self._spec:
                self._spec, self._changed_at = spec, now
        if self.holder != self._identity:
            self._until = _NEVER

    def bid(self, now: float, wall: datetime) -> dict[str, Any] | None:
        """The Lease to write so that we hold it, or hold it on; None while it is another's."""
        if self.holder and not self._is_ours() and now < self._changed_at + LASTS_S:
            return None
        spec = dict(self._spec) | {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LASTS_S,
            "renewTime": _micro(wall),
        }
        if not self._is_ours():
            past = self._spec.get("leaseTransitions")
            spec["acquireTime"] = self._acquired_at = _micro(wall)
            spec["leaseTransitions"] = past + 1 if isinstance(past, int) else 0
        return {**self._lease, "spec": spec}

    def farewell(self, wall: datetime) -> dict[str, Any] | None:
        """The Lease to write so that others need not wait; None where it is not ours."""
        if not self._lease or not self._is_ours():
            return None
        gone = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(wall), "acquireTime": _micro(wall)}
        return {**self._lease, "spec": {**self._spec, **gone}}

    def wrote(self, lease: Mapping[str, Any], began: float, now: float) -> None:
        """Takes in the answer to a bid that was begun then."""
        self.observe(lease, now)
        if self.holder == self._identity:
            self._until = began + GIVES_UP_S

    def give_up(self) -> None:
        """Holds no longer, whatever the Lease says."""
        self._until = _NEVER

    def _is_ours(self) -> bool:
        """Whether the name in it is ours, by our own hand. Who wrote it for us has not stopped the last holder."""
        return self.holder == self._identity and self._spec.get("acquireTime") == self._acquired_at


class LeaseKeeper:
    """Acquires a Lease, keeps it, and releases it when stopped; a thread of its own.

    The identity must be this process's alone. `holds` is the truth; `on_change` is called from the keeper's thread, and
    while a request hangs it may come some seconds later.
    """

    def __init__(  # noqa: PLR0913 - two clocks, so that a test can turn either
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc,
        on_change: Callable[[bool], object] = bool,
    ) -> None:
        assert identity, "nobody cannot hold a Lease"
        self._client = client
        self._path = f"/apis/{_API}/namespaces/{namespace}/leases"
        self._name = name
        self._clock = clock
        self._now = now
        self._on_change = on_change
        self._election = Election(identity)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = False
        self._complaint = ""

    @property
    def holder(self) -> str:
        """Whom the Lease named when it was last seen; empty for nobody."""
        return self._election.holder

    def holds(self) -> bool:
        """Whether we may write, now. Ask before every write, and give the write no more than 4 seconds."""
        return not self._stopping.is_set() and self._election.holds(self._clock())

    def start(self) -> None:
        """Begins to stand for election. Once only."""
        assert self._thread is None, "a keeper runs once"
        # A daemon: a process that dies in its main thread must not go on holding.
        self._thread = threading.Thread(target=self._run, name=f"lease-{self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Holds no longer, at once, and releases the Lease so that a successor need not wait.

        First stop whatever writes. Returns within 8 seconds, be it that the server does not answer.
        """
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(_STOPS_WITHIN_S)

    def step(self) -> float:
        """One round: looks, and writes where it is our turn. Answers with the seconds until the next one."""
        began = self._clock()
        self._tell()
        try:
            self._stand()
            self._complaint = ""
        except KubeError as error:
            self._complain(error)
        self._tell()
        now = self._clock()
        pause = RENEWS_S - (now - began)
        return max(0.0, min(pause, self._election.until - now) if self._election.holds(now) else pause)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._stopping.wait(self._guarded_step())
        finally:
            self._release()

    def _guarded_step(self) -> float:
        try:
            return self.step()
        except Exception:
            # A bug of ours, and still better than a thread that ended in silence.
            _log.exception("A round of the election for %s failed", self._name)
            return RENEWS_S

    def _stand(self) -> None:
        if not self.holds():
            self._look()
        for _ in range(_TRIES):
            bid = self._election.bid(self._clock(), self._now())
            if bid is None or self._stopping.is_set():
                return
            try:
                self._write(bid)
                return
            except (Conflict, NotFound):
                # Another was faster; or the answer to our last write was lost; or somebody edits the Lease.
                self._look()

    def _look(self, timeout: float = TIMEOUT_S) -> None:
        try:
            lease = self._client.request("GET", f"{self._path}/{self._name}", timeout=timeout)
        except NotFound:
            lease = None
        self._election.observe(lease, self._clock())

    def _write(self, bid: dict[str, Any]) -> None:
        began = self._clock()
        answer = self._send(bid, TIMEOUT_S)
        # Who held no longer while it waited has refused writes, and is to hear of both.
        self._tell()
        self._election.wrote(answer, began, self._clock())

    def _send(self, lease: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Writes a Lease over the one that was seen, and over no other."""
        if "metadata" in lease:
            assert lease["metadata"]["resourceVersion"], "without it this would overwrite whatever is there"
            method, path = "PUT", f"{self._path}/{self._name}"
        else:
            lease = {"apiVersion": _API, "kind": "Lease", "metadata": {"name": self._name}, **lease}
            method, path = "POST", self._path
        return self._client.request(method, path, body=lease, query={"fieldManager": "modelfleet"}, timeout=timeout)

    def _release(self) -> None:
        self._election.give_up()
        self._tell()
        try:
            for _ in range(_TRIES):
                # The answer to our last write may have been lost.
                self._look(_RELEASE_TIMEOUT_S)
                farewell = self._election.farewell(self._now())
                if farewell is None:
                    return
                with suppress(Conflict):
                    self._election.observe(self._send(farewell, _RELEASE_TIMEOUT_S), self._clock())
                    return
        except KubeError as error:
            _log.warning("The Lease %s is not released, and ends by itself: %s", self._name, error)

    def _tell(self) -> None:
        holds = self.holds()
        if holds == self._told:
            return
        self._told = holds
        _log.info("We hold the Lease %s" if holds else "We no longer hold the Lease %s", self._name)
        try:
            self._on_change(holds)
        except Exception:
            # An election that ends for it would leave nobody to write, and the Lease to its end.
            _log.exception("Whoever is told of the Lease %s failed", self._name)

    def _complain(self, error: KubeError) -> None:
        """Says each kind of trouble once, and not every two seconds."""
        kind = f"{type(error).__name__} {error.reason}"
        if kind != self._complaint:
            self._complaint = kind
            _log.warning("The Lease %s could not be read or written: %s", self._name, error)


def _micro(wall: datetime) -> str:
    return wall.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
