"""Answers on their way back: token by token, counted, and ended when one side ends them."""

import gzip
import json
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.dataplane.support.client import Request, chat, open_stream
from tests.dataplane.support.expect import error_of, said, unavailable
from tests.dataplane.support.fleets import Raw, fleet, model, simple
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.steps import (
    Body,
    Chunk,
    Close,
    EndChunks,
    Reset,
    Stall,
    Status,
    Step,
    chat_answer,
    huge,
    json_answer,
    malformed,
    sse_answer,
    sse_event,
    usage,
)
from tests.dataplane.support.upstream import ScriptedUpstream

GAP_S = 0.15
EVENTS = Status(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


def patient(raw: Raw) -> Raw:
    """Of the one replica, which fails on purpose here, nobody has had enough."""
    raw["spec"]["breaker"] = {"consecutive": 1000}
    return raw


@pytest.fixture(scope="module")
def running(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    with RealGateway(fleet(model("m"), patient(simple("auto", "m"))), {"m": upstream.address}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RealGateway, upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    upstream.hold()
    yield running
    upstream.release()
    upstream.wait_until_idle()


def test_tokens_arrive_one_by_one(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    words = ["one", " two", " three", " four"]
    upstream.script = sse_answer(words, gap=GAP_S)
    answer = gateway.ask("auto", stream=True)
    events = answer.sse()
    assert events[-1].data == "[DONE]"
    assert "".join(event.json()["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "".join(words)
    # Held back until the end, they would all come at once.
    assert max(later.at_s - earlier.at_s for earlier, later in pairwise(events[:4])) > GAP_S / 3
    assert events[0].at_s < answer.total_s - GAP_S


def test_a_token_is_there_before_the_next_one_was_made(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [EVENTS, Chunk(sse_event("first")), Stall(), Chunk(sse_event("second")), EndChunks()]
    with open_stream(gateway.address, body=chat("auto", stream=True)) as stream:
        events = stream.events()
        assert next(events).data == "first"
        upstream.wait_until_stalled()
        upstream.release()
        assert next(events).data == "second"
        assert stream.answer().complete


def test_an_answer_that_is_no_json_is_not_held_back(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [
        Status(200, [("content-type", "audio/wav"), ("content-length", "2")]),
        Body(b"{"),
        Stall(),
        Body(b"}"),
    ]
    with open_stream(gateway.address, body=chat("auto")) as stream:
        assert next(iter(stream)).data == b"{"
        upstream.release()
        assert stream.answer().json() == {}


# Tokens.


def test_the_tokens_of_a_json_answer_are_counted(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = chat_answer("m", usage=usage(17, 5))
    record = gateway.record(gateway.ask("auto"))
    assert record["tokens"] == {"in": 17, "out": 5}
    assert record["stream"] is False


def test_the_tokens_of_a_stream_are_counted(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = sse_answer(["a", "b"], usage=usage(170, 50))
    record = gateway.record(gateway.ask("auto", stream=True))
    assert record["tokens"] == {"in": 170, "out": 50}
    assert record["stream"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_that_nobody_tells_are_not_known(
    gateway: RealGateway, upstream: ScriptedUpstream, *, stream: bool
) -> None:
    upstream.script = sse_answer(["a"]) if stream else chat_answer("m")
    assert gateway.record(gateway.ask("auto", stream=stream))["tokens"] == {"in": None, "out": None}


# Envoy's filter knows answers by their "object", and of these two it knows neither.
@pytest.mark.parametrize(("path", "kind"), [("/v1/completions", "text_completion"), ("/v1/embeddings", "list")])
def test_the_tokens_of_answers_that_are_no_chats_are_counted(
    gateway: RealGateway, upstream: ScriptedUpstream, path: str, kind: str
) -> None:
    upstream.script = json_answer(text=json.dumps({"object": kind, "model": "m", "usage": usage(17, 5)}))
    assert gateway.record(gateway.send(Request(path, chat("auto"))))["tokens"]["in"] == 17


# Who ends it.


@pytest.mark.parametrize("reset", [False, True])
def test_a_caller_who_leaves_ends_the_work_of_the_engine(
    gateway: RealGateway, upstream: ScriptedUpstream, *, reset: bool
) -> None:
    upstream.script = [EVENTS, Chunk(sse_event("first")), Stall()]
    seen = len(gateway.records.all())
    with open_stream(gateway.address, body=chat("auto", stream=True)) as stream:
        next(stream.events())
        upstream.wait_until_stalled()
        stream.close(reset=reset)
    wait_for(lambda: upstream.requests[-1].ended == "client_gone", "the engine is left")
    record = gateway.records.wait_for(seen + 1)[-1]
    assert record["flags"] == "DC"
    assert record["served"]["model"] == "m"
    assert [attempt["reason"] for attempt in record["attempts"]] == ["truncated"]


def test_a_caller_who_leaves_before_the_first_byte_ends_it_too(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    upstream.script = [Stall()]
    seen = len(gateway.records.all())
    with open_stream(gateway.address, body=chat("auto", stream=True)):
        upstream.wait_until_stalled()
    wait_for(lambda: upstream.requests[-1].ended == "client_gone", "the engine is left")
    record = gateway.records.wait_for(seen + 1)[-1]
    assert (record["flags"], record["served"], record["policy"]) == ("DC", None, "default/auto")
    (attempt,) = record["attempts"]
    assert (attempt["target"], attempt["reason"]) == ("m", "abandoned")


@pytest.mark.parametrize("end", [Reset(), Close()])
def test_a_stream_that_breaks_is_seen_to_be_broken(gateway: RealGateway, upstream: ScriptedUpstream, end: Step) -> None:
    upstream.script = [EVENTS, Chunk(sse_event("first")), end]
    answer = gateway.ask("auto", stream=True)
    assert (answer.status, answer.complete) == (200, False)
    record = gateway.record(answer)
    assert record["flags"] in {"UC", "UPE", "UR"}
    assert record["served"]["model"] == "m"
    assert (record["status"], record["reason"]) == (200, "truncated")


def test_a_json_answer_that_breaks_is_no_answer(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [*chat_answer("m", content="x" * 1000)[:1], Body(b"{"), Close()]
    assert unavailable(gateway, gateway.ask("auto"), 503, "reset")["served"] is None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("end", [[Reset()], [Close()], malformed()])
def test_an_upstream_that_breaks_before_its_answer_is_unavailable(
    gateway: RealGateway, upstream: ScriptedUpstream, end: list[Step], *, stream: bool
) -> None:
    upstream.script = end
    answer = gateway.ask("auto", stream=stream)
    record = unavailable(gateway, answer, 503, "reset")
    assert record["served"] is None
    assert record["attempts"][0]["target"] == "m"
    assert {attempt["reason"] for attempt in record["attempts"]} == {"reset"}


def test_a_connection_that_breaks_is_told_as_a_reset(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Reset()]
    answer = gateway.ask("auto")
    error_of(answer, 503, "reset")
    assert answer.header("retry-after")
    assert gateway.record(answer)["attempts"][0]["reason"] == "reset"


# What comes back unchanged.


@pytest.mark.parametrize(
    "text",
    ["", "{", "no json at all", '{"usage": "none"}', '{"usage": {"prompt_tokens": "x"}}', "[" * 5000, "\x00\x01"],
)
def test_an_answer_that_is_no_json_comes_through_unchanged(
    gateway: RealGateway, upstream: ScriptedUpstream, text: str
) -> None:
    upstream.script = json_answer(text=text)
    answer = gateway.ask("auto")
    assert (answer.status, answer.text, answer.complete) == (200, text, True)
    assert gateway.record(answer)["tokens"] == {"in": None, "out": None}


def test_a_stream_of_no_events_comes_through_unchanged(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    pieces = [
        b"data: {",
        b"\n\nevent: x\ndata",
        b"\r\n\r\n: comment\n",
        b"\xff\xfe",
        b"data: [DONE]",
        b"data: x" * 9000,
    ]
    upstream.script = [EVENTS, *map(Chunk, pieces), EndChunks()]
    answer = gateway.ask("auto", stream=True)
    assert (answer.status, answer.body, answer.complete) == (200, b"".join(pieces), True)


def test_an_answer_of_many_megabytes_comes_through(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    size = 16 << 20
    upstream.script = huge(size)
    answer = gateway.ask("auto")
    assert (answer.status, answer.complete, len(answer.body)) == (200, True, size)
    assert answer.body == b'"' + b"x" * (size - 2) + b'"'
    assert gateway.record(answer)["bytes"]["out"] >= size


def test_a_stream_of_many_megabytes_comes_through(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    steps = sse_answer(["x" * 60_000] * 200, usage=usage(3, 4))
    upstream.script = steps
    answer = gateway.ask("auto", stream=True)
    assert answer.body == b"".join(step.data for step in steps if isinstance(step, Chunk))
    assert gateway.record(answer)["tokens"] == {"in": 3, "out": 4}


def test_a_packed_answer_comes_through_packed(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    packed = gzip.compress(json.dumps({"usage": usage(1, 2)}).encode())
    head = [("content-type", "application/json"), ("content-encoding", "gzip"), ("content-length", str(len(packed)))]
    upstream.script = [Status(200, head), Body(packed)]
    answer = gateway.ask("auto")
    assert (answer.body, answer.header("content-encoding")) == (packed, "gzip")


def test_an_answer_without_a_body_comes_through(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    upstream.script = [Status(204)]
    answer = gateway.ask("auto")
    assert (answer.status, answer.body) == (204, b"")
    assert said(answer)["model"] == "m"
    assert gateway.record(answer)["status"] == 204


def test_trailers_and_headers_of_an_answer_come_through(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    head = [
        ("transfer-encoding", "chunked"),
        ("x-ratelimit-remaining", "7"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
    ]
    upstream.script = [Status(200, head), Chunk(b"{}"), EndChunks()]
    answer = gateway.ask("auto")
    assert answer.header("x-ratelimit-remaining") == "7"
    assert answer.header_values("set-cookie") == ["a=b", "c=d"]
