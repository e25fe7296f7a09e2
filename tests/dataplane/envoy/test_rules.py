"""Which rule a request fits, one field of a condition at a time, and where a rule leads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.dataplane.support.client import CHAT, Request
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import Raw, fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.upstream import ScriptedUpstream

CONDITIONS = {
    "header": "{headers: {X-Class: batch}}",
    "headers": "{headers: {x-class: batch, x-other: 'a b'}}",
    "path": "{path: /v1/embeddings}",
    "below": "{path: /v1/chat/*}",
    "step": "{step: validation}",
    "legal": "{feature: legal}",
    "unnamed": "{feature: other}",
    "tenant": "{tenant: anonymous}",
    "nobody": "{tenant: acme}",
    "over": "{promptBytes: '>100'}",
    "from": "{promptBytes: '>=100'}",
    "under": "{promptBytes: '<100'}",
    "upto": "{promptBytes: '<=100'}",
    "tokens": "{maxTokens: '>50'}",
    "few": "{maxTokens: '<=50'}",
    "tools": "{tools: true}",
    "toolless": "{tools: false}",
    "streamed": "{stream: true}",
    "whole": "{stream: false}",
    "missing": "{missing: [messages, metadata.ticket, 'header:X-Retrieval']}",
    "empty": "{empty: [messages, metadata.ticket, 'header:x-retrieval']}",
    "both": "{tools: true, stream: true}",
}


def asks(name: str, when: str) -> Raw:
    """A policy of one rule."""
    return policy(
        name,
        f"""
        serves: {{models: [{name}]}}
        identifiers: {{step: X-Step, feature: x-feature, features: [legal, search]}}
        tiers: [{{name: light, models: [{{name: small}}]}}, {{name: heavy, models: [{{name: big}}]}}]
        rules: [{{name: hit, when: {when}, tier: heavy}}]
        """,
    )


ORDERED = policy(
    "ordered",
    """
    serves: {models: [ordered]}
    tiers: [{name: light, models: [{name: small}]}, {name: heavy, models: [{name: big}]}]
    rules:
    - {name: first, when: {headers: {x-a: "1"}}, tier: heavy}
    - {name: second, when: {headers: {x-a: "1", x-b: "1"}}, tier: light}
    - {name: third, when: {headers: {x-b: "1"}}, models: [{name: aside}]}
    - {name: last, tier: heavy}
    """,
)


FLEET = fleet(
    model("small"),
    model("big"),
    model("aside"),
    ORDERED,
    *(asks(name, when) for name, when in CONDITIONS.items()),
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RealGateway]:
    with ScriptedUpstream() as upstream:
        running = RealGateway(FLEET, dict.fromkeys(("small", "big", "aside"), upstream.address))
        with running as gateway:
            yield gateway


@dataclass
class Case:
    """A request, by how it differs from a plain one, and whether the rule holds for it."""

    asked: str
    holds: bool
    body: dict[str, Any] = field(default_factory=dict)
    headers: Any = ()
    path: str = CHAT
    without: tuple[str, ...] = ()

    def request(self) -> Request:
        body = {"model": self.asked, "messages": [{"role": "user", "content": "hi"}], **self.body}
        body = {key: value for key, value in body.items() if key not in self.without}
        return Request(self.path, json.dumps(body).encode(), self.headers)


def prompt(size: int) -> dict[str, Any]:
    """A prompt of exactly so many bytes, its quotes included."""
    return {"prompt": "x" * (size - 2)}


FULL = {"metadata": {"ticket": "T-1"}}
THERE = {"x-retrieval": "yes"}
CASES = [
    Case("header", True, headers={"x-class": "batch"}),
    Case("header", True, headers=[("X-CLASS", "other"), ("x-class", "batch")]),
    Case("header", False, headers={"x-class": "Batch"}),
    Case("header", False, headers={"x-class": "batches"}),
    Case("header", False),
    Case("headers", True, headers={"x-class": "batch", "x-other": "a b"}),
    Case("headers", False, headers={"x-class": "batch"}),
    Case("path", True, path="/v1/embeddings"),
    Case("path", True, path="/v1/embeddings?x=1"),
    Case("path", False, path="/v1/embeddings/x"),
    Case("path", False),
    Case("below", True),
    Case("below", True, path="/v1/chat/"),
    Case("below", False, path="/v1/chat"),
    Case("below", False, path="/v1/completions"),
    Case("step", True, headers={"x-step": "validation"}),
    Case("step", False, headers={"x-step": "other"}),
    Case("step", False),
    Case("legal", True, headers={"X-Feature": "legal"}),
    Case("legal", False, headers={"x-feature": "search"}),
    Case("legal", False, headers={"x-feature": "unknown"}),
    Case("legal", False),
    Case("unnamed", True, headers={"x-feature": "unknown"}),
    Case("unnamed", False, headers={"x-feature": "legal"}),
    Case("unnamed", False),
    Case("tenant", True),
    Case("tenant", True, headers={"authorization": "Bearer sk-acme", "x-tenant": "acme"}),
    Case("nobody", False, headers={"x-tenant": "acme"}),
    Case("over", False, prompt(100), without=("messages",)),
    Case("over", True, prompt(101), without=("messages",)),
    Case("from", False, prompt(99), without=("messages",)),
    Case("from", True, prompt(100), without=("messages",)),
    Case("under", True, prompt(99), without=("messages",)),
    Case("under", False, prompt(100), without=("messages",)),
    Case("upto", True, prompt(100), without=("messages",)),
    Case("upto", False, prompt(101), without=("messages",)),
    Case("under", True, without=("messages",)),
    Case("over", True, {"messages": [{"role": "user", "content": "x" * 100}]}),
    Case("tokens", True, {"max_tokens": 51}),
    Case("tokens", False, {"max_tokens": 50}),
    Case("tokens", True, {"max_completion_tokens": 51, "max_tokens": 1}),
    Case("tokens", True, {"max_output_tokens": 51}),
    Case("tokens", False),
    Case("tokens", False, {"max_tokens": "51"}),
    Case("few", True, {"max_tokens": 50}),
    Case("few", False, {"max_tokens": 50.5}),
    Case("few", False),
    Case("tools", True, {"tools": [{"type": "function"}]}),
    Case("tools", True, {"functions": [{"name": "f"}]}),
    Case("tools", False, {"tools": []}),
    Case("tools", False, {"tools": None}),
    Case("tools", False),
    Case("toolless", True),
    Case("toolless", False, {"tools": [{"type": "function"}]}),
    Case("streamed", True, {"stream": True}),
    Case("streamed", False, {"stream": False}),
    Case("streamed", False, {"stream": "true"}),
    Case("streamed", False),
    Case("whole", True),
    Case("whole", False, {"stream": True}),
    Case("missing", False, FULL, THERE),
    Case("missing", True, FULL),
    Case("missing", True, FULL, THERE, without=("messages",)),
    Case("missing", True, {**FULL, "messages": None}, THERE),
    Case("missing", False, {**FULL, "messages": []}, THERE),
    Case("missing", False, FULL, {"x-retrieval": ""}),
    Case("missing", True, {"metadata": {}}, THERE),
    Case("missing", True, {"metadata": {"ticket": None}}, THERE),
    Case("missing", True, {"metadata": ["ticket"]}, THERE),
    Case("missing", False, {"metadata": {"ticket": ""}}, THERE),
    Case("empty", False, FULL, THERE),
    Case("empty", False, without=("messages",)),
    Case("empty", True, {"messages": []}),
    Case("empty", True, {"messages": ""}),
    Case("empty", True, {"messages": {}}),
    Case("empty", False, {"messages": None}),
    Case("empty", True, {"metadata": {"ticket": ""}}),
    Case("empty", False, {"metadata": {"ticket": 0}}),
    Case("empty", True, headers={"x-retrieval": ""}),
    Case("empty", False, headers=THERE),
    Case("both", True, {"stream": True, "tools": [1]}),
    Case("both", False, {"stream": True}),
    Case("both", False, {"tools": [1]}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.asked}-{case.holds}")
def test_a_condition_holds_for_what_it_says_and_nothing_else(gateway: RealGateway, case: Case) -> None:
    answer = gateway.send(case.request())
    assert answer.status == 200, answer
    expected = ("hit", "heavy", "big") if case.holds else ("default", "light", "small")
    told = said(answer)
    assert (told["rule"], told["tier"], told["model"]) == expected, case


def test_every_condition_is_seen_to_hold_and_not_to() -> None:
    held = {case.asked for case in CASES if case.holds}
    failed = {case.asked for case in CASES if not case.holds}
    never, always = {"nobody"}, {"tenant"}
    assert held == set(CONDITIONS) - never
    assert failed == set(CONDITIONS) - always


@pytest.mark.parametrize(
    ("headers", "rule", "tier", "target"),
    [
        ({"x-a": "1"}, "first", "heavy", "big"),
        ({"x-a": "1", "x-b": "1"}, "first", "heavy", "big"),
        ({"x-b": "1"}, "third", "-", "aside"),
        ({}, "last", "heavy", "big"),
    ],
)
def test_the_first_rule_that_fits_wins(
    gateway: RealGateway, headers: dict[str, str], rule: str, tier: str, target: str
) -> None:
    answer = gateway.ask("ordered", headers)
    told = said(answer)
    assert (answer.status, told["rule"], told["tier"], told["model"]) == (200, rule, tier, target)
    record = gateway.record(answer)
    assert (record["rule"], record["tier"]) == (rule, None if tier == "-" else tier)
