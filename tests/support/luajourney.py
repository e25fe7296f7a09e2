"""A request on its way through all scripts, called as Envoy calls them, with a test in the place of all upstreams."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from modelfleet.envoy.attempt import attempt_filters, gate_filters
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.listener import render_listener
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.gateways import plan_gateways
from modelfleet.routing.plan import GatewayPlan
from tests.support.documents import Document, fleet
from tests.support.luachain import Chain, Pairs, skips, unwrapped
from tests.support.luahandle import JSON, NOW, Handled, Headers, Script
from tests.support.luanotes import groups_of
from tests.support.luarecord import record_of
from tests.support.luaroutes import Tables, clusters_of, tables_of

AGAIN = "x-modelfleet-again"
GATE, REPLICA = "gate", "10.0.0.1:80"
BODY = b'{"messages": [], "model" : "auto", "seed": 1}'
STREAM = b'{"model":"auto","stream":true}'
EVENTS = (("content-type", "text/event-stream"),)
KEY = ("authorization", "Bearer ours")
INJECTOR = {"name": "credentials"}
AT_REPLICA = {
    "%UPSTREAM_METADATA(modelfleet:gate)%": "",
    "%UPSTREAM_HOST%": REPLICA,
    "%UPSTREAM_METADATA(modelfleet:hardware)%": "gpu",
}
AT_GATE = {**AT_REPLICA, "%UPSTREAM_METADATA(modelfleet:gate)%": "1"}


def planned(*documents: Document) -> GatewayPlan:
    world = World(gateways={"default": Gateway("default")})
    (gateway,) = plan_gateways(replace(fleet(*documents), world=world))
    return gateway


def routed(*documents: Document) -> Tables:
    """By scope the routes of the policies among these documents."""
    return tables_of(planned(*documents))


def steered(handled: Handled) -> list[str]:
    """The clusters to which Envoy's attempts go, the first of all first; none where a script has answered."""
    if handled.answer:
        return []
    route = handled.looks.look(handled.headers)
    return clusters_of(groups_of(handled.noted)) or list(route.clusters if route else ())


@cache
def _who_needs_no_tell() -> Any:
    shown = display_resource(render_listener(Gateway("default")))["resource"]
    chain = shown["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    (matcher,) = filter(None, (unwrapped(it)[1] for it in chain))
    return matcher


def says_all(headers: Mapping[str, str]) -> bool:
    """Whether an answer with these headers needs nothing more said of it, by what the listener says."""
    return skips(_who_needs_no_tell(), headers)


@dataclass(frozen=True)
class Sent:
    """A try as its upstream gets it."""

    cluster: str
    headers: dict[str, str]
    body: bytes
    watched: bool
    """Whether the clock looks after it."""


class Worker:
    """A worker of a gateway, which counts from one request to the next. `absent` are the ways without a replica."""

    def __init__(self, *documents: Document) -> None:
        plan = planned(*documents)
        self.tables = tables_of(plan)
        self.keyed = {it.way for it in plan.targets if it.host and it.host.secret}
        self.absent: set[str] = set()
        self.now = NOW
        self._scripts: dict[str, Script] = {}

    def script(self, entry: str) -> Script:
        """Each is made when the first request gets there."""
        if entry not in self._scripts:
            self._scripts[entry] = Script(self.tables, entry=entry)
        self._scripts[entry].now = self.now
        return self._scripts[entry]

    def wait(self, milliseconds: int) -> None:
        self.now += milliseconds

    def ask(self, body: bytes = BODY, headers: Headers = (), path: str = "/v1/chat/completions") -> "Journey":
        """A request up to its first try, or to its end where it has none."""
        return Journey(self, self.script("gateway").request(body, [*JSON, *headers], path=path))


class Journey:
    """One request. After each step it is at a try that is under way, or at its end."""

    def __init__(self, worker: Worker, handled: Handled) -> None:
        assert handled.answer is None, handled.answer
        self.notes, self.sent = handled.noted, list[Sent]()
        self._worker, self._last, self._body, self._made = worker, handled, handled.body, 0
        self._pairs, self._chain = handled.pairs, Chain([], {})
        self._looks = handled.looks
        self._go()

    @property
    def made(self) -> int:
        """Envoy's attempts, those at the gate among them."""
        return self._made

    @property
    def record(self) -> dict[str, Any]:
        """What Envoy would write of it, if it ended now."""
        return record_of(self.notes)

    @property
    def said(self) -> tuple[int, str, bytes] | None:
        """What the gate said, which is the end."""
        return self._last.answer

    @property
    def retry_after(self) -> str | None:
        return self._last.retry_after

    def _go(self) -> None:
        """Envoy's attempts, up to one that gets to an upstream, or to the end."""
        while True:
            # Where there is no route for a first try, nothing is known of where it would go.
            route = self._looks.look(dict(self._pairs))
            assert route
            assert route.name in ("stream", "answer")
            groups = clusters_of(groups_of(self.notes)) or route.clusters
            cluster = groups[self._made]
            self._made += 1
            body, watched = self._pass(cluster)
            if self.said:
                return None
            if cluster not in {GATE, *self._worker.absent}:
                return self.sent.append(Sent(cluster, dict(self._pairs), body, watched))

    def _pass(self, cluster: str) -> tuple[bytes, bool]:
        """The filters of a try: what its body is behind them, and whether the clock was among them."""
        filters = gate_filters() if cluster == GATE else attempt_filters(*self._keys(cluster))
        self._chain = Chain(filters, AT_GATE if cluster in {GATE, *self._worker.absent} else AT_REPLICA)
        body, watched = self._body, False

        def run(name: str, pairs: Pairs) -> Pairs:
            nonlocal body, watched
            watched = watched or name == "clock"
            if name == "credentials":
                return put_on(pairs, KEY)
            if name in ("clock", "codec") or self.said or not self._worker.script(name).has("envoy_on_request"):
                return pairs
            handled = self._worker.script(name).handle(pairs, body, self.notes, self._looks)
            self._last = handled.call("envoy_on_request").resume_whole()
            body = handled.body
            return handled.pairs

        self._pairs = self._chain.request(self._pairs, run)
        return body, watched

    def _keys(self, cluster: str) -> list[dict[str, Any]]:
        return [INJECTOR] if cluster in self._worker.keyed else []

    def refused(self, milliseconds: int = 0) -> "Journey":
        """No connection comes about."""
        self._worker.wait(milliseconds)
        self._go()
        return self

    def silent(self, milliseconds: int = 0) -> "Journey":
        """There is a connection, and after a while none, or Envoy has waited for long enough."""
        self._connect()
        return self.refused(milliseconds)

    def failed(self, status: int, *headers: tuple[str, str], milliseconds: int = 0) -> "Journey":
        """The upstream answers what is no answer."""
        handled = self.answered(status, headers, milliseconds)
        assert (handled.headers[AGAIN], handled.waits) == ("1", None)
        self._go()
        return self

    def answered(
        self, status: int = 200, headers: Headers = JSON, milliseconds: int = 0, body: bytes | None = b""
    ) -> Handled:
        """What the scripts make of the head of an answer, which ends with it where there is no body."""
        self._connect()
        self._worker.wait(milliseconds)
        found: list[Handled] = []

        def run(name: str, pairs: Pairs) -> Pairs:
            if name in ("clock", "codec", "credentials") or not self._worker.script(name).has("envoy_on_response"):
                return pairs
            handled = self._worker.script(name).handle(pairs, body, self.notes, self._looks)
            found.append(handled.call("envoy_on_response"))
            return handled.pairs

        self._chain.response([(":status", str(status)), *headers], run)
        (handled,) = found
        return handled

    def told(self, handled: Handled | None = None, *headers: tuple[str, str]) -> Handled:
        """What the caller is told: of an answer of an upstream, or without one of what was said in its place."""
        pairs = [*(handled.pairs if handled else self._of_said()), *headers]
        if handled and says_all(handled.headers):
            return handled
        body = handled.body if handled else self.said[2] if self.said else b""
        return self._worker.script("tell").response(self.notes, pairs, body, self._looks)

    def ended(self, reason: str, status: int = 504) -> Handled:
        """What the caller is told where Envoy itself ends the request, in words behind which its mapper puts why."""
        pairs = [(":status", str(status)), *JSON, ("retry-after", "1"), ("x-modelfleet-reason", reason)]
        return self._worker.script("tell").response(self.notes, pairs, b"envoy's own words", self._looks)

    def _of_said(self) -> list[tuple[str, str]]:
        assert self.said is not None
        return [(":status", str(self.said[0])), ("content-type", self.said[1])]

    def _connect(self) -> None:
        # Envoy names the endpoint as soon as there is a connection. All tries of a request share their headers.
        self._pairs = put_on(self._pairs, (":authority", REPLICA))


def put_on(pairs: Pairs, header: tuple[str, str]) -> Pairs:
    return [*(it for it in pairs if it[0] != header[0]), header]
