"""How long things may take, and who may say so."""

import time
from collections.abc import Iterator

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.expect import error_of, said, unavailable
from tests.dataplane.support.fleets import Raw, fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.records import Record
from tests.dataplane.support.steps import Body, Chunk, EndChunks, Stall, Status, Step, Wait, chat_answer, sse_event
from tests.dataplane.support.upstream import ScriptedUpstream

SLOW_S = 1.2
"""Slower than the bounds below, and far from the patience of those who wait for the bound."""
LATE_S = 8.0
STALLED_S = 5.0
STREAM = Status(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
TOKEN = Chunk(sse_event({"choices": [{"delta": {"content": "x"}}]}))

BOUNDS = {
    "total": "{total: 500ms}",
    "first": "{total: 20s, firstToken: 500ms, betweenTokens: 20s}",
    "answer": "{total: 20s, answer: 500ms}",
    "gap": "{firstToken: 500ms, betweenTokens: 1s}",
    "whole": "{stream: 1s}",
    "stubborn": "{total: 20s, clientMayLower: false}",
    "lax": "{total: 20s}",
}


def bounded(name: str, timeouts: str) -> Raw:
    spec = f"{{serves: {{models: [{name}]}}, tiers: [{{name: t, models: [{{name: m}}]}}], timeouts: {timeouts}}}"
    return policy(name, spec)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def running(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    policies = [bounded(name, timeouts) for name, timeouts in BOUNDS.items()]
    # What fails here must not eject the one replica.
    for raw in policies:
        raw["spec"]["breaker"] = {"consecutive": 1000}
        # One try is what these bounds are about; the ladder has tests of its own.
        raw["spec"]["retries"] = {"attempts": 0}
    with RealGateway(fleet(model("m"), *policies), {"m": upstream.address}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RealGateway, upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    upstream.hold()
    yield running
    upstream.release()


def streaming(served: str) -> Request:
    return Request(body=chat(served, stream=True))


def after(seconds: float) -> list[Step]:
    return [Wait(seconds), *chat_answer("m")]


def streamed(*gaps: float) -> list[Step]:
    steps: list[Step] = [STREAM]
    for gap in gaps:
        steps += [Wait(gap), TOKEN] if gap else [TOKEN]
    return [*steps, EndChunks()]


def timed_out(gateway: RealGateway, answer: Answer, bound_s: float) -> Record:
    record = unavailable(gateway, answer, 504, "timeout")
    assert bound_s * 0.9 <= answer.total_s < LATE_S
    assert record["status"] == 504
    (attempt,) = record["attempts"]
    assert (attempt["target"], attempt["reason"], attempt["status"]) == ("m", "timeout", 0)
    assert bound_s * 900 <= attempt["ms"] <= record["ms"]["total"] + 5
    assert record["served"] is None
    assert said(answer)["attempts"] == "1"
    return record


def test_total_bounds_a_json_answer(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Stall()]
    timed_out(gateway, gateway.ask("total"), 0.5)
    upstream.wait_until_gone()


def test_total_bounds_an_answer_that_has_begun(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Status(200, [("content-length", "100")]), Body(b"{"), Stall()]
    answer = gateway.ask("total")
    assert not answer.complete
    assert answer.total_s < LATE_S
    record = gateway.record(answer)
    assert "UT" in record["flags"]
    assert record["reason"] == "truncated"


def test_total_bounds_the_first_byte_of_a_stream(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Stall()]
    timed_out(gateway, gateway.ask("total", stream=True), 0.5)


def test_a_stream_that_runs_is_not_bounded_by_total(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = streamed(0, SLOW_S, 0.1)
    answer = gateway.ask("total", stream=True)
    assert (answer.status, answer.complete) == (200, True)


def test_first_token_bounds_the_first_byte_of_a_stream(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Stall()]
    timed_out(gateway, gateway.ask("first", stream=True), 0.5)
    upstream.script = streamed(0, SLOW_S)
    assert gateway.ask("first", stream=True).complete


def test_first_token_does_not_bound_a_json_answer(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = after(SLOW_S)
    assert gateway.ask("first").status == 200


def test_answer_bounds_a_json_answer_and_no_stream(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Stall()]
    timed_out(gateway, gateway.ask("answer"), 0.5)
    upstream.script = [Wait(SLOW_S), *streamed(0)]
    assert gateway.ask("answer", stream=True).complete


def test_between_tokens_ends_a_stream_that_stalls(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [STREAM, TOKEN, Wait(0.6), TOKEN, Stall()]
    answer = gateway.send(streaming("gap"), timeout=STALLED_S)
    assert (answer.status, answer.complete) == (200, False)
    assert len(answer.sse()) == 2
    assert 0.3 <= answer.total_s < STALLED_S
    record = gateway.record(answer)
    assert (record["stream"], record["reason"]) == (True, "truncated")
    upstream.wait_until_gone()


def test_between_tokens_lets_a_stream_run_that_does_not_stall(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = streamed(*[0.1] * 8)
    answer = gateway.ask("gap", stream=True)
    assert answer.complete
    assert len(answer.sse()) == 8


def test_a_head_is_no_first_token(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Wait(0.1), STREAM, Stall()]
    timed_out(gateway, gateway.send(streaming("gap"), timeout=STALLED_S), 0.5)


def test_stream_bounds_a_stream_as_a_whole(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = streamed(*[0.1] * 100)
    answer = gateway.ask("whole", stream=True)
    assert (answer.status, answer.complete) == (200, False)
    assert 0.9 <= answer.total_s < LATE_S
    assert len(answer.sse()) >= 1
    assert gateway.record(answer)["details"] != "via_upstream"
    upstream.script = streamed(0.1, 0.1)
    assert gateway.ask("whole", stream=True).complete


def test_stream_does_not_bound_a_json_answer(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = after(1.3)
    assert gateway.ask("whole").status == 200


@pytest.mark.parametrize("asked", ["200ms", "0.2", "0s200ms"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_lowers_its_time(
    gateway: RealGateway, upstream: ScriptedUpstream, asked: str, *, stream: bool
) -> None:
    upstream.script = [Stall()]
    timed_out(gateway, gateway.ask("lax", {"x-request-timeout": asked}, stream=stream), 0.2)


@pytest.mark.parametrize("asked", ["10m", "999999999"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_cannot_raise_its_time(
    gateway: RealGateway, upstream: ScriptedUpstream, asked: str, *, stream: bool
) -> None:
    upstream.script = [Stall()]
    timed_out(gateway, gateway.ask("total", {"x-request-timeout": asked}, stream=stream), 0.5)


@pytest.mark.parametrize(
    "asked", ["", "soon", "-1", "0", "0s", "1d", "1e3", "10 s", "1.5s", "1s;2s", "9" * 40, "nan", "0.0001"]
)
def test_a_time_that_is_none_is_refused(gateway: RealGateway, upstream: ScriptedUpstream, asked: str) -> None:
    upstream.script = chat_answer("m")
    before = len(upstream.requests)
    answer = gateway.ask("lax", {"x-request-timeout": asked})
    assert "x-request-timeout" in error_of(answer, 400, "invalid_timeout")["message"]
    assert gateway.record(answer)["policy"] == "default/lax"
    assert len(upstream.requests) == before


def test_a_policy_may_ignore_what_callers_say_of_time(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = after(SLOW_S)
    for asked in ("100ms", "soon"):
        assert gateway.ask("stubborn", {"x-request-timeout": asked}).status == 200


def test_the_engine_hears_nothing_of_the_time(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = chat_answer("m")
    assert gateway.ask("lax", {"x-request-timeout": "5s"}).status == 200
    names = [name for name, _ in upstream.requests[-1].headers]
    assert [name for name in names if "timeout" in name or name.startswith("x-envoy")] == []


def test_time_that_a_slow_caller_takes_to_send_is_not_the_models(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    upstream.script = chat_answer("m")

    def slowly() -> Iterator[bytes]:
        yield b'{"model": "total", '
        time.sleep(SLOW_S)
        yield b'"messages": []}'

    assert gateway.send(Request(body=slowly())).status == 200
