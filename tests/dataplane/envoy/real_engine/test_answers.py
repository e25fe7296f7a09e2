"""What a real engine says reaches the caller as it was said, and the record has its tokens."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.dataplane.envoy.real_engine.conftest import Real
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Connection, Request, ask, chat, request
from tests.dataplane.support.expect import said
from tests.dataplane.support.headers import Pair
from tests.engines.llamacpp.model import CONTEXT
from tests.engines.llamacpp.server import PER_CONNECTION, SLOTS
from tests.sizes import scale

USAGE: Any = {"include_usage": True}
MESSAGES: Any = [{"role": "user", "content": "Say something."}]
OWN = "x-modelfleet-"
BETWEEN_TWO = {"date", "content-length", "connection", "keep-alive", "transfer-encoding"}
"""What every connection has for itself, or every answer."""


def tokens(usage: Any) -> dict[str, int]:
    return {"in": usage["prompt_tokens"], "out": usage["completion_tokens"]}


def kept(answer: Answer) -> list[Pair]:
    """The headers that are the engine's own."""
    return sorted(pair for pair in answer.headers if not pair[0].startswith(OWN) and pair[0] not in BETWEEN_TWO)


def test_a_chat_is_answered_and_its_tokens_are_in_the_record(real: Real) -> None:
    answer = real.gateway.ask("auto", max_tokens=20)
    assert answer.status == 200, answer.text
    body, record = answer.json(), real.gateway.record(answer)
    assert body["model"] == "engine-small"
    assert body["usage"]["completion_tokens"] == 20
    assert len(body["choices"][0]["message"]["content"].split()) == 20
    assert record["tokens"] == tokens(body["usage"])
    assert (record["stream"], record["reason"], record["rung"]) == (False, "wanted", 0)
    assert (record["served"]["tier"], record["served"]["model"]) == ("light", "small")
    assert [(it["target"], it["status"], it["reason"]) for it in record["attempts"]] == [("small", 200, "ok")]
    assert (said(answer)["tier"], said(answer)["model"]) == ("light", "small")
    assert record["bytes"]["out"] == len(answer.body)


def test_the_headers_of_the_engine_reach_the_caller(real: Real) -> None:
    body = chat("plain", max_tokens=5)
    direct = request(real.small.address, headers={"content-type": "application/json"}, body=body)
    through = real.gateway.send(Request(body=body))
    assert kept(through) == kept(direct)
    assert ("content-type", "application/json; charset=utf-8") in kept(through)
    assert direct.header("keep-alive"), "what is between the gateway and its engine alone"
    assert through.header("keep-alive") is None


def test_a_stream_is_whole_and_its_tokens_are_in_the_record(real: Real) -> None:
    answer = real.gateway.ask("auto", stream=True, stream_options=USAGE, max_tokens=20)
    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
    *events, done = answer.sse()
    assert done.data == "[DONE]"
    chunks = [event.json() for event in events]
    said_words = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert len(said_words.split()) == 20
    assert {chunk["model"] for chunk in chunks} == {"engine-small"}
    record = real.gateway.record(answer)
    assert record["tokens"] == tokens(chunks[-1]["usage"])
    assert record["tokens"]["out"] == 20
    assert (record["stream"], record["reason"], record["served"]["model"]) == (True, "wanted", "small")


def test_of_a_stream_without_usage_no_tokens_are_made_up(real: Real) -> None:
    answer = real.gateway.ask("auto", stream=True, max_tokens=20)
    assert answer.sse()[-1].data == "[DONE]"
    record = real.gateway.record(answer)
    assert (record["status"], record["reason"], record["tokens"]) == (200, "wanted", {"in": None, "out": None})


def test_legacy_completions_are_answered_both_ways(real: Real) -> None:
    body = {"model": "plain", "prompt": "Once upon", "max_tokens": 10}
    whole = real.gateway.send(Request("/v1/completions", json.dumps(body).encode()))
    assert real.gateway.record(whole)["tokens"] == tokens(whole.json()["usage"])
    asked = {**body, "stream": True, "stream_options": USAGE}
    streamed = real.gateway.send(Request("/v1/completions", json.dumps(asked).encode()))
    assert real.gateway.record(streamed)["tokens"] == tokens(whole.json()["usage"])


def test_the_official_client_is_served_both_ways(real: Real) -> None:
    with OpenAI(base_url=real.gateway.url, api_key="sk-caller", max_retries=0, timeout=20) as client:
        answer = client.chat.completions.create(model="auto", messages=MESSAGES, max_tokens=10)
        stream = client.chat.completions.create(
            model="auto", messages=MESSAGES, max_tokens=10, stream=True, stream_options=USAGE
        )
        chunks = list(stream)
    assert answer.usage
    assert answer.usage.completion_tokens == 10
    assert chunks[-1].usage
    assert chunks[-1].usage.prompt_tokens == answer.usage.prompt_tokens
    assert sum(bool(choice.delta.content) for chunk in chunks for choice in chunk.choices) == 10


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_the_engine_passes_unchanged(real: Real, stream: bool) -> None:
    too_long = {"stream": stream, "max_tokens": 5}
    text = "x" * (CONTEXT + 1000)
    direct = ask(real.small.address, "engine-small", text, **too_long)
    assert direct.status == 400, direct.text
    through = real.gateway.send(Request(body=chat("auto", text, **too_long)))
    assert (through.status, through.body) == (direct.status, direct.body)
    record = real.gateway.record(through)
    assert (record["status"], record["reason"], record["tokens"]) == (400, "wanted", {"in": None, "out": None})
    assert [(it["target"], it["status"], it["reason"]) for it in record["attempts"]] == [("small", 400, "ok")]


def test_what_the_engine_refuses_is_a_bad_request_to_the_official_client(real: Real) -> None:
    with (
        OpenAI(base_url=real.gateway.url, api_key="sk-caller", max_retries=0, timeout=20) as client,
        pytest.raises(BadRequestError, match="assistant"),
    ):
        client.chat.completions.create(model="auto", messages=MESSAGES, extra_body={"messages": [{"role": "user"}]})


def test_many_streams_at_once_are_all_whole(real: Real, evidence: Callable[..., None]) -> None:
    asked = {"stream": True, "stream_options": USAGE, "max_tokens": 64}
    count = scale(8, 400)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: real.gateway.ask("plain", seed=number, **asked), range(count)))
    for answer in answers:
        *_, last, done = answer.sse()
        assert done.data == "[DONE]"
        assert last.json()["usage"]["completion_tokens"] == 64
        assert real.gateway.record(answer)["tokens"] == tokens(last.json()["usage"])
    evidence(streams=count, at_once=8, slots=SLOTS, tokens=64 * count)


def test_an_engine_that_ends_its_connections_now_and_then_loses_no_request(
    real: Real, evidence: Callable[..., None]
) -> None:
    """llama.cpp's server lets a connection carry a hundred requests, and then closes it."""
    count = scale(120, 5000)
    with Connection(real.gateway.address) as connection:
        for _ in range(count):
            answer = connection.send(Request(CHAT, chat("plain", max_tokens=1), {"content-type": "application/json"}))
            assert answer.status == 200, answer
            assert said(answer)["attempts"] == "1"
    evidence(requests=count, connections_ended=count // PER_CONNECTION)
