"""What a replica does with one request: a short score, which an upstream plays and the model reads."""

import json
import math
from dataclasses import dataclass
from typing import Literal

from tests.dataplane.support.headers import Pair
from tests.dataplane.support.steps import JSON, Body, Chunk, Close, EndChunks, Reset, Status, Step, Wait, sse_event

NEVER = math.inf
SILENCE_S = 30.0
"""Longer than any request of the referee lives."""
CHUNKED: Pair = ("transfer-encoding", "chunked")
EVENTS: Pair = ("content-type", "text/event-stream")

End = Literal["whole", "reset", "close", "silence"]


@dataclass(frozen=True)
class Reply:
    """Milliseconds count from the request's arrival. What never comes, comes at NEVER.

    The body comes in `pieces_ms`; `events` makes it a stream of server-sent events, else it is JSON whose length the
    head announces, whether all of it comes or not.
    """

    name: str
    status: int = 200
    head_ms: float = 0
    pieces_ms: tuple[float, ...] = (0,)
    end: End = "whole"
    end_ms: float = 0
    events: bool = False
    retry_after: str = ""

    @property
    def breaks(self) -> bool:
        return self.end in {"reset", "close"}

    def body(self, author: str) -> list[bytes]:
        """The pieces that come, and where the body is not whole, what is owed behind them."""
        count = len(self.pieces_ms) + (self.end != "whole")
        if self.events:
            return [sse_event({"author": author, "piece": number}) for number in range(count)]
        text = json.dumps({"author": author, "status": self.status, "padding": "x" * 40}).encode()
        size = math.ceil(len(text) / count)
        return [text[at : at + size] for at in range(0, len(text), size)]

    def steps(self, author: str) -> list[Step]:
        """The same for an upstream."""
        moments: list[tuple[float, Step]] = []
        body = self.body(author)
        if self.head_ms < NEVER:
            moments.append((self.head_ms, Status(self.status, self._headers(body))))
        pieces = [Chunk(piece) if self.events else Body(piece) for piece in body]
        moments += zip(self.pieces_ms, pieces, strict=False)
        if self.end == "silence":
            return [*_in_time(moments), Wait(SILENCE_S)]
        return [*_in_time([*moments, (self.end_ms, Wait(0))]), *self._end()]

    def _headers(self, body: list[bytes]) -> list[Pair]:
        framing = [EVENTS, CHUNKED] if self.events else [JSON, ("content-length", str(len(b"".join(body))))]
        return [*framing, ("retry-after", self.retry_after)] if self.retry_after else framing

    def _end(self) -> list[Step]:
        if self.end == "whole":
            return [EndChunks()] if self.events else []
        return [Reset()] if self.end == "reset" else [Close()]


def _in_time(moments: list[tuple[float, Step]]) -> list[Step]:
    """The steps with the waits between them."""
    steps: list[Step] = []
    now_ms = 0.0
    for at_ms, step in moments:
        if at_ms > now_ms:
            steps.append(Wait((at_ms - now_ms) / 1000))
            now_ms = at_ms
        steps.append(step)
    return steps
