"""`modelfleet operator`: what a cluster holds goes in, what is true of it comes back as statuses."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Event

from modelfleet import __version__
from modelfleet.app.eyes import Eyes, Sights
from modelfleet.app.households import Households
from modelfleet.app.role import identity, run_role
from modelfleet.compiler import compile_children, compile_fleet
from modelfleet.controllers.children import ChildSync
from modelfleet.controllers.lists import SWEEP_S
from modelfleet.controllers.posting import Posting
from modelfleet.controllers.reports import ReportReader
from modelfleet.controllers.serving import Page
from modelfleet.controllers.statuses import StatusSync, Wanted
from modelfleet.controllers.unwritten import unwritten
from modelfleet.findings import Key
from modelfleet.fleet.envoys import Reported
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.lastgood import holders_of_stand_ins, last_good
from modelfleet.fleet.parse import Invalid, Valid
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.references import referred_holders
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.kube.client import Client
from modelfleet.kube.config import connect, home_namespace
from modelfleet.kube.lease import LeaseKeeper
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.cluster import cluster_snapshot, judgements, parsed, with_holders
from modelfleet.sources.kinds import BY_KIND, scopes
from modelfleet.sources.store import Change
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from modelfleet.telemetry import WriterTelemetry
from modelfleet.workloads.options import Options

LEASE = "modelfleet-operator"
HOLDERS_S = 5.0
"""So long new Secrets are waited for, lest each model with one be of unknown state for a moment."""
REPORTS_S = 3.0
"""So long replicas of xds that have not been asked yet are waited for, lest every policy be of unknown state first."""

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
    xds: tuple[str, ...] = ()
    """The addresses of xds replicas; where none is named they are looked for in its own namespace."""


class Operator:
    """The parts of the role, and who tells whom."""

    def __init__(self, client: Client, options: OperatorOptions) -> None:
        self._options = options
        self.client = client
        self.telemetry = WriterTelemetry()
        sights = Sights(scopes(options.namespaces), options.secrets, options.resync)
        self.eyes = Eyes(client, sights, self.telemetry, self)
        store = self.eyes.store
        self.identity = identity()
        home = home_namespace()
        self.reports = ReportReader(client, home, options.xds, self.telemetry, self._reported)
        self.lease = LeaseKeeper(client, home, LEASE, self.identity, on_change=self._leads)
        bucket = TokenBucket(options.rate, options.burst)
        self.posting = Posting(client, self.identity, self.telemetry, self.lease.holds)
        self.statuses = StatusSync(client, store, self.lease.holds, bucket, self.posting, self.telemetry)
        self.children = ChildSync(client, store, self.lease.holds, bucket, self.telemetry, self.eyes.loop.poke)
        self.households = Households(options.children)
        self.pages: Mapping[str, Page] = {}
        self.ailments, self.lacks = self.eyes.health.ailments, self.eyes.health.lacks
        self._in_force = InForce()
        self._recall = Recall()
        self._another_term = Event()
        self.telemetry.waiting.set_function(self.statuses.waiting)
        self.telemetry.children.set_function(self.children.waiting)
        self.telemetry.ask("xds_silent", "Replicas of xds that do not answer: 1.", "address", self.reports.silent)

    def start(self) -> None:
        """Starts every part but the election, without which nothing is written; each waits for what it needs."""
        for part in (self.reports, self.eyes, self.posting, self.statuses, self.children):
            part.start()

    def stand(self) -> None:
        """Stands for election."""
        self.lease.start()

    def stop(self) -> None:
        """Stops writing first, then lets others write, then stops to look."""
        self.eyes.close()
        for part in (self.children, self.statuses, self.posting, self.lease, self.reports, self.eyes):
            part.stop()

    def saw(self, key: Key, change: Change) -> None:
        """What a watch told of."""
        if change is Change.STATUS:
            self.statuses.look(key)
        if change is not Change.NOTHING and BY_KIND[key.kind].is_child:
            self.children.look(key)

    def saw_all(self) -> None:
        """What a list told of."""
        self.statuses.look_at_all()
        self.children.look_at_all()

    def _reported(self, before: Reported, now: Reported) -> None:
        # Once another policy is everywhere, what its edit waited for has come.
        self.eyes.loop.poke(at_once=not before.behind <= now.behind)

    def _leads(self, leads: bool) -> None:
        self.telemetry.leader.set(leads)
        self._another_term.set()
        if leads:
            self.eyes.loop.poke()
            self.saw_all()

    def look(self) -> None:
        """Looks at the whole fleet. Never before all has been read: half a fleet is another fleet."""
        if self._another_term.is_set():
            self._another_term.clear()
            # Until then another process has judged, and what it found stands in the statuses.
            self.households.forget_standings()
        store = self.eyes.store
        if not store.is_filled:
            return
        objects = tuple(parsed(store))
        uids = {one.key: one.uid for one in objects}
        last = last_good(objects, judgements(store, objects), self._in_force)
        snapshot = self._snapshot(objects, uids, last)
        with self.telemetry.compile_seconds.time():
            plan = compile_fleet(snapshot, last)
            self._in_force = plan.in_force
            judged = {one.key: judged_of(one, plan.in_force.version_of(one.key), snapshot.reported) for one in objects}
            recall = Recall(self._recall)
            children = compile_children(snapshot, plan.findings, self._options.children, recall)
            findings = (*plan.findings, *children.findings)
            families = self.households.families(children, uids)
            seen = replace(snapshot, unwritten=unwritten(families, snapshot.workloads))
            statuses = summarise(seen, judged.values(), findings, children.placement, recall)
        self._recall = recall
        self.eyes.count(findings)
        self.children.apply(families)
        wanted = {key: Wanted(judged[key].uid, status) for key, status in statuses.items()}
        # Who serves single namespaces writes on nothing that others share.
        self.statuses.apply({key: one for key, one in wanted.items() if key.namespace or not self._options.namespaces})
        self._wake_at(children.placement.wake_at)

    def _snapshot(self, objects: tuple[Valid | Invalid, ...], uids: Mapping[Key, str], last: InForce) -> FleetSnapshot:
        standing = self.households.standing(uids)
        bare = cluster_snapshot(self.eyes.store, objects, time.time(), self.children.refused(), standing)
        wanted = referred_holders(bare) | holders_of_stand_ins(last, bare)
        told = replace(bare, reported=self.reports.reported(REPORTS_S))
        return with_holders(told, self.eyes.holders.read(wanted, HOLDERS_S))

    def _wake_at(self, moment: float | None) -> None:
        # The loop has the clock that nobody sets, and what stands in statuses has everybody's.
        self.eyes.loop.wake_at(None if moment is None else time.monotonic() + max(moment - time.time(), 0.0))


def run_operator(options: OperatorOptions) -> None:
    """Serves until a signal comes. Raises Unusable where it cannot."""
    operator = Operator(connect(f"modelfleet-operator/{__version__}"), options)
    log.info("modelfleet %s, operator %s, of %s", __version__, operator.identity, operator.client.server)
    run_role(operator, options.metrics)
