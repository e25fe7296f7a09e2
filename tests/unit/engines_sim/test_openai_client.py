import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.unit.engines_sim.support import Engine

MESSAGES: Any = [{"role": "user", "content": "Who are you?"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
            },
        },
    }
]


@pytest.fixture
def client(engine: Engine) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=engine.url, api_key="none", max_retries=0, timeout=5) as client:
        yield client


def test_the_client_reads_a_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="small", messages=MESSAGES)
    assert "small" in (answer.choices[0].message.content or "")
    assert answer.usage
    assert answer.usage.completion_tokens == 32


def test_the_client_reads_a_stream_and_its_usage(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="small", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == client.chat.completions.create(model="small", messages=MESSAGES).choices[0].message.content
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 32


def test_the_client_reads_a_tool_call_plain_and_streamed(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="small", messages=MESSAGES, tools=TOOLS)
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "city", "days": 3})
    with client.chat.completions.stream(model="small", messages=MESSAGES, tools=TOOLS) as stream:
        streamed = stream.get_final_completion()
    (again,) = streamed.choices[0].message.tool_calls or []
    assert again.function.arguments == call.function.arguments
    assert streamed.choices[0].finish_reason == "tool_calls"


def test_the_client_reads_completions_plain_and_streamed(client: openai.OpenAI) -> None:
    plain = client.completions.create(model="small", prompt="once")
    streamed = client.completions.create(model="small", prompt="once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == plain.choices[0].text


def test_the_client_reads_embeddings(client: openai.OpenAI) -> None:
    # The client asks for base64 and decodes it, unless it is told not to.
    answer = client.embeddings.create(model="small", input=["a", "b"], dimensions=5)
    plain = client.embeddings.create(model="small", input=["a", "b"], dimensions=5, encoding_format="float")
    assert [len(entry.embedding) for entry in answer.data] == [5, 5]
    assert [entry.embedding for entry in answer.data] == [entry.embedding for entry in plain.data]


def test_the_client_reads_the_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["small", "org/large"]
    assert client.models.retrieve("org/large").id == "org/large"


def test_the_client_knows_each_error(engine: Engine, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="other", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="at least one message"):
        client.chat.completions.create(model="small", messages=[])
    engine.behave(fail_rate=1)
    with pytest.raises(openai.InternalServerError, match="as it was told to"):
        client.chat.completions.create(model="small", messages=MESSAGES)
    engine.behave(fail_rate=0, reset_rate=1)
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="small", messages=MESSAGES)
