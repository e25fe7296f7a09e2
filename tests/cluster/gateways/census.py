"""What became of each pod: seen by a watch, told to the stub that answers for all of them, and read by a verdict."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from math import inf
from typing import Any, Self

from modelfleet.fleet.labels import MODEL
from tests.cluster.gateways.engines import Engines
from tests.testbed.api import wait_for
from tests.testbed.bed import ADMIN_TOKEN, Bed, expect, is_true

GOES_S = 2.0
"""So long the process of a pod still answers once the pod is asked to go: a real one has five times as much."""
PATIENCE_S = 30.0
CUT = (OSError, HTTPException, ValueError, AttributeError)
"""What reading from a connection that was shut down comes to."""


@dataclass(slots=True)
class Span:
    """From one moment to another, of `time.monotonic()`."""

    since: float
    until: float = inf

    def touches(self, since: float, until: float) -> bool:
        """Whether any of that time lies in it."""
        return self.since <= until and since <= self.until

    def covers(self, since: float, until: float) -> bool:
        """Whether all of that time lies in it."""
        return self.since <= since and until <= self.until


@dataclass(slots=True, eq=False)
class Life:
    """A pod with an address."""

    name: str
    model: str
    node: str
    address: str
    ready: list[Span] = field(default_factory=list)
    """When it was ready by the word of the API server, and not asked to go."""
    struck: list[Span] = field(default_factory=list)
    """When its process did not answer although nobody had asked it to go."""
    asked: float = inf
    """When it was asked to go, or was gone without a word."""
    gone: float = inf
    """When its object was gone."""

    @property
    def is_ready(self) -> bool:
        return bool(self.ready) and self.ready[-1].until == inf

    @property
    def answers(self) -> bool:
        """Whether its process does, as far as nobody has asked it to go."""
        return not self.struck or self.struck[-1].until < inf

    def serves(self, since: float, until: float, known_s: float) -> bool:
        """Whether it answered all that time, and gateways had had so long to learn that it is ready."""
        if any(span.touches(since, until) for span in self.struck):
            return False
        return any(span.covers(since - known_s, until) for span in self.ready)

    def may_hear(self, since: float, until: float) -> bool:
        """Whether it was ready at any moment of that time."""
        return any(span.touches(since, until) for span in self.ready)


class Census:
    """Follows the pods of a namespace while it is entered. Those that are asked to go are soon gone for the stub."""

    def __init__(self, bed: Bed, namespace: str, engines: Engines) -> None:
        self._bed, self._engines = bed, engines
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self.lives: dict[str, Life] = {}
        """By uid, those of the past too."""
        self._holders: dict[str, Life] = {}
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._ending = False
        self.breaks = 0
        """How often the watch was ended by the API server, which does that to those who read too slowly."""
        context = ssl.create_default_context(cafile=str(bed.folder / "certs" / "apiserver.crt"))
        self._connection = HTTPSConnection("127.0.0.1", bed.port, context=context)
        self._thread = threading.Thread(target=self._run, name="census", daemon=True)

    def __enter__(self) -> Self:
        listed = expect(self._bed.api.get(self._path), HTTPStatus.OK)
        for raw in listed["items"]:
            self._see("ADDED", raw, time.monotonic())
        self._version = str(listed["metadata"]["resourceVersion"])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        with suppress(OSError):
            if self._connection.sock:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._connection.close()

    def check(self) -> None:
        """Fails where it does not follow any more."""
        assert self._error is None, f"the census ended: {self._error!r}"

    def present(self) -> list[Life]:
        """The pods that nobody has asked to go."""
        self.check()
        with self._lock:
            return [life for life in self.lives.values() if life.asked == inf]

    def ready(self, model: str = "") -> list[Life]:
        """Those of them that are ready, and whose process answers."""
        return [one for one in self.present() if one.is_ready and one.answers and model in ("", one.model)]

    def wait_for_ready(self, wanted: Mapping[str, int], patience: float = PATIENCE_S) -> None:
        """Until so many replicas of these models are ready, and none more is there."""

        def holds() -> bool:
            return all(len(self.ready(model)) == count for model, count in wanted.items()) and len(
                self.present()
            ) == sum(wanted.values())

        wait_for(f"the pods {wanted}", holds, patience, pause=0.2)

    def strike(self, life: Life) -> None:
        """Its process ends, without a word to anybody."""
        with self._lock:
            if life.asked == inf and life.answers:
                life.struck.append(Span(time.monotonic()))
                self._engines.goes(life.address)

    def raise_up(self, life: Life) -> None:
        """Its process answers again, where nobody has asked it to go meanwhile."""
        with self._lock:
            if life.asked == inf and not life.answers:
                self._engines.comes(life.address)
                life.struck[-1].until = time.monotonic()

    def _run(self) -> None:
        try:
            while not self._ending:
                self._follow()
                self.breaks += 1
        except BaseException as error:
            if not (self._ending and isinstance(error, CUT)):
                self._error = error

    def _follow(self) -> None:
        """Reads a watch to its end."""
        query = f"watch=true&timeoutSeconds=3600&resourceVersion={self._version}"
        self._connection.request("GET", f"{self._path}?{query}", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        answer, rest = self._connection.getresponse(), b""
        assert answer.status == HTTPStatus.OK, answer.status
        while piece := answer.read1():
            at = time.monotonic()
            *whole, rest = (rest + piece).split(b"\n")
            for event in map(json.loads, whole):
                assert event["type"] in ("ADDED", "MODIFIED", "DELETED"), event
                self._version = event["object"]["metadata"]["resourceVersion"]
                self._see(event["type"], event["object"], at)

    def _see(self, type_: str, raw: dict[str, Any], at: float) -> None:
        metadata, status = raw["metadata"], raw.get("status", {})
        with self._lock:
            life = self.lives.get(metadata["uid"])
            if life is None:
                if not status.get("podIP"):
                    return
                life = Life(
                    metadata["name"], metadata["labels"].get(MODEL, ""), raw["spec"]["nodeName"], status["podIP"]
                )
                self.lives[metadata["uid"]] = self._holders[life.address] = life
                self._engines.comes(life.address)
            goes = type_ == "DELETED" or "deletionTimestamp" in metadata
            if goes and life.asked == inf:
                life.asked = at
                self._engines.later(GOES_S, lambda: self._end(life))
            if type_ == "DELETED":
                life.gone = at
            self._turn(life, is_true(raw, "Ready") and not goes, at)

    def _turn(self, life: Life, is_ready: bool, at: float) -> None:
        if is_ready and not life.is_ready:
            life.ready.append(Span(at))
        elif life.is_ready and not is_ready:
            life.ready[-1].until = at

    def _end(self, life: Life) -> None:
        # Its address may be another's by now.
        if self._holders[life.address] is life:
            self._engines.goes(life.address)
