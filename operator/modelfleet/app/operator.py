"""`modelfleet operator`: what a cluster holds goes in, what is true of it comes back as statuses."""

import gc
import logging
import signal
import socket
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from modelfleet import __version__
from modelfleet.app.households import Households
from modelfleet.compiler import InForce, compile_children, compile_fleet
from modelfleet.controllers.children import ChildSync
from modelfleet.controllers.frame import Frame
from modelfleet.controllers.guard import Guard
from modelfleet.controllers.health import Health
from modelfleet.controllers.holders import HolderReader
from modelfleet.controllers.lists import SWEEP_S, Lists
from modelfleet.controllers.loop import CompileLoop
from modelfleet.controllers.posting import Posting
from modelfleet.controllers.serving import Serving
from modelfleet.controllers.statuses import StatusSync, Wanted
from modelfleet.controllers.unwritten import unwritten
from modelfleet.controllers.watches import Watches
from modelfleet.fleet.parse import key_of
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.references import referred_holders
from modelfleet.kube.client import Client, check_version
from modelfleet.kube.config import connect, home_namespace
from modelfleet.kube.errors import Forbidden, KubeError, NotFound, Unusable
from modelfleet.kube.lease import LeaseKeeper
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.cluster import cluster_snapshot, parsed, with_holders
from modelfleet.sources.kinds import BY_KIND, Scope, scopes
from modelfleet.sources.store import Change, FleetStore
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from modelfleet.telemetry import Telemetry
from modelfleet.workloads.options import Options

LEASE = "modelfleet-operator"
ASK_AGAIN_S = 2.0
BIRTHS = 50_000
"""So many objects come to be before the collector of cycles looks. A look at a fleet makes as many, hardly one of them
in a cycle, and with Python's own number a third of its time was spent on looking for some.
"""
HOLDERS_S = 5.0
"""So long new Secrets are waited for, lest each model with one be of unknown state for a moment."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """What an installer says of an operator."""

    namespaces: tuple[str, ...] = ()
    """Those that it serves; all where none is named."""
    secrets: tuple[str, ...] = ()
    """Those in which it may read Secrets; all that it serves where none is named."""
    metrics: str | None = None
    rate: float = 50.0
    burst: int = 100
    resync: float = SWEEP_S
    """Seconds after which everything is listed again, whether or not a watch missed anything."""
    children: Options = field(default_factory=Options)


class Operator:
    """The parts of the role, and who tells whom."""

    def __init__(self, client: Client, options: OperatorOptions) -> None:
        watched = scopes(options.namespaces)
        self._options = options
        self.client = client
        self.telemetry = Telemetry()
        self.store = FleetStore(watched)
        self.watches = Watches(watched)
        self.identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:12]}"
        self.lease = LeaseKeeper(client, home_namespace(), LEASE, self.identity, on_change=self._leads)
        bucket = TokenBucket(options.rate, options.burst)
        self.posting = Posting(client, self.identity, self.telemetry, self.lease.holds)
        self.statuses = StatusSync(client, self.store, self.lease.holds, bucket, self.posting, self.telemetry)
        self.children = ChildSync(client, self.store, self.lease.holds, bucket, self.telemetry, self._poke)
        self.households = Households(options.children)
        self.loop = CompileLoop(self._look, self.telemetry.compile_failures.inc)
        self.holders = HolderReader(client, options.secrets, self.telemetry, self.loop.poke)
        self.lists = Lists(client, self.store, watched, self.telemetry, self._listed, self._found, every=options.resync)
        guard = Guard(watched, self.watches, client, self.lists.soon, self._renew)
        self.frame = Frame(client, guard, watched, self)
        self.health = Health(self.frame, self.loop, self.watches, self.store)
        self._in_force = InForce()
        self._recall = Recall()
        self._measure()

    def start(self) -> None:
        """Starts every part but the election, without which nothing is written; each waits for what it needs."""
        writing = (self.posting, self.statuses, self.children)
        for part in (self.lists, self.frame, self.holders, self.loop, *writing):
            part.start()

    def stand(self) -> None:
        """Stands for election."""
        self.lease.start()

    def stop(self) -> None:
        """Stops writing first, then lets others write, then stops to look."""
        writing = (self.loop, self.children, self.statuses, self.posting)
        for part in (*writing, self.lease, self.holders, self.lists, self.frame):
            part.stop()

    def observe(self, raw: Mapping[str, Any], *, gone: bool) -> None:
        """What a watch tells."""
        change = self.store.observe(raw, gone=gone)
        self.telemetry.events.labels(str(raw.get("kind")), change.name.lower()).inc()
        key = key_of(raw, "")
        if change is Change.STATUS:
            self.statuses.look(key)
        if change is not Change.NOTHING and BY_KIND[key.kind].is_child:
            self.children.look(key)
        self._changed(change)

    def _changed(self, change: Change) -> None:
        if change is Change.FLEET:
            self.loop.poke()

    def _listed(self, change: Change) -> None:
        # A list may bring both, and tells the larger.
        self.statuses.look_at_all()
        self.children.look_at_all()
        self._changed(change)

    def _found(self, _: Scope) -> None:
        # kopf looks only when it starts which kinds there are.
        self._renew()

    def _renew(self) -> None:
        self.frame.renew()

    def _leads(self, leads: bool) -> None:
        self.telemetry.leader.set(leads)
        # Until now another process has judged, and what it found stands in the statuses.
        self.households.forget_standings()
        if leads:
            self.loop.poke()
            self.statuses.look_at_all()
            self.children.look_at_all()

    def _look(self) -> None:
        """Looks at the whole fleet. Never before all has been read: half a fleet is another fleet."""
        if not self.store.is_filled:
            return
        objects = tuple(parsed(self.store))
        judged = {one.key: judged_of(one) for one in objects}
        uids = {key: one.uid for key, one in judged.items()}
        standing = self.households.standing(uids)
        bare = cluster_snapshot(self.store, objects, time.time(), self.children.refused(), standing)
        snapshot = with_holders(bare, self.holders.read(referred_holders(bare), HOLDERS_S))
        with self.telemetry.compile_seconds.time():
            plan = compile_fleet(snapshot, self._in_force)
            self._in_force = plan.in_force
            recall = Recall(self._recall)
            children = compile_children(snapshot, plan.findings, self._options.children, recall)
            findings = (*plan.findings, *children.findings)
            families = self.households.families(children, uids)
            seen = replace(snapshot, unwritten=unwritten(families, snapshot.workloads))
            statuses = summarise(seen, judged.values(), findings, children.placement, recall)
        self._recall = recall
        self._count(findings)
        self.children.apply(families)
        wanted = {key: Wanted(judged[key].uid, status) for key, status in statuses.items()}
        # Who serves single namespaces writes on nothing that others share.
        self.statuses.apply({key: one for key, one in wanted.items() if key.namespace or not self._options.namespaces})
        self._wake_at(children.placement.wake_at)

    def _wake_at(self, moment: float | None) -> None:
        # The loop has the clock that nobody sets, and what stands in statuses has everybody's.
        self.loop.wake_at(None if moment is None else time.monotonic() + max(moment - time.time(), 0.0))

    def _poke(self) -> None:
        self.loop.poke()

    def _count(self, findings: Any) -> None:
        self.telemetry.findings.clear()
        for reason, count in Counter(finding.reason for finding in findings).items():
            self.telemetry.findings.labels(reason.value).set(count)

    def _measure(self) -> None:
        ask = self.telemetry.ask
        ask("watch_age_seconds", "Seconds since a watch last told of anything.", "kind", self._ages)
        ask("objects", "Objects that are known.", "kind", self.store.sizes)
        ask("unread", "Kinds of which some could not be read yet: 1.", "kind", self._unread)
        self.telemetry.loop_lag.set_function(self.frame.lag)
        self.telemetry.synced.set_function(lambda: float(not self.store.unread()))
        self.telemetry.waiting.set_function(self.statuses.waiting)
        self.telemetry.children.set_function(self.children.waiting)

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


def run_operator(options: OperatorOptions) -> None:
    """Serves until a signal comes. Raises Unusable where it cannot."""
    gc.set_threshold(BIRTHS, 10, 10)
    ending = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    operator = Operator(connect(f"modelfleet-operator/{__version__}"), options)
    serving = None
    if options.metrics is not None:
        serving = Serving(options.metrics, operator.telemetry, operator.health.ailments, operator.health.lacks)
        serving.start()
        log.info("metrics and health at http://%s", serving.address)
    log.info("modelfleet %s, operator %s, of %s", __version__, operator.identity, operator.client.server)
    operator.start()
    try:
        _check_server(operator.client, ending)
        operator.stand()
        ending.wait()
        log.info("ending")
    finally:
        operator.stop()
        if serving:
            serving.stop()


def _check_server(client: Client, ending: Event) -> None:
    """Raises Unusable for a server that is too old. One that does not answer may come yet."""
    while not ending.is_set():
        try:
            wrong = check_version(client.server_version())
        except (Forbidden, NotFound):
            return  # who may not ask is not kept from working
        except KubeError:
            ending.wait(ASK_AGAIN_S)
            continue
        if wrong:
            raise Unusable(wrong)
        return
