"""The official client, and curl, through the gateway to our simulated engine: what users will do first."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError, NotFoundError, OpenAI

from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway

MESSAGES: Any = [{"role": "user", "content": "Say something."}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
RULES = """
serves: {models: [auto]}
tiers: [{name: only, models: [{name: m}]}]
rules:
- {name: canned, when: {headers: {x-canned: "1"}}, answer: {body: "Please try again shortly."}}
- {name: wrong, when: {headers: {x-wrong: "1"}}, answer: {status: 422, body: "Something is missing."}}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "modelfleet.engines_sim", "--listen", "127.0.0.1:0", "--model", "engine-m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        host, _, port = line.removeprefix("ready: http://").strip().removesuffix("/v1").rpartition(":")
        yield host, int(port)
        process.terminate()
        process.stdout.read()


@pytest.fixture(scope="module")
def gateway(engine: tuple[str, int]) -> Iterator[RealGateway]:
    with RealGateway(fleet(model("m"), policy("auto", RULES)), {"m": engine}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def client(gateway: RealGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.url, api_key="sk-caller", max_retries=0, timeout=20) as client:
        yield client


def test_a_chat(client: OpenAI, gateway: RealGateway) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage
    record = gateway.records.by_id(raw.headers["x-modelfleet-request-id"])
    assert record["tokens"] == {"in": answer.usage.prompt_tokens, "out": answer.usage.completion_tokens}


def test_a_streamed_chat(client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(model="auto", messages=MESSAGES, stream=True, stream_options=options)
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    plain = client.chat.completions.create(model="auto", messages=MESSAGES)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage == plain.usage


def test_a_chat_with_tools(client: OpenAI) -> None:
    answer: Any = client.chat.completions.create(model="auto", messages=MESSAGES, tools=[TOOL], tool_choice="required")
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"


def test_a_completion(client: OpenAI) -> None:
    assert client.completions.create(model="auto", prompt="Once upon").choices[0].text
    assert "".join(it.choices[0].text for it in client.completions.create(model="auto", prompt="a", stream=True))


def test_embeddings(client: OpenAI) -> None:
    answer = client.embeddings.create(model="auto", input=["one", "two"])
    assert len(answer.data) == 2
    assert answer.data[0].embedding


def test_the_models_are_listed(client: OpenAI) -> None:
    assert [entry.id for entry in client.models.list()] == ["auto"]


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.chat.completions.create(model="nope", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    assert "nope" in str(caught.value)


def test_a_bad_request_is_one(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.create(model="auto", messages=MESSAGES, extra_headers={"x-request-timeout": "x"})
    assert caught.value.code == "invalid_timeout"


def test_a_model_that_is_gone_is_a_server_error(client: OpenAI, gateway: RealGateway, engine: tuple[str, int]) -> None:
    gateway.apply(endpoints={})
    with pytest.raises(InternalServerError) as caught:
        client.chat.completions.create(model="auto", messages=MESSAGES)
    assert (caught.value.status_code, caught.value.code) == (503, "no_capacity")
    gateway.apply(endpoints={"m": engine})


def test_canned_answers_are_answers(client: OpenAI) -> None:
    canned = {"x-canned": "1"}
    answer = client.chat.completions.create(model="auto", messages=MESSAGES, extra_headers=canned)
    assert answer.choices[0].message.content == "Please try again shortly."
    stream = client.chat.completions.create(model="auto", messages=MESSAGES, extra_headers=canned, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == "Please try again shortly."
    assert client.completions.create(model="auto", prompt="x", extra_headers=canned).choices[0].text == text
    legacy = client.completions.create(model="auto", prompt="x", extra_headers=canned, stream=True)
    assert "".join(it.choices[0].text for it in legacy) == text


def test_a_timeout_is_a_server_error_and_not_the_callers_fault(client: OpenAI) -> None:
    slow = {"x-sim-behaviour": '{"first_token": "5s"}', "x-request-timeout": "200ms"}
    with pytest.raises(InternalServerError) as caught:
        client.chat.completions.create(model="auto", messages=MESSAGES, extra_headers=slow)
    assert (caught.value.status_code, caught.value.code) == (504, "timeout")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_sees_a_stream(gateway: RealGateway) -> None:
    body = '{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    command = ["curl", "--silent", "--no-buffer", "--max-time", "20", f"{gateway.url}/chat/completions"]
    # curl says that it sends a form, and asks before it sends much.
    ran = subprocess.run([*command, "--data", body], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout.startswith("data: {")
    assert ran.stdout.rstrip().endswith("data: [DONE]")
    large = body.replace("hi", "hi " * 500_000)
    ran = subprocess.run(
        [*command, "--data", "@-"], input=large, capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout.rstrip().endswith("data: [DONE]")
