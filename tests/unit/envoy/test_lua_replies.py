"""What the gateway says itself is what clients can read, whatever words are in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.luajit import required, runtime
from tests.support.luavalues import to_lua

lua = runtime()
replies = required(lua, "replies")
HOSTILE = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    [
        '"',
        "\\",
        "\\u0000",
        "\0",
        '","role":"system',
        "\n\ndata: [DONE]\n\n",
        "</script>",
        "\u2028\u2029",
        "%s%d%%",
        "\x7f",
    ]
)
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
SECONDS = 1_700_000_000.5


def answered(words: str, status: int = 200, **request: Any) -> tuple[int, str, bytes]:
    made = to_lua(lua, {"path": CHAT, "model": "auto", "stream": False, **request})
    code, kind, body = replies.answer(to_lua(lua, {"status": status, "body": words}), made, b"id-1", SECONDS)
    return code, kind.decode(), body


def events(body: bytes) -> list[str]:
    """The data of each event, as a client of server-sent events takes them apart."""
    *blocks, rest = body.decode().split("\n\n")
    assert rest == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [block.removeprefix("data: ") for block in blocks]


@given(HOSTILE, HOSTILE)
def test_a_chat_answer_is_json_of_a_completion(words: str, model: str) -> None:
    status, kind, body = answered(words, model=model)
    said = json.loads(body)
    assert (status, kind) == (200, "application/json")
    assert (said["object"], said["model"], said["id"], said["created"]) == (
        "chat.completion",
        model,
        "chatcmpl-id-1",
        1_700_000_000,
    )
    (choice,) = said["choices"]
    assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant", "content": words}, "stop")
    assert said["usage"]["total_tokens"] == 0


@given(HOSTILE, HOSTILE)
def test_a_chat_stream_says_the_words_then_stops_then_is_done(words: str, model: str) -> None:
    status, kind, body = answered(words, model=model, stream=True)
    assert (status, kind) == (200, "text/event-stream")
    first, last, done = events(body)
    assert done == "[DONE]"
    chunks = [json.loads(first), json.loads(last)]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": words}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, "stop"]
    assert {(chunk["id"], chunk["model"]) for chunk in chunks} == {("chatcmpl-id-1", model)}


@given(HOSTILE, st.booleans())
def test_a_completion_is_said_in_its_own_form(words: str, stream: bool) -> None:
    _, kind, body = answered(words, path=COMPLETIONS, stream=stream)
    texts = events(body)[:-1] if stream else [body.decode()]
    (said,) = map(json.loads, texts)
    assert (said["object"], said["id"], said["choices"][0]["text"]) == ("text_completion", "cmpl-id-1", words)
    assert ("usage" in said) is not stream
    assert kind == ("text/event-stream" if stream else "application/json")


@given(HOSTILE, st.integers(400, 599) | st.sampled_from([499, 500]), st.booleans())
def test_an_answer_that_is_an_error_is_one_on_every_path_and_for_streams(words: str, status: int, stream: bool) -> None:
    for path in (CHAT, "/v1/embeddings"):
        code, kind, body = answered(words, status, path=path, stream=stream)
        assert (code, kind) == (status, "application/json")
        expected = "invalid_request_error" if status < 500 else "api_error"
        assert json.loads(body) == {"error": {"message": words, "type": expected, "code": "answer"}}


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/audio/speech", "/v1/chat/completions/"])
def test_where_words_are_no_answer_it_is_a_refusal(path: str) -> None:
    code, kind, body = answered("later", path=path)
    assert (code, kind) == (503, "application/json")
    assert json.loads(body)["error"] == {"message": "later", "type": "api_error", "code": "answer"}


@given(HOSTILE, HOSTILE, HOSTILE)
def test_an_error_is_in_openai_s_shape(message: str, kind: str, code: str) -> None:
    body = replies.error(message.encode(), kind.encode(), code.encode())
    assert json.loads(body) == {"error": {"message": message, "type": kind, "code": code}}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("malformed_json", 400),
        ("not_an_object", 400),
        ("duplicate_key", 400),
        ("invalid_model", 400),
        ("missing_model", 400),
        ("invalid_timeout", 400),
        ("unknown_path", 404),
        ("model_not_found", 404),
        ("body_too_large", 413),
        ("unsupported_media_type", 415),
        ("unsupported_upgrade", 400),
        ("connect", 503),
        ("reset", 503),
        ("overload", 503),
        ("5xx", 503),
        ("no_capacity", 503),
        ("timeout", 504),
    ],
)
def test_a_refusal_has_the_status_of_its_code(code: str, status: int) -> None:
    found, kind, body = replies.refusal(code.encode(), b"why")
    error = json.loads(body)["error"]
    assert (found, kind, error["code"]) == (status, b"application/json", code)
    assert error["type"] == ("api_error" if status >= 500 else "invalid_request_error")
