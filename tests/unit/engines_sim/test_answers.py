import base64
import hashlib
import json
import math
import struct
from typing import Any

import pytest

from tests.unit.engines_sim.support import Engine, said, text_of

CHAT = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}}


def test_an_answer_follows_from_seed_model_and_prompt(engine: Engine) -> None:
    first = text_of(engine.chat("one"))
    assert text_of(engine.chat("one")) == first
    assert text_of(engine.chat("two")) != first
    # Not only the name differs.
    assert text_of(engine.chat("one", model="org/large")).split()[1:] != first.split()[1:]
    assert text_of(engine.chat("one", {"seed": 1})) != first


def test_an_answer_names_the_model_that_was_asked(engine: Engine) -> None:
    reply = engine.chat(model="org/large")
    assert reply.json["model"] == "org/large"
    assert text_of(reply).startswith("org/large answers (")
    assert reply.headers["content-type"] == "application/json"


def test_max_tokens_cuts_an_answer_and_the_finish_reason_says_so(engine: Engine) -> None:
    whole, cut = engine.chat(max_tokens=500).json, engine.chat(max_completion_tokens=5, max_tokens=9).json
    assert (whole["usage"]["completion_tokens"], whole["choices"][0]["finish_reason"]) == (32, "stop")
    assert (cut["usage"]["completion_tokens"], cut["choices"][0]["finish_reason"]) == (5, "length")
    assert len(cut["choices"][0]["message"]["content"].split()) == 5
    assert cut["usage"]["total_tokens"] == cut["usage"]["prompt_tokens"] + 5


@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 3000])
def test_an_answer_has_the_declared_length(engine: Engine, tokens: int) -> None:
    reply = engine.chat(behaviour={"answer_tokens": tokens})
    assert len(text_of(reply).split()) == tokens == reply.json["usage"]["completion_tokens"]


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_says_the_same_as_the_plain_answer(engine: Engine, usage: bool) -> None:
    reply = engine.chat(stream=True, n=2, stream_options={"include_usage": usage})
    plain = engine.chat(n=2).json
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = reply.events[:-1] if usage else reply.events
    for index, choice in enumerate(plain["choices"]):
        parts = [part for event in events for part in event["choices"] if part["index"] == index]
        assert parts[0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(part["delta"].get("content", "") for part in parts) == choice["message"]["content"]
        assert [part["finish_reason"] for part in parts] == [None] * (len(parts) - 1) + ["stop"]
    assert {event["model"] for event in reply.events} == {"small"}
    assert [event["usage"] for event in reply.events[-1:] if usage] == [plain["usage"]] * usage
    assert all(("usage" in event) is usage for event in events)


def test_completions_answer_each_prompt(engine: Engine) -> None:
    asked = {"model": "small", "prompt": ["a", [1, 2, 3]], "n": 2, "max_tokens": 4}
    plain = engine.ask("POST", "/v1/completions", asked).json
    assert [choice["index"] for choice in plain["choices"]] == [0, 1, 2, 3]
    assert len({choice["text"] for choice in plain["choices"]}) == 4
    assert plain["usage"] == {"prompt_tokens": 4, "completion_tokens": 16, "total_tokens": 20}
    events = engine.ask("POST", "/v1/completions", asked | {"stream": True}).events
    streamed = ["".join(e["choices"][0]["text"] for e in events if e["choices"][0]["index"] == i) for i in range(4)]
    assert streamed == [choice["text"] for choice in plain["choices"]]


@pytest.mark.parametrize(
    ("choice", "last", "called"),
    [
        (None, "user", True),
        ("auto", "user", True),
        ("required", "tool", True),
        ({"type": "function", "function": {"name": "look"}}, "tool", True),
        ("none", "user", False),
        ("auto", "tool", False),
    ],
)
def test_a_tool_is_called_unless_it_was_or_may_not(engine: Engine, choice: Any, last: str, called: bool) -> None:
    asked = said(tools=[TOOL], tool_choice=choice, messages=[{"role": last, "content": "7"}])
    answer = engine.ask("POST", CHAT, asked).json["choices"][0]
    assert answer["finish_reason"] == ("tool_calls" if called else "stop")
    calls = answer["message"].get("tool_calls", [])
    assert [call["function"] for call in calls] == [{"name": "look", "arguments": '{"at": "at"}'}] * called


def test_a_range_of_confidence_gives_each_prompt_its_own(engine: Engine) -> None:
    engine.behave(confidence="0.25-0.75")
    replies = [engine.chat(text) for text in "abcdefgh"]
    values = [reply.json["confidence"] for reply in replies]
    assert all(0.25 <= value <= 0.75 for value in values)
    assert len(set(values)) == len(values)
    assert [float(reply.headers["x-confidence"]) for reply in replies] == values
    assert engine.chat("a").json["confidence"] == values[0]
    assert engine.chat("a", {"seed": 9}).json["confidence"] != values[0]
    assert engine.chat("a", stream=True).events[-1]["confidence"] == values[0]


def test_no_confidence_is_told_where_none_is_declared(engine: Engine) -> None:
    reply = engine.chat()
    assert "confidence" not in reply.json
    assert "x-confidence" not in reply.headers
    assert engine.chat(behaviour={"confidence": 0.5}).json["confidence"] == 0.5


def test_embeddings_are_unit_vectors_in_either_encoding(engine: Engine) -> None:
    asked = {"model": "small", "input": ["a", "b", [1, 2]], "dimensions": 7}
    plain = engine.ask("POST", "/v1/embeddings", asked).json
    coded = engine.ask("POST", "/v1/embeddings", asked | {"encoding_format": "base64"}).json
    vectors = [tuple(entry["embedding"]) for entry in plain["data"]]
    assert [struct.unpack("<7f", base64.b64decode(entry["embedding"])) for entry in coded["data"]] == vectors
    assert len(set(vectors)) == 3
    assert all(math.isclose(math.hypot(*vector), 1, rel_tol=1e-6) for vector in vectors)
    assert plain["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    alone = engine.ask("POST", "/v1/embeddings", asked | {"input": "a"}).json
    assert tuple(alone["data"][0]["embedding"]) == vectors[0]


def test_the_models_are_listed_and_each_is_found_by_its_name(engine: Engine) -> None:
    cards = engine.ask("GET", "/v1/models").json["data"]
    assert [card["id"] for card in cards] == ["small", "org/large"]
    assert engine.ask("GET", "/v1/models/org/large").json == cards[1]
    assert engine.ask("GET", "/v1/models/org%2Flarge").json == cards[1]
    assert engine.ask("GET", "/v1/models/none").status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, said(model="fleet-alias")),
        ("/v1/completions", {"model": "fleet-alias", "prompt": "x"}),
        ("/v1/embeddings", {"model": "fleet-alias", "input": "x"}),
    ],
)
def test_a_model_that_is_not_served_is_refused_as_vllm_does(engine: Engine, path: str, body: Any) -> None:
    reply = engine.ask("POST", path, body)
    assert reply.status == 404
    assert reply.json == {
        "error": {
            "message": "The model `fleet-alias` does not exist.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        }
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b'{"model": "small", "messages": [', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([], "JSON object"),
        ({"messages": []}, "model must be"),
        (said(model=7), "model must be"),
        (said(messages=[]), "at least one message"),
        (said(messages="hi"), "messages must be"),
        (said(messages=[7]), "messages[0] must be"),
        (said(messages=[{"role": "pope", "content": "x"}]), "messages[0].role must be"),
        (said(messages=[{"role": [], "content": "x"}]), "messages[0].role must be"),
        (said(messages=[{"role": "user", "content": 7}]), "messages[0].content must be"),
        (said(messages=[{"role": "user"}]), "messages[0].content must be"),
        (said(stream="yes"), "stream must be"),
        (said(stream_options={}), "only with stream"),
        (said(max_tokens=0), "max_tokens must be at least 1"),
        (said(max_tokens=True), "max_tokens must be"),
        (said(n=17), "n must be from 1 to 16"),
        (said(tools=[{}]), "tools[0] must be"),
        (said(tools=[TOOL], tool_choice="look"), "tool_choice must be"),
        (said(tools=[TOOL], tool_choice={"function": {"name": "go"}}), "tool_choice must be"),
        (said(tool_choice="required"), "tool_choice must be"),
    ],
)
def test_a_malformed_chat_is_refused_with_the_reason(engine: Engine, body: Any, words: str) -> None:
    reply = engine.ask("POST", CHAT, body)
    assert (reply.status, reply.json["error"]["type"]) == (400, "BadRequestError")
    assert words in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("name", "extra", "words"),
    [
        ("completions", {}, "prompt must be"),
        ("completions", {"prompt": []}, "prompt must be"),
        ("completions", {"prompt": [True]}, "prompt must be"),
        ("embeddings", {"input": {}}, "input must be"),
        ("embeddings", {"input": ["a"] * 2049}, "at most 2048"),
        ("embeddings", {"input": "a", "dimensions": 9000}, "dimensions must be from 1 to 8192"),
        ("embeddings", {"input": "a", "encoding_format": "hex"}, "encoding_format must be"),
    ],
)
def test_a_malformed_prompt_is_refused_with_the_reason(engine: Engine, name: str, extra: Any, words: str) -> None:
    reply = engine.ask("POST", f"/v1/{name}", {"model": "small", **extra})
    assert reply.status == 400
    assert words in reply.json["error"]["message"]


def test_what_a_prompt_may_hold_is_answered(engine: Engine) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:x"}}
    messages = [
        {"role": "system", "content": "\ud800"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "7"},
    ]
    assert engine.chat(messages=messages, stream=None, tools=None, max_tokens=None).status == 200


def test_the_echo_tells_which_bytes_arrived_whatever_the_answer(engine: Engine) -> None:
    for body in (json.dumps(said()).encode(), json.dumps(said(stream=True)).encode(), b"x" * 300_000, b""):
        reply = engine.ask("POST", CHAT, body, x_sim_echo="1")
        assert reply.headers["x-sim-request-bytes"] == str(len(body))
        assert reply.headers["x-sim-body-sha256"] == hashlib.sha256(body).hexdigest()
    assert "x-sim-body-sha256" not in engine.chat().headers


def test_a_path_or_method_that_is_not_there_is_told(engine: Engine) -> None:
    assert engine.ask("GET", "/v1/nothing").status == 404
    reply = engine.ask("GET", CHAT)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
