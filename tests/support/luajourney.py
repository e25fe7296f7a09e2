"""A request on its way through both scripts, called as Envoy calls them, with a test in the place of all upstreams."""

from dataclasses import dataclass, replace
from typing import Any

from modelfleet.envoy.attempt import attempt_filters
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.gateways import plan_gateways
from modelfleet.routing.plan import GatewayPlan
from tests.support.documents import Document, fleet
from tests.support.luahandle import JSON, Handled, Headers, Script

AT, AGAIN, SCOPE, UPSTREAM = (f"x-modelfleet-{name}" for name in ("at", "again", "scope", "upstream"))
GATE, REPLICA = "gate", "10.0.0.1:80"
BODY = b'{"messages": [], "model" : "auto", "seed": 1}'
STREAM = b'{"model":"auto","stream":true}'
EVENTS = (("content-type", "text/event-stream"),)


KEY = ("authorization", "Bearer ours")
_ORDER = [it["name"] for it in attempt_filters({"name": "credentials"})]
KEY_FIRST = _ORDER.index("credentials") < _ORDER.index("modelfleet")
"""Whether a request has its key when the script sees it."""


def planned(*documents: Document) -> GatewayPlan:
    world = World(gateways={"default": Gateway("default")})
    (gateway,) = plan_gateways(replace(fleet(*documents), world=world))
    return gateway


def routes(*documents: Document) -> dict[str, Any]:
    """By scope what the scripts find under it."""
    return {
        f"{host or '*'}|{name}": {"policy": f"default/{plan.key.name}", "revision": "r1", "plan": plan.numbers}
        for plan in planned(*documents).policies
        for host, name in plan.claims
    }


def steered(handled: Handled) -> list[str]:
    """The clusters to which Envoy's attempts go, the first of all first."""
    groups = handled.noted.of("modelfleet.way").get("priority_groups", [])
    return [group["clusters"][0]["cluster_name"] if "clusters" in group else group["name"] for group in groups]


@dataclass(frozen=True)
class Sent:
    """A try as its upstream gets it."""

    cluster: str
    headers: dict[str, str]
    body: bytes


class Worker:
    """A worker of a gateway, which counts from one request to the next. `absent` are the ways without a replica."""

    def __init__(self, *documents: Document) -> None:
        self.routes = routes(*documents)
        self.gateway, self.tries = Script(self.routes), Script(entry="attempt")
        self.keyed = {it.way for it in planned(*documents).targets if it.host and it.host.secret}
        self.absent: set[str] = set()

    def wait(self, milliseconds: int) -> None:
        for script in (self.gateway, self.tries):
            script.now += milliseconds

    def ask(self, body: bytes = BODY, headers: Headers = (), path: str = "/v1/chat/completions") -> "Journey":
        """A request up to its first try, or to its end where it has none."""
        return Journey(self, self.gateway.request(body, [*JSON, *headers], path=path))


class Journey:
    """One request. After each step it is at a try that is under way, or at its end."""

    def __init__(self, worker: Worker, handled: Handled) -> None:
        assert handled.answer is None, handled.answer
        self.notes, self.sent = handled.noted, list[Sent]()
        self._worker, self._last, self._body, self._made = worker, handled, handled.body, 0
        self._route = worker.routes[handled.headers[SCOPE]]
        self._pairs = handled.pairs
        self._go()

    @property
    def made(self) -> int:
        """Envoy's attempts, those at the gate among them."""
        return self._made

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
            cluster = steered(self._last)[self._made]
            self._made += 1
            at_gate = cluster in {GATE, *self._worker.absent}
            keys = [KEY] if cluster in self._worker.keyed else []
            self.put_on(*(keys if KEY_FIRST else []))
            pairs = [*self._pairs, (AT, "1")] if at_gate else self._pairs
            handled = self._worker.tries.handle(pairs, self._body, self.notes, self._route)
            self._last = handled.call("envoy_on_request").resume_whole()
            self._pairs = handled.pairs
            self.put_on(*([] if KEY_FIRST else keys))
            assert AT not in handled.headers
            if not at_gate:
                return self.sent.append(Sent(cluster, dict(self._pairs), handled.body))
            if handled.answer:
                return None

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
        """What the attempt script makes of the head of an answer, which ends with it where there is no body."""
        self._connect()
        self._worker.wait(milliseconds)
        handled = self._worker.tries.handle([(":status", str(status)), *headers], body, self.notes, self._route)
        return handled.call("envoy_on_response")

    def told(self, handled: Handled | None = None, *headers: tuple[str, str]) -> Handled:
        """What the caller is told: of an answer of an upstream, or without one of what was said in its place."""
        pairs = [*handled.pairs, (UPSTREAM, f"{REPLICA} gpu")] if handled else self._of_said()
        return self._worker.gateway.response(self.notes, [*pairs, *headers], route=self._route)

    def _of_said(self) -> list[tuple[str, str]]:
        assert self.said is not None
        return [(":status", str(self.said[0])), ("content-type", self.said[1])]

    def put_on(self, *headers: tuple[str, str]) -> None:
        """What Envoy itself puts on. It stays: all tries of a request share their headers."""
        names = {name for name, _ in headers}
        self._pairs = [*(it for it in self._pairs if it[0] not in names), *headers]

    def _connect(self) -> None:
        # Envoy names the endpoint as soon as there is a connection.
        self.put_on((":authority", REPLICA))
