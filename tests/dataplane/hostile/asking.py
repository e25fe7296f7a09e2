"""What is asked of a gateway that serves a hostile fleet: each name that it serves, and what no client should send."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.compiler import FleetPlan
from modelfleet.routing.claims import owners_of
from tests.dataplane.hostile.known import can_stand_in_a_path
from tests.dataplane.support.client import CHAT, Request
from tests.dataplane.support.gateway import NAME
from tests.dataplane.support.headers import Pair
from tests.support.hostile.dice import Dice
from tests.support.hostile.names import HEADERS, ITEMS
from tests.support.hostile.words import LONG, NUMBERS, SHAPES, TEXTS

NOBODY_S_HOST = "nobody.example"
JSON: Pair = ("content-type", "application/json")
FRAMING = {
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
    "expect",
    "accept",
}
CHANGED = {"x-request-id", "x-forwarded-for", "x-request-timeout", "x-envoy-attempt-count", "-", "cookie", *FRAMING}
"""Headers that come with every request, mean something to the proxy, or are taken off: what a rule makes of those is
another test's matter."""


@dataclass(frozen=True)
class Asked:
    """One request. `policy` is whose it is, where that is beyond doubt."""

    request: Request
    policy: RoutingPolicy | None = None
    name: str = ""
    stream: bool = False
    listed: frozenset[str] | None = None
    """The names that are to be listed, where that is what is asked for."""

    @property
    def body(self) -> dict[str, Any]:
        """What a request says that is no attack."""
        assert isinstance(self.request.body, bytes)
        found: dict[str, Any] = json.loads(self.request.body)
        return found


def each_name(plan: FleetPlan, dice: Dice) -> Iterator[Asked]:
    """One request for each name of each policy, on one of the hosts on which it is that policy's."""
    policies = plan.in_force.policies
    owners = {(host, name): owner for (at, host, name), owner in owners_of(policies.values()).items() if at == NAME}
    hosts: dict[tuple[Any, str], list[str]] = {}
    for (host, name), owner in owners.items():
        elsewhere = {it for it, _ in owners if not host and (it, name) not in owners}
        hosts.setdefault((owner, name), []).extend([host, *sorted(elsewhere)])
    for (owner, name), found in sorted(hosts.items()):
        yield _plain(policies[owner], name, dice.choice(found), dice)


def catalogue(plan: FleetPlan, dice: Dice) -> Iterator[Asked]:
    """What is served on one of the hosts, and one of the names by itself."""
    claims = {(host, name) for gateway, host, name in owners_of(plan.in_force.policies.values()) if gateway == NAME}
    host = dice.choice(sorted({host for host, _ in claims} | {""}))
    names = frozenset(name for at, name in claims if at in (host, ""))
    headers = [("host", _spelled(host, dice))]
    yield Asked(Request("/v1/models", headers=headers, method="GET"), listed=names)
    found = sorted(name for at, name in claims if at in (host, "") and can_stand_in_a_path(name))
    if found:
        one = dice.choice(found)
        path = f"/v1/models/{quote(one, safe=dice.choice(('', '/:@')))}"
        yield Asked(Request(path, headers=headers, method="GET"), name=one, listed=frozenset({one}))


def _spelled(host: str, dice: Dice) -> str:
    """A host as clients write it: neither case nor port count."""
    return dice.choice((host, host, host.upper(), f"{host}:8080")) if host else NOBODY_S_HOST


def _plain(policy: RoutingPolicy, name: str, host: str, dice: Dice) -> Asked:
    stream = dice.often(0.25)
    asks = {"stream": lambda: True} if stream else {}
    body = dice.some(
        0.2,
        {
            **asks,
            "model": lambda: name,
            "messages": lambda: [{"role": "user", "content": dice.choice(("hi", "\u202e\U0001f600"))}],
        },
        metadata=lambda: dice.choice(({"ticket": ""}, {}, {"ticket": None}, {"ticket": 1})),
        max_tokens=lambda: dice.choice((1, 100, 10**6)),
        tools=lambda: dice.choice(([], [{"type": "function"}])),
        user=lambda: "u",
        __proto__=lambda: {"a": ""},
    )
    headers = [("host", _spelled(host, dice)), JSON, *_fitting(policy, dice)]
    return Asked(Request(CHAT, json.dumps(body).encode(), headers), policy, name, stream)


def _fitting(policy: RoutingPolicy, dice: Dice) -> list[Pair]:
    """Headers that one of its rules asks for, where a client can send them."""
    rules = [rule.when.headers for rule in policy.spec.rules or () if rule.when and rule.when.headers]
    wanted = dict(dice.choice(rules)) if rules and dice.often(0.7) else {}
    named = policy.spec.identifiers
    if named and named.session and dice.often(0.5):
        wanted[named.session] = dice.choice(("s", "%REQ(x)%", "]]", '"', "\\", "x" * 2000))
    distinct = {name.lower(): value for name, value in wanted.items()}
    return [(name, value) for name, value in distinct.items() if name not in CHANGED and _can_be_sent(value)]


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable() and value.strip() == value and bool(value)


def attacks(plan: FleetPlan, dice: Dice, count: int) -> Iterator[Asked]:
    """Requests with hostile texts where clients write theirs; some are for a name that is served."""
    served = sorted({model for it in plan.in_force.policies.values() for model in it.spec.serves.models}) or ["auto"]
    for _ in range(count):
        name = dice.choice(served)
        yield Asked(dice.choice((_odd_body, _odd_model, _odd_headers, _odd_headers, _odd_path, _odd_host))(name, dice))


def _chat(name: Any, **extra: Any) -> bytes:
    return json.dumps({"model": name, "messages": [{"role": "user", "content": "hi"}], **extra}).encode()


def _wire(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def _odd_body(name: str, dice: Dice) -> Request:
    text = dice.choice(TEXTS).encode(errors="surrogatepass")
    deep = b'{"model":"a","x":' + b"[" * 600 + b"]" * 600 + b"}"
    shape = json.dumps(dice.choice(SHAPES)).encode()
    twice = _chat(name)[:-1] + b',"model":"b"}'
    field = json.dumps({dice.choice(TEXTS): dice.choice(SHAPES), "model": name}).encode()
    stranger = (b"\xef\xbb\xbf" + _chat(name), _chat(name).decode().encode("utf-16"), b"\xff\xfe\x80", b"\x00" * 50)
    return Request(body=dice.choice((text, deep, shape, twice, field, *stranger)), headers=[JSON])


def _odd_model(name: str, dice: Dice) -> Request:
    model = dice.choice((dice.choice(TEXTS), name + dice.choice(TEXTS), dice.choice(NUMBERS), dice.choice(SHAPES)))
    extra = {dice.choice(ITEMS).partition(".")[0]: dice.choice((*SHAPES, *TEXTS))} if dice.often(0.5) else {}
    if isinstance(model, str) and "\ud800" not in model and dice.often(0.5):
        raw = json.dumps({"model": model, "messages": "hi"}, ensure_ascii=False).encode()
        return Request(body=raw, headers=[JSON])
    return Request(
        body=_chat(model, **{name: value for name, value in extra.items() if name != "model"}), headers=[JSON]
    )


def _odd_headers(name: str, dice: Dice) -> Request:
    ours = ("x-modelfleet-scope", "x-modelfleet-at", "x-modelfleet-again", "x-modelfleet-stream", "x-envoy-max-retries")
    names = (*HEADERS, *ours, "x-request-timeout", "x-request-id", "traceparent", *TEXTS)
    odd = [(_wire(dice.choice(names)), _wire(dice.choice(TEXTS))) for _ in range(dice.randint(1, 4))]
    return Request(body=_chat(name), headers=[JSON, *((it, value) for it, value in odd if it.lower() not in FRAMING)])


def _odd_host(name: str, dice: Dice) -> Request:
    return Request(body=_chat(name), headers=[("host", _wire(dice.choice(TEXTS))), JSON])


def _odd_path(name: str, dice: Dice) -> Request:
    text = _wire(dice.choice((*TEXTS, LONG * 8)))
    path = dice.choice(("/v1/models/", "/v1/chat/completions?", "/v1/", "/")) + text
    method = dice.choice(("GET", "POST", "HEAD", "DELETE", "OPTIONS"))
    return Request(path, _chat(name) if method == "POST" else b"", [JSON], method)
