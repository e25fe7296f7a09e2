"""One record for each request, with everything that is promised of it and nothing that is nobody's business."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request, chat, send_raw
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import fleet, hosted, model, once, policy, simple
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.records import Record
from tests.dataplane.support.steps import Stall, chat_answer, json_answer, usage
from tests.dataplane.support.upstream import ScriptedUpstream

FIELDS = {
    "v", "id", "time", "gateway", "policy", "revision", "tenant", "feature", "step", "class", "model", "rule",
    "score", "tier", "served", "rung", "attempts", "skipped", "reason", "status", "flags", "details", "method", "path",
    "host", "stream", "bytes", "tokens", "ms", "would",
}  # fmt: skip
PROMPT = "the-secret-of-the-caller"
KEY = "sk-the-gateways-own"
FLEET = fleet(
    model("small"),
    model("none"),
    hosted("far", "http://127.0.0.1:1/v1", {"secretRef": {"name": "keys", "key": "token"}}),
    once(simple("far")),
    simple("none"),
    policy(
        "auto",
        """
        serves: {models: [auto]}
        identifiers: {step: x-step, feature: x-feature, features: [legal]}
        tiers: [{name: light, models: [{name: small}]}]
        rules: [{name: canned, when: {step: stop}, answer: {body: "no"}}]
        timeouts: {total: 2s}
        breaker: {consecutive: 1000}
        retries: {attempts: 0}
        """,
    ),
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def running(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    with RealGateway(FLEET, {"small": upstream.address}, {"keys": {"token": KEY}}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RealGateway, upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    upstream.script = chat_answer("engine", PROMPT, usage(11, 7))
    upstream.hold()
    yield running
    upstream.release()


def record_of(gateway: RealGateway, answer: Answer) -> Record:
    """The record, of which what holds for every one is seen to hold."""
    record = gateway.record(answer)
    assert set(record) >= FIELDS
    assert (record["v"], record["gateway"], record["would"], record["score"]) == (1, "default", {}, None)
    assert (record["method"], record["status"]) == ("POST", answer.status)
    began = datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - began) < timedelta(minutes=5)
    assert record["bytes"]["out"] == len(answer.body)
    assert 0 <= record["ms"]["total"] <= answer.total_s * 1000 + 5000
    told = said(answer)
    for field in ("policy", "rule", "reason", "rung"):
        assert told[field] == ("-" if record[field] is None else str(record[field]))
    assert told["attempts"] == str(len(record["attempts"]))
    assert told["model"] == (record["served"]["model"] if record["served"] else "-")
    return record


def test_a_success_is_recorded_with_everything(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    headers = {"x-step": "plan", "x-feature": "legal", "host": "AI.example.com:81"}
    sent = chat("auto", PROMPT)
    answer = gateway.send(Request("/v1/chat/completions?key=in-the-query", sent, headers))
    record = record_of(gateway, answer)
    assert re.fullmatch("[0-9a-f]{12}", record["revision"])
    assert record["served"] == {
        "tier": "light",
        "model": "small",
        "hardware": "local",
        "endpoint": f"127.0.0.1:{upstream.port}",
    }
    (attempt,) = record["attempts"]
    assert {**attempt, "ms": 0} == {"target": "small", "status": 200, "reason": "ok", "ms": 0}
    assert 0 <= attempt["ms"] <= record["ms"]["total"] + 5
    assert record["ms"]["firstByte"] <= record["ms"]["total"]
    expected = {
        "policy": "default/auto", "tenant": "anonymous", "feature": "legal", "step": "plan", "class": None,
        "model": "auto", "rule": "default", "tier": "light", "rung": 0, "reason": "wanted", "flags": "-",
        "stream": False, "tokens": {"in": 11, "out": 7}, "path": "/v1/chat/completions", "host": "ai.example.com",
    }  # fmt: skip
    assert {field: record[field] for field in expected} == expected
    assert record["bytes"] == {"in": len(sent), "out": len(answer.body)}


def test_a_feature_that_nobody_declared_is_other(gateway: RealGateway) -> None:
    assert record_of(gateway, gateway.ask("auto", {"x-feature": "sk-oops"}))["feature"] == "other"
    assert record_of(gateway, gateway.ask("auto"))["feature"] is None


def test_a_canned_answer_is_recorded_without_an_attempt(gateway: RealGateway) -> None:
    record = record_of(gateway, gateway.ask("auto", {"x-step": "stop"}))
    assert (record["rule"], record["tier"], record["served"], record["attempts"]) == ("canned", None, None, [])
    assert (record["reason"], record["rung"], record["status"], record["step"]) == ("answer", 0, 200, "stop")


def test_a_refusal_is_recorded_with_what_was_known_by_then(gateway: RealGateway) -> None:
    unknown = record_of(gateway, gateway.ask("nope"))
    assert (unknown["model"], unknown["policy"], unknown["reason"]) == ("nope", None, "model_not_found")
    broken = record_of(gateway, gateway.send(Request(body=b"{")))
    assert (broken["model"], broken["reason"], broken["status"]) == (None, "malformed_json", 400)
    late = record_of(gateway, gateway.ask("auto", {"x-request-timeout": "x"}))
    assert (late["policy"], late["rule"], late["reason"]) == ("default/auto", None, "invalid_timeout")


def test_a_failure_of_an_upstream_is_recorded_as_what_it_was(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = json_answer(500, "{}")
    record = record_of(gateway, gateway.ask("auto"))
    assert (record["status"], record["reason"], record["served"]) == (503, "5xx", None)
    assert [(it["status"], it["reason"]) for it in record["attempts"]] == [(500, "5xx")]


def test_a_timeout_is_recorded_as_an_attempt_that_nobody_served(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    upstream.script = [Stall()]
    record = record_of(gateway, gateway.ask("auto", {"x-request-timeout": "200ms"}))
    assert (record["status"], record["reason"], record["flags"], record["served"]) == (504, "timeout", "UT", None)
    assert [(it["status"], it["reason"]) for it in record["attempts"]] == [(0, "timeout")]
    assert record["ms"]["firstByte"] is None


def test_a_host_that_cannot_be_reached_is_recorded_so(gateway: RealGateway) -> None:
    record = record_of(gateway, gateway.ask("far"))
    assert (record["status"], record["reason"], record["flags"]) == (503, "connect", "-")
    assert [(it["target"], it["status"], it["reason"]) for it in record["attempts"]] == [("far", 0, "connect")]


def test_a_model_without_replicas_is_recorded_without_an_attempt(gateway: RealGateway) -> None:
    record = record_of(gateway, gateway.ask("none"))
    assert (record["status"], record["reason"], record["flags"]) == (503, "no_capacity", "-")
    assert (record["attempts"], record["served"], record["tier"]) == ([], None, "only")
    assert record["skipped"] == [{"target": "none", "tier": "only", "reason": "no_capacity"}]


def test_a_request_that_is_no_http_leaves_no_half_record(gateway: RealGateway) -> None:
    before = len(gateway.records.all())
    assert send_raw(gateway.address, b"nonsense\r\n\r\n").status == 400
    for record in gateway.records.wait_for(before + 1)[before:]:
        assert set(record) >= FIELDS
        assert (record["policy"], record["attempts"], record["status"]) == (None, [], 400)


def test_ids_are_the_gateways_own_and_never_come_twice(gateway: RealGateway) -> None:
    answers = [gateway.ask("auto", {"x-request-id": "same-for-all"}) for _ in range(20)]
    ids = [record_of(gateway, answer)["id"] for answer in answers]
    assert len(set(ids)) == 20
    assert "same-for-all" not in ids
    everything = [record["id"] for record in gateway.records.all()]
    assert len(set(everything)) == len(everything)


def test_the_engine_hears_the_id_of_the_record(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    answer = gateway.ask("auto", {"x-request-id": "mine"})
    assert upstream.requests[-1].header("x-request-id") == said(answer)["request-id"]


def test_the_revision_changes_with_the_policy_and_only_then(gateway: RealGateway) -> None:
    before = record_of(gateway, gateway.ask("auto"))["revision"]
    gateway.apply(FLEET.replace("total: 2s", "total: 3s"))
    assert record_of(gateway, gateway.ask("auto"))["revision"] != before
    gateway.apply(FLEET)
    assert record_of(gateway, gateway.ask("auto"))["revision"] == before


def test_no_prompt_no_answer_and_no_credential_is_written_anywhere(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    secrets = {
        "authorization": "Bearer sk-the-callers",
        "x-api-key": "sk-the-callers",
        "cookie": "sk-the-callers",
        "proxy-authorization": "sk-the-callers",
    }
    for body in (chat("auto", PROMPT), chat("far", PROMPT), chat("auto", PROMPT)[:-1], chat("nope", PROMPT)):
        gateway.record(gateway.send(Request("/v1/chat/completions?api_key=sk-the-callers", body, secrets)))
    upstream.script = json_answer(401, f'{{"error": "{KEY} {PROMPT}"}}')
    gateway.record(gateway.ask("auto", secrets, user=PROMPT))
    written = gateway.records.text() + gateway.envoy.text()
    for secret in (PROMPT, KEY, "sk-the-callers", "in-the-query"):
        assert secret not in written
