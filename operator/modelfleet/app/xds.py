"""`modelfleet xds`: what a cluster holds becomes what its gateways do. It writes nothing to Kubernetes."""

import logging
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from modelfleet import __version__
from modelfleet.app.eyes import Eyes, Sights
from modelfleet.app.role import identity, run_role
from modelfleet.app.tls import door_of
from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.controllers.lists import SWEEP_S
from modelfleet.controllers.loop import Pace
from modelfleet.controllers.serving import Page
from modelfleet.envoy.check import Defect, Seen
from modelfleet.envoy.mtls import TlsFiles
from modelfleet.findings import Key, Unusable
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.lastgood import OUTLASTING, last_good
from modelfleet.fleet.references import holders_of_gateways, referred_holders
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Gateway
from modelfleet.kube.client import Client
from modelfleet.kube.config import connect
from modelfleet.sources.cluster import Holders, cluster_snapshot, judgements, parsed, with_holders
from modelfleet.sources.kinds import ROUTED, scopes
from modelfleet.sources.store import Change
from modelfleet.telemetry import WatcherTelemetry
from modelfleet.xds.acks import Acks, InPlace
from modelfleet.xds.ackspage import AcksPage
from modelfleet.xds.events import Ack, Event, Refusal
from modelfleet.xds.plane import Plane
from modelfleet.xds.state import gateway_resources

NEEDED = frozenset({"RoutingPolicy", "ModelDeployment", "EndpointSlice"})
"""Nothing is served before these have been read: without them gateways would be told that there is nothing."""
HOLDERS_S = 5.0
"""So long new Secrets are waited for, lest a model that needs one be left out for a moment."""
PACE = Pace(quiet=0.01, most=0.1)
"""A replica that goes must be gone from gateways before it is gone: only what comes together is waited for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class XdsOptions:
    """What an installer says of the role."""

    listen: str
    gateways: tuple[Gateway, ...] = (Gateway("default"),)
    namespaces: tuple[str, ...] = ()
    """Those that it serves; all where none is named."""
    secrets: tuple[str, ...] = ()
    """Those in which it may read Secrets; all that it serves where none is named."""
    metrics: str | None = None
    resync: float = SWEEP_S
    tls: TlsFiles | None = None
    """Those of the server of gateways, which then asks for theirs."""


class Xds:
    """The parts of the role, and who tells whom."""

    def __init__(self, client: Client, options: XdsOptions) -> None:
        self.client = client
        self.telemetry = WatcherTelemetry()
        sights = Sights(scopes(options.namespaces, ROUTED), options.secrets, options.resync, PACE)
        self.eyes = Eyes(client, sights, self.telemetry, self)
        self.identity = identity()
        self.acks = Acks(self.identity)
        self.pages: Mapping[str, Page] = {"/acks": AcksPage(self.acks)}
        self._listen = options.listen
        self._gateways = {one.name: one for one in options.gateways}
        self._plane = Plane(options.listen, self._hear, door_of(options.tls, options.listen, self.telemetry))
        self._in_force = InForce()
        self._seen: dict[str, Seen] = {}
        self._defects: tuple[Defect, ...] = ()
        self._answers = self.telemetry.counter("xds_answers", "What gateways answered.", ("type", "outcome"))
        self._measure()

    def start(self) -> None:
        """Begins to look."""
        self._plane.start()
        self.eyes.start()

    def stand(self) -> None:
        """There is nothing to stand for: every replica serves."""

    def stop(self) -> None:
        """Lets gateways go elsewhere, then stops to look."""
        self.eyes.close()
        self._plane.stop()
        self.eyes.stop()

    def saw(self, key: Key, change: Change) -> None:
        """A status says which version is in force: who knows another one goes by that."""
        sight = self.eyes.store.sight(key) if change is Change.STATUS and key.kind in OUTLASTING else None
        if sight and sight.judgement and sight.judgement.may_change(sight.value, self._in_force):
            self.eyes.loop.poke()
        if change is Change.FLEET and key.kind == "RoutingPolicy":
            # An edit of somebody's, which nothing else comes with. Pods and their endpoints come together.
            self.eyes.loop.poke(at_once=True)

    def saw_all(self) -> None:
        """A list told of many objects, and each may have another status."""
        self.eyes.loop.poke()

    def lacks(self) -> list[str]:
        """What it has to do before gateways can be served."""
        if self._plane.is_open:
            return []
        return self.eyes.health.lacks() or ["nothing has been compiled yet"]

    def ailments(self) -> list[str]:
        """Why the process should be ended."""
        return self.eyes.health.ailments() or self._plane.ailments()

    def look(self) -> None:
        """Compiles the whole fleet, and publishes what each gateway is to have."""
        store = self.eyes.store
        if not store.is_filled or any(scope.watched.kind in NEEDED for scope in store.unread()):
            return
        objects = tuple(parsed(store))
        bare = cluster_snapshot(store, objects, time.time())
        bare = replace(bare, world=replace(bare.world, gateways=self._gateways))
        last = last_good(objects, judgements(store, objects), self._in_force)
        self._publish(self._compile(with_holders(bare, self._holders(bare, last)), last))
        self._plane.open()

    def _holders(self, snapshot: FleetSnapshot, last: InForce) -> Holders:
        """What gateways need, and nothing of what only engines do: of that nothing is said here."""
        kept = replace(snapshot, models=last.models, policies=last.policies)
        wanted = holders_of_gateways(snapshot) | holders_of_gateways(kept)
        holders = self.eyes.holders.read(wanted, HOLDERS_S)
        others = dict.fromkeys(referred_holders(snapshot) - wanted, "gateways do not need it")
        return replace(holders, unread={**others, **holders.unread})

    def _compile(self, snapshot: FleetSnapshot, last: InForce) -> FleetPlan:
        with self.telemetry.compile_seconds.time():
            plan = compile_fleet(snapshot, last, self._seen)
        self._in_force = plan.in_force
        self.eyes.count(plan.findings)
        self._confess(plan.defects)
        return plan

    def _publish(self, plan: FleetPlan) -> None:
        for name, resources in plan.gateways.items():
            state = gateway_resources(resources)
            # First those who watch over it: a gateway may settle on the state at once.
            self.acks.publish(name, state, _in_place(plan, name))
            self._plane.publish(name, state)

    def _confess(self, defects: tuple[Defect, ...]) -> None:
        for defect in defects:
            if defect not in self._defects:
                log.error("a fault of modelfleet, please report it: %s", defect)
        self._defects = defects

    def _hear(self, node: str, gateway: str, event: Event) -> None:
        if isinstance(event, Ack | Refusal):
            outcome = "refused" if isinstance(event, Refusal) else "taken"
            self._answers.labels(event.type_url.rpartition(".")[2], outcome).inc()
        self.acks.hear(node, gateway, event)

    def _measure(self) -> None:
        ask, acks = self.telemetry.ask, self.acks
        ask("gateways_connected", "Envoys that are connected here.", "gateway", acks.connected)
        ask("gateways_current", "Those of them that have acknowledged the newest state.", "gateway", acks.current)
        ask("gateways_refused", "Resources that they refuse at present.", "gateway", acks.refused)


def run_xds(options: XdsOptions) -> None:
    """Serves until a signal comes. Raises Unusable where it cannot, before anything is waited for."""
    _check_free(options.listen)
    xds = Xds(connect(f"modelfleet-xds/{__version__}"), options)
    gateways = ", ".join(one.name for one in options.gateways)
    log.info("modelfleet %s, xds %s, of %s, for: %s", __version__, xds.identity, xds.client.server, gateways)
    run_role(xds, options.metrics)


def _in_place(plan: FleetPlan, gateway: str) -> dict[Key, InPlace]:
    policies: Iterable[Key] = (
        key for key, policy in plan.in_force.policies.items() if gateway in policy.spec.serves.gateways
    )
    found = {}
    for key in policies:
        metadata = plan.in_force.policies[key].metadata
        found[key] = InPlace(metadata.uid, metadata.generation, plan.revisions.get(key, ""))
    return found


def _check_free(address: str) -> None:
    """The port is only opened when there is something to serve, which is late to say that it is taken."""
    if address.startswith("unix:"):
        return
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, int(port)), family=family).close()
    except OSError as error:
        raise Unusable(f"--listen {address}: cannot listen there: {error.strerror or error}") from error
