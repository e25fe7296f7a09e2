"""What an edit changes, and that nobody who asks meanwhile is any the worse for it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request, chat, open_stream
from tests.dataplane.support.expect import error_of, said
from tests.dataplane.support.fleets import Raw, fleet, model, policy, simple
from tests.dataplane.support.gateway import RealGateway, Settings
from tests.dataplane.support.ledger import Load, whole
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.steps import Chunk, EndChunks, Stall, Status, chat_answer, sse_event
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale

STREAM = Status(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
RATE = 150


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield upstream


@pytest.fixture
def gateway(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    upstream.script = chat_answer("engine")
    upstream.hold()
    endpoints = dict.fromkeys(("small", "big"), upstream.address)
    with RealGateway(state(0), endpoints, settings=Settings(workers=2)) as gateway:
        yield gateway
    upstream.release()


def edited(number: int, **serves: Any) -> Raw:
    """A policy of which every clause that can be enforced is otherwise after each edit."""
    light, heavy = ("small", "big") if number % 2 == 0 else ("big", "small")
    spec = {
        "serves": {"models": ["auto", f"name-{number}"], **serves},
        "tiers": [
            {"name": f"light-{number}", "models": [{"name": light, "weight": 1 + number}]},
            {"name": "heavy", "models": [{"name": heavy}]},
        ],
        "rules": [{"name": f"rule-{number}", "when": {"headers": {"x-rule": "1"}}, "tier": "heavy"}],
        "timeouts": {"total": f"{30 + number}s"},
        "breaker": {"consecutive": 5 + number % 3},
    }
    return policy("auto", json.dumps(spec))


def state(number: int, *more: Raw) -> str:
    """The fleet after so many edits: policies and hosts change, come and go, and so does what an engine is called."""
    changing = [model("big", f"engine-{number % 4}"), edited(number)]
    if number % 3:
        changing += [simple(f"new-{number}", "big"), on_host(f"h{number % 2}.example", f"at-{number % 3}")]
    return fleet(model("small"), simple("steady", "small"), *changing, *more)


def on_host(host: str, name: str) -> Raw:
    return policy(
        name, f"{{serves: {{models: [steady], hosts: [{host}]}}, tiers: [{{name: t, models: [{{name: big}}]}}]}}"
    )


def rule_of(number: int, answer: Answer) -> str:
    """What is wrong with an answer that an edit was acknowledged for."""
    told = said(answer)
    return "" if told["rule"] == f"rule-{number}" else f"rule {told['rule']} after edit {number}"


def steady(_number: int) -> Request:
    return Request(body=chat("steady"))


def both(number: int) -> Request:
    """By turns what is edited and what is not."""
    return Request(body=chat("steady" if number % 2 else "auto"))


# One edit.


def test_what_is_asked_after_an_edit_was_acknowledged_is_decided_by_it(
    gateway: RealGateway, evidence: Callable[..., None]
) -> None:
    # The hosts stay as they are: a change of those would make the script forget everything.
    edits = scale(25, 300)
    for number in range(1, edits):
        gateway.apply(fleet(model("small"), model("big"), edited(number)))
        for _ in range(3):
            answer = gateway.ask("auto", {"x-rule": "1"})
            assert answer.status == 200, (number, answer)
            assert not rule_of(number, answer)
    evidence(edits=edits - 1, requests=3 * (edits - 1), decided_otherwise=0)


def test_a_model_and_a_policy_that_are_new_serve_at_once(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    for number in range(5):
        error_of(gateway.ask("fresh"), 404, "model_not_found")
        gateway.apply(state(0, model("fresh"), simple("fresh")), {"small": upstream.address, "fresh": upstream.address})
        answer = gateway.ask("fresh")
        assert (answer.status, said(answer)["model"]) == (200, "fresh"), number
        assert upstream.requests[-1].json()["model"] == "engine-fresh"
        listed = gateway.send(Request("/v1/models", method="GET")).json()["data"]
        assert "fresh" in [entry["id"] for entry in listed]
        gateway.apply(state(0), dict.fromkeys(("small", "big"), upstream.address))


def test_a_policy_that_is_removed_serves_no_more(gateway: RealGateway) -> None:
    assert gateway.ask("steady").status == 200
    gateway.apply(fleet(model("small"), simple("other", "small")))
    error_of(gateway.ask("steady"), 404, "model_not_found")
    error_of(gateway.ask("auto"), 404, "model_not_found")
    assert gateway.ask("other").status == 200


def test_a_host_that_is_new_takes_its_names_at_once(gateway: RealGateway) -> None:
    host = {"host": "b.example"}
    for _ in range(5):
        assert said(gateway.ask("steady", host))["model"] == "small"
        gateway.apply(state(0, on_host("b.example", "named")))
        assert said(gateway.ask("steady", host))["model"] == "big"
        gateway.apply(state(0))


def test_replicas_that_come_and_go_are_used_at_once(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream(chat_answer("other")) as other:
        gateway.apply(endpoints={"small": other.address})
        assert gateway.ask("steady").json()["model"] == "other"
        gateway.apply(endpoints={})
        error_of(gateway.ask("steady"), 503, "no_capacity")
        gateway.apply(endpoints={"small": [other.address, upstream.address]})
        assert {gateway.ask("steady").json()["model"] for _ in range(40)} == {"other", "engine"}


def test_a_stream_that_runs_outlives_every_edit(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [STREAM, Chunk(sse_event("first")), Stall(), Chunk(sse_event("last")), EndChunks()]
    with open_stream(gateway.address, body=chat("steady", stream=True)) as stream:
        events = stream.events()
        assert next(events).data == "first"
        for number in range(1, 6):
            gateway.apply(state(number))
        gateway.apply(fleet(model("small"), simple("other", "small")))
        gateway.apply(fleet())
        upstream.wait_until_stalled()
        upstream.release()
        assert next(events).data == "last"
        assert stream.answer().complete


# Under load.


@pytest.mark.alone
def test_edits_under_load_lose_no_request(gateway: RealGateway, evidence: Callable[..., None]) -> None:
    edits = scale(24, 300)
    # Two edits of three move a name to another host, or back, and take half a second for it.
    with Load(gateway.address, both, rate=RATE, limit_s=scale(60, 300)) as load:
        load.wait_for(20)
        for number in range(1, edits):
            gateway.apply(state(number))
        load.wait_for(20)
    report = load.report()
    evidence(edits=edits - 1, requests=len(report.outcomes), failed=len(report.failed))
    report.assert_none_lost(40)


def test_a_policy_that_takes_a_host_under_load_loses_no_request(gateway: RealGateway) -> None:
    with Load(gateway.address, lambda _: Request(body=chat("auto"), headers={"host": "b.example"}), rate=RATE) as load:
        load.wait_for(20)
        for number in range(1, scale(7, 40)):
            moved = edited(number, hosts=["b.example"]) if number % 2 else edited(number)
            gateway.apply(fleet(model("small"), model("big"), moved))
        load.wait_for(20)
    load.report().assert_none_lost(40)


def test_a_control_plane_that_is_gone_for_a_while_is_not_missed(gateway: RealGateway) -> None:
    with Load(gateway.address, both, rate=RATE) as load:
        load.wait_for(20)
        for number in (1, 2, 3):
            gateway.stop_xds()
            load.wait_for(30)
            gateway.apply(state(number))
            gateway.start_xds()
            answer = gateway.ask("auto", {"x-rule": "1"})
            assert not rule_of(number, answer)
        load.wait_for(20)
    load.report().assert_none_lost(100)


def test_a_control_plane_that_comes_back_unchanged_changes_nothing(gateway: RealGateway) -> None:
    before = gateway.ask("auto", {"x-rule": "1"})
    gateway.stop_xds()
    assert gateway.ask("auto").status == 200
    gateway.start_xds()
    after = gateway.ask("auto", {"x-rule": "1"})
    assert gateway.record(after)["revision"] == gateway.record(before)["revision"]


def test_a_gateway_that_is_killed_serves_again_within_seconds(gateway: RealGateway) -> None:
    gateway.apply(state(7))
    began = time.monotonic()
    gateway.restart_envoy()
    answer = gateway.ask("auto", {"x-rule": "1"})
    assert (answer.status, rule_of(7, answer)) == (200, "")
    assert time.monotonic() - began < 15


def test_a_gateway_that_is_killed_under_load_loses_only_what_it_was_doing(gateway: RealGateway) -> None:
    with Load(gateway.address, steady, rate=RATE, connections=4) as load:
        load.wait_for(20)
        killed_s = time.monotonic()
        gateway.restart_envoy()
        back_s = time.monotonic()
        load.wait_for(40)
    report = load.report()
    before, after = report.between(0, killed_s - 1), report.between(back_s, float("inf"))
    assert not [*before.failed, *after.failed], f"{before}\n{after}"
    assert len(after.ok) >= 20


def test_a_gateway_without_a_control_plane_serves_once_there_is_one(gateway: RealGateway) -> None:
    gateway.stop_xds()
    gateway.envoy.end(kill=True)
    gateway.envoy.start()
    wait_for(lambda: gateway.envoy.ask("/server_info")[0] == 200, "Envoy runs")
    assert gateway.envoy.ask("/ready")[0] == 503
    gateway.start_xds()
    gateway.envoy.wait_until_ready()
    assert not whole(gateway.ask("steady"))
