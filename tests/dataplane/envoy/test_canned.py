"""What a rule answers by itself, in the form that the caller asked in."""

import json
from collections.abc import Iterator

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request
from tests.dataplane.support.expect import alone, error_of, said
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway

WORDS = 'We are "busy".\n\\ Ü 工具\t'
COMPLETIONS = "/v1/completions"


def rule(name: str, status: int) -> str:
    answer = json.dumps({"status": status, "body": WORDS})
    return f"{{name: {name}, when: {{headers: {{x-say: {name}}}}}, answer: {answer}}}"


@pytest.fixture(scope="module")
def gateway() -> Iterator[RealGateway]:
    rules = ", ".join(rule(name, status) for name, status in {"ok": 200, "taken": 202, "bad": 422, "busy": 503}.items())
    spec = f"{{serves: {{models: [auto]}}, tiers: [{{name: t, models: [{{name: m}}]}}], rules: [{rules}]}}"
    with RealGateway(fleet(model("m"), policy("p", spec))) as gateway:
        yield gateway


def canned(gateway: RealGateway, name: str, path: str = CHAT, **extra: object) -> Answer:
    body = json.dumps({"model": "auto", "messages": [], **extra}).encode()
    return gateway.send(Request(path, body, {"x-say": name}))


def assert_canned(gateway: RealGateway, answer: Answer, name: str, status: int) -> None:
    told = said(answer)
    assert (answer.status, told["rule"], told["reason"], told["rung"], told["tier"]) == (
        status,
        name,
        "answer",
        "0",
        "-",
    )
    record = alone(gateway, answer)
    assert (record["status"], record["rule"], record["rung"], record["tier"]) == (status, name, 0, None)
    assert record["reason"] == "answer"


def test_a_chat_gets_a_chat_completion(gateway: RealGateway) -> None:
    answer = canned(gateway, "ok")
    assert_canned(gateway, answer, "ok", 200)
    assert answer.header("content-type") == "application/json"
    value = answer.json()
    (choice,) = value["choices"]
    assert choice["message"] == {"role": "assistant", "content": WORDS}
    assert choice["finish_reason"] == "stop"
    assert (value["object"], value["model"]) == ("chat.completion", "auto")
    assert value["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert value["created"] > 1_700_000_000


def test_a_streamed_chat_gets_a_stream(gateway: RealGateway) -> None:
    answer = canned(gateway, "ok", stream=True)
    assert_canned(gateway, answer, "ok", 200)
    assert (answer.header("content-type") or "").startswith("text/event-stream")
    *chunks, done = answer.sse()
    assert done.data == "[DONE]"
    values = [chunk.json() for chunk in chunks]
    assert {value["object"] for value in values} == {"chat.completion.chunk"}
    assert "".join(value["choices"][0]["delta"].get("content", "") for value in values) == WORDS
    assert [value["choices"][0]["finish_reason"] for value in values] == [None, "stop"]
    assert gateway.record(answer)["stream"] is True


def test_a_completion_gets_a_completion(gateway: RealGateway) -> None:
    answer = canned(gateway, "ok", COMPLETIONS)
    assert_canned(gateway, answer, "ok", 200)
    (choice,) = answer.json()["choices"]
    assert (answer.json()["object"], choice["text"], choice["finish_reason"]) == ("text_completion", WORDS, "stop")


def test_a_streamed_completion_gets_a_stream(gateway: RealGateway) -> None:
    answer = canned(gateway, "ok", COMPLETIONS, stream=True)
    assert_canned(gateway, answer, "ok", 200)
    *chunks, done = answer.sse()
    assert done.data == "[DONE]"
    assert "".join(chunk.json()["choices"][0]["text"] for chunk in chunks) == WORDS


def test_a_status_of_success_is_kept(gateway: RealGateway) -> None:
    assert_canned(gateway, canned(gateway, "taken"), "taken", 202)


@pytest.mark.parametrize(("name", "status"), [("bad", 422), ("busy", 503)])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, "/v1/embeddings"])
def test_an_error_is_an_error_on_every_path(
    gateway: RealGateway, name: str, status: int, path: str, *, stream: bool
) -> None:
    answer = canned(gateway, name, path, stream=stream)
    assert_canned(gateway, answer, name, status)
    assert error_of(answer, status, "answer")["message"] == WORDS


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses"])
def test_words_are_no_answer_where_no_words_were_asked_for(gateway: RealGateway, path: str) -> None:
    answer = canned(gateway, "ok", path)
    assert_canned(gateway, answer, "ok", 503)
    assert error_of(answer, 503, "answer")["message"] == WORDS


# Design, section 8: a 503 comes with Retry-After.
def test_a_canned_503_says_when_to_come_back(gateway: RealGateway) -> None:
    assert canned(gateway, "busy").header("retry-after")
