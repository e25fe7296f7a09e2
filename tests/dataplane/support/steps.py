"""What an upstream can be told to do with a request: single steps, and whole answers made of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tests.dataplane.support.headers import HeadersLike, Pair, pairs, wire
from tests.dataplane.support.received import Received

BLOCK = 64 * 1024
JSON: Pair = ("content-type", "application/json")


@dataclass(frozen=True)
class Wait:
    """Does nothing for a while."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Does nothing until the test releases it or the client leaves."""


@dataclass(frozen=True)
class Reset:
    """Ends the connection with a TCP reset. What was sent just before may be lost with it."""


@dataclass(frozen=True)
class Close:
    """Ends the connection in an orderly way, whatever the answer still owes."""


@dataclass(frozen=True)
class Send:
    """Sends these bytes as they are."""

    data: bytes

    @property
    def wire(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Status:
    """Sends the status line, these headers and no others, and the empty line."""

    code: int = 200
    headers: HeadersLike = ()

    @property
    def wire(self) -> bytes:
        known = self.code in {status.value for status in HTTPStatus}
        reason = HTTPStatus(self.code).phrase if known else "Unknown"
        return wire(f"HTTP/1.1 {self.code} {reason}", self.headers)


@dataclass(frozen=True)
class Body:
    """Sends payload that a content-length announced, or that the end of the connection ends."""

    data: bytes

    @property
    def wire(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Chunk:
    """Sends payload as one chunk. It must not be empty, for that would be the last one."""

    data: bytes

    @property
    def wire(self) -> bytes:
        assert self.data, "an empty chunk ends the answer: say EndChunks()"
        return b"%x\r\n%b\r\n" % (len(self.data), self.data)


@dataclass(frozen=True)
class EndChunks:
    """Sends the last chunk."""

    trailers: HeadersLike = ()

    @property
    def wire(self) -> bytes:
        return wire("0", self.trailers)


Sending = Send | Status | Body | Chunk | EndChunks
Step = Wait | Stall | Reset | Close | Sending
Program = Iterable[Step]
Script = list[Step] | Callable[[Received], Program]


def in_turn(*programs: list[Step]) -> Callable[[Received], Program]:
    """The first request gets the first program, and so on; the last program is for all that follow."""
    left = list(programs)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


def answer(status: int, body: bytes, headers: HeadersLike = ()) -> list[Step]:
    """A whole answer with a content-length."""
    return [Status(status, [*pairs(headers), ("content-length", str(len(body)))]), Body(body)]


def json_answer(status: int = 200, text: str = "{}", headers: HeadersLike = ()) -> list[Step]:
    """The text is sent as it is, so it may also be no JSON."""
    return answer(status, text.encode(), [JSON, *pairs(headers)])


def usage(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    """The tokens of an answer, as engines tell them."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def chat_answer(
    model: str, content: str = "hello", usage: Mapping[str, Any] | None = None, headers: HeadersLike = ()
) -> list[Step]:
    """A chat completion in one piece."""
    message = {"role": "assistant", "content": content}
    value = _chat("chat.completion", model, [{"index": 0, "message": message, "finish_reason": "stop"}], usage)
    return json_answer(text=json.dumps(value), headers=headers)


def sse_event(value: object) -> bytes:
    """One event; a string is taken as it is and all else is written as JSON."""
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def sse_answer(
    pieces: Iterable[str],
    gap: float = 0.0,
    usage: Mapping[str, Any] | None = None,
    done: bool = True,
    model: str = "model",
) -> list[Step]:
    """A streamed chat completion: a chunk per event, `gap` seconds before each event but the first.

    Without `done` the stream ends in good order but lacks the event that says so. To cut it short, slice the list.
    """
    deltas = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    events: list[object] = [_chat("chat.completion.chunk", model, [choice]) for choice in [*deltas, last]]
    if usage is not None:
        events.append(_chat("chat.completion.chunk", model, [], usage))
    if done:
        events.append("[DONE]")
    steps: list[Step] = [Status(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])]
    for number, event in enumerate(events):
        if gap and number:
            steps.append(Wait(gap))
        steps.append(Chunk(sse_event(event)))
    return [*steps, EndChunks()]


def huge(n_bytes: int, headers: HeadersLike = ()) -> list[Step]:
    """A JSON string of so many bytes, sent in blocks as fast as the client takes them."""
    assert n_bytes >= len('""')
    blocks, rest = divmod(n_bytes - 2, BLOCK)
    block = Body(b"x" * BLOCK)
    head = Status(200, [JSON, *pairs(headers), ("content-length", str(n_bytes))])
    return [head, Body(b'"'), *[block] * blocks, Body(b"x" * rest + b'"')]


def malformed() -> list[Step]:
    """An answer that is no HTTP."""
    return [Send(b"220 this is no HTTP at all\r\n\r\n"), Close()]


def _chat(kind: str, model: str, choices: list[Any], usage: Mapping[str, Any] | None = None) -> dict[str, Any]:
    value = {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model, "choices": choices}
    return value if usage is None else {**value, "usage": dict(usage)}
