"""Every way in which a try fails, and every answer that is none of the upstream's faults."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.dataplane.envoy.ladder.scene import Try
from tests.dataplane.support.headers import Pair
from tests.dataplane.support.steps import (
    JSON,
    Body,
    Chunk,
    Close,
    Reset,
    Send,
    Stall,
    Status,
    Step,
    Wait,
    json_answer,
    malformed,
    sse_event,
)

BOUND_MS = 300
"""The bound of a try in the policies that play these."""
SOON = Wait(0.06)
"""What was sent just before a reset may be lost with it."""
CHUNKED: Pair = ("transfer-encoding", "chunked")
WHOLE = Status(200, [JSON, ("content-length", "100")])
EVENTS = Status(200, [("content-type", "text/event-stream"), CHUNKED])
TOKEN = Chunk(sse_event({"choices": [{"index": 0, "delta": {"content": "x"}}]}))
HALF = Body(b'{"half": ')


@dataclass(frozen=True)
class Fail:
    """What an engine does, what its try is then said to be, and when."""

    reason: str
    steps: tuple[Step, ...]
    status: int = 0
    after_ms: float = 0

    def of(self, target: str) -> Try:
        return Try(target, self.reason, self.status, self.after_ms)


def reset(*steps: Step) -> Fail:
    return Fail("reset", steps)


def late(*steps: Step) -> Fail:
    return Fail("timeout", steps, after_ms=BOUND_MS)


def told(status: int, reason: str) -> Fail:
    return Fail(reason, tuple(json_answer(status, '{"error": "theirs"}')), status)


def owing(status: int, reason: str) -> Fail:
    """The body that it announces never comes; its status has said enough."""
    return Fail(reason, (Status(status, [JSON, ("content-length", "100")]), Stall()), status)


def trickle() -> tuple[Step, ...]:
    """A JSON answer that goes on for ever."""
    return (Status(200, [JSON, CHUNKED]), *(step for _ in range(100) for step in (Chunk(b"[" * 10), Wait(0.05))))


EITHER: Mapping[str, Fail] = {
    "a reset before the head": reset(Reset()),
    "an end before the head": reset(Close()),
    "a slow reset before the head": Fail("reset", (Wait(0.2), Reset()), after_ms=200),
    "no HTTP": reset(*malformed()),
    "half a head": reset(Send(b"HTTP/1.1 200 OK\r\ncontent-le"), SOON, Close()),
    "silence": late(Stall()),
    "silence in the head": late(Send(b"HTTP/1.1 200 OK\r\ncontent-le"), Stall()),
    **{str(status): told(status, "overload") for status in (429, 503, 529)},
    **{str(status): told(status, "5xx") for status in (500, 501, 502, 504, 505, 520, 599, 401, 403)},
    "429 that owes its body": owing(429, "overload"),
    "500 that owes its body": owing(500, "5xx"),
    "401 that owes its body": owing(401, "5xx"),
    "a slow 502": Fail("5xx", (Wait(0.2), *json_answer(502)), 502, 200),
}
OF_JSON: Mapping[str, Fail] = {
    "a reset behind the head": reset(WHOLE, SOON, Reset()),
    "a reset in the middle": reset(WHOLE, HALF, SOON, Reset()),
    "an end in the middle": reset(WHOLE, HALF, SOON, Close()),
    "an end in the middle of chunks": reset(Status(200, [JSON, CHUNKED]), Chunk(b"[1, "), SOON, Close()),
    "silence behind the head": late(WHOLE, Stall()),
    "silence in the middle": late(WHOLE, HALF, Stall()),
    "no end": late(*trickle()),
    "a late answer": late(Wait(2), *json_answer()),
}
OF_STREAMS: Mapping[str, Fail] = {
    "a reset before the first token": reset(EVENTS, SOON, Reset()),
    "an end before the first token": reset(EVENTS, SOON, Close()),
    "JSON that breaks in place of a stream": reset(WHOLE, HALF, SOON, Reset()),
    "silence before the first token": late(EVENTS, Stall()),
    "a late first token": late(EVENTS, Wait(2), TOKEN, Stall()),
    "a late head": late(Wait(2), EVENTS, TOKEN, Stall()),
}
NAMED = [
    *((f"{name}, JSON", False, fail) for name, fail in {**EITHER, **OF_JSON}.items()),
    *((f"{name}, stream", True, fail) for name, fail in {**EITHER, **OF_STREAMS}.items()),
]
CASES, IDS = [(stream, fail) for _, stream, fail in NAMED], [name for name, _, _ in NAMED]
"""Whether a stream is asked for, and what fails."""

KINDS: Mapping[str, Fail] = {
    "reset": EITHER["a reset before the head"],
    "timeout": EITHER["silence"],
    "overload": EITHER["429"],
    "5xx": EITHER["500"],
}
"""One of each kind, but for `connect`: that is no program of an engine."""
PASSED = (400, 404, 405, 409, 413, 415, 422, 451)
