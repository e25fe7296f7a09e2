"""What became of each pod: seen by a watch, told to the stub that answers for all of them, and read by a verdict."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Self

from modelfleet.fleet.labels import MODEL
from tests.cluster.gateways.engines import Engines
from tests.cluster.gateways.following import Following
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, is_true

GOES_S = 5.0
"""So long the process of a pod still answers once the pod is asked to go: a real one has twice as much."""
PATIENCE_S = 30.0


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
    listed: list[Span] = field(default_factory=list)
    """When an EndpointSlice named its address as one that takes requests."""
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
        """Whether it answered all that time, and gateways had had so long to learn that it is ready.

        The EndpointSlice controller of a small machine may be half a minute behind its pods: from whom it has not
        named, gateways cannot have learned.
        """
        if any(span.touches(since, until) for span in self.struck):
            return False
        return all(any(span.covers(since - known_s, until) for span in spans) for spans in (self.ready, self.listed))

    def may_hear(self, since: float, until: float) -> bool:
        """Whether it was ready at any moment of that time."""
        return any(span.touches(since, until) for span in self.ready)


class Census:
    """Follows the pods of a namespace while it is entered. Those that are asked to go are soon gone for the stub."""

    def __init__(self, bed: Bed, namespace: str, engines: Engines) -> None:
        self._engines = engines
        self.lives: dict[str, Life] = {}
        """By uid, those of the past too."""
        self._holders: dict[str, Life] = {}
        self._named: dict[str, frozenset[str]] = {}
        """By slice the addresses that take requests."""
        self._lists: dict[str, list[Span]] = defaultdict(list)
        """By address when some slice named it."""
        self._lock = threading.Lock()
        self._pods = Following(bed, f"/api/v1/namespaces/{namespace}/pods", self._see)
        self._slices = Following(bed, f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", self._read)

    def __enter__(self) -> Self:
        self._pods.start()
        self._slices.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pods.stop()
        self._slices.stop()

    @property
    def breaks(self) -> int:
        """How often a watch was ended by the API server, which does that to those who read too slowly."""
        return self._pods.breaks + self._slices.breaks

    def check(self) -> None:
        """Fails where it does not follow any more."""
        self._pods.check()
        self._slices.check()

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
                life.listed = self._lists[life.address]
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

    def _read(self, type_: str, raw: dict[str, Any], at: float) -> None:
        """Of addresses, since a slice that names one may be heard of before its pod."""
        name = raw["metadata"]["name"]
        with self._lock:
            before = frozenset[str]().union(*self._named.values())
            taking = (one for one in raw.get("endpoints") or () if one["conditions"].get("ready") is not False)
            self._named[name] = frozenset(one["addresses"][0] for one in taking if type_ != "DELETED")
            after = frozenset[str]().union(*self._named.values())
            for address in after - before:
                self._lists[address].append(Span(at))
            for address in before - after:
                self._lists[address][-1].until = at

    def _end(self, life: Life) -> None:
        # Its address may be another's by now.
        if self._holders[life.address] is life:
            self._engines.goes(life.address)
