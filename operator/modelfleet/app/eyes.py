"""What a role sees of a cluster: watches, lists, the store that they fill, and when the fleet is looked at anew."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelfleet.controllers.frame import Frame
from modelfleet.controllers.guard import Guard
from modelfleet.controllers.health import Health
from modelfleet.controllers.holders import HolderReader
from modelfleet.controllers.lists import SWEEP_S, Lists
from modelfleet.controllers.loop import CompileLoop, Pace
from modelfleet.controllers.watches import Watches
from modelfleet.findings import Finding, Key
from modelfleet.fleet.parse import key_of
from modelfleet.kube.client import Client
from modelfleet.sources.kinds import Scope
from modelfleet.sources.store import Change, FleetStore
from modelfleet.telemetry import WatcherTelemetry


@dataclass(frozen=True, slots=True)
class Sights:
    """What is to be seen, and how often all of it is listed anew."""

    scopes: tuple[Scope, ...]
    secrets: tuple[str, ...] = ()
    """The namespaces in which Secrets may be read; all that are served where none is named."""
    resync: float = SWEEP_S
    pace: Pace = field(default_factory=Pace)
    """How long changes are waited for before they are looked at together."""


class Role(Protocol):
    """Whose eyes they are."""

    def look(self) -> None:
        """Looks at the whole fleet. Called by one thread, when something of it may have changed."""

    def saw(self, key: Key, change: Change) -> None:
        """A watch told of an object."""

    def saw_all(self) -> None:
        """A list told of many."""


class Eyes:
    """The parts that see, and who tells whom."""

    def __init__(self, client: Client, sights: Sights, telemetry: WatcherTelemetry, role: Role) -> None:
        self._telemetry = telemetry
        self._role = role
        self._scopes = scopes = sights.scopes
        self.store = FleetStore(scopes)
        self.watches = Watches(scopes)
        self.loop = CompileLoop(role.look, telemetry.compile_failures.inc, sights.pace)
        self.holders = HolderReader(client, sights.secrets, telemetry, self.loop.poke)
        self.lists = Lists(client, self.store, scopes, telemetry, self._listed, self._renew, every=sights.resync)
        guard = Guard(scopes, self.watches, client, self.lists.soon, self._renew)
        self.frame = Frame(client, guard, scopes, self, self._there)
        self.health = Health(self.frame, self.loop, self.watches, self.store)
        self._measure()

    def start(self) -> None:
        """Starts every part; each waits for what it needs."""
        for part in (self.lists, self.frame, self.holders, self.loop):
            part.start()

    def close(self) -> None:
        """Looks no more at what has been seen."""
        self.loop.stop()

    def stop(self) -> None:
        """Stops to see, once nobody looks any more."""
        for part in (self.holders, self.lists, self.frame):
            part.stop()

    def observe(self, raw: Mapping[str, Any], *, gone: bool) -> None:
        """What a watch tells."""
        change = self.store.observe(raw, gone=gone)
        self._telemetry.events.labels(str(raw.get("kind")), change.name.lower()).inc()
        self._role.saw(key_of(raw, ""), change)
        self._changed(change)

    def count(self, findings: Iterable[Finding]) -> None:
        """How much there is to say, for the metrics."""
        self._telemetry.findings.clear()
        for reason, count in Counter(finding.reason for finding in findings).items():
            self._telemetry.findings.labels(reason.value).set(count)

    def _there(self) -> list[Scope]:
        away = {*self.store.unread(), *self.store.absent()}
        return [scope for scope in self._scopes if scope not in away]

    def _changed(self, change: Change) -> None:
        if change is Change.FLEET:
            self.loop.poke()

    def _listed(self, change: Change) -> None:
        # A list may bring statuses and more, and tells the larger.
        self._role.saw_all()
        self._changed(change)

    def _renew(self, *_: Scope) -> None:
        # kopf looks only when it starts which kinds there are.
        self.frame.renew()

    def _measure(self) -> None:
        ask: Callable[..., None] = self._telemetry.ask
        ask("watch_age_seconds", "Seconds since a watch last told of anything.", "kind", self._ages)
        ask("objects", "Objects that are known.", "kind", self.store.sizes)
        ask("unread", "Kinds of which some could not be read yet: 1.", "kind", self._unread)
        self._telemetry.loop_lag.set_function(self.frame.lag)
        self._telemetry.synced.set_function(lambda: float(not self.store.unread()))

    def _ages(self) -> dict[str, float]:
        ages: dict[str, float] = {}
        absent = self.store.absent()
        for scope, age in self.watches.ages().items():
            if scope in absent:  # there is nothing that it could tell of
                continue
            ages[scope.watched.kind] = max(age, ages.get(scope.watched.kind, 0.0))
        return ages

    def _unread(self) -> dict[str, float]:
        return {scope.watched.kind: 1.0 for scope in self.store.unread()}
