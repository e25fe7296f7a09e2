"""What a client got: the answer as far as it came, with the time of each piece."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.dataplane.support.headers import Pair, WithHeaders


class Piece(NamedTuple):
    """Payload as it came out of one read, without its framing. Seconds count from the begin of the request."""

    data: bytes
    at_s: float


class Event(NamedTuple):
    """One server-sent event, and when its last byte came."""

    data: str
    at_s: float
    name: str = ""

    def json(self) -> Any:
        return json.loads(self.data)


def events(pieces: Iterable[Piece]) -> Iterator[Event]:
    """The whole events of a stream, each as soon as it is there. One that lacks its empty line is none."""
    rest = b""
    lines: list[str] = []
    for data, at_s in pieces:
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            text = line.removesuffix(b"\r").decode()
            if text:
                lines.append(text)
                continue
            fields = [(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)]
            lines.clear()
            told = [value for name, value in fields if name == "data"]
            if told:
                yield Event("\n".join(told), at_s, next((value for name, value in fields if name == "event"), ""))


@dataclass(frozen=True)
class Answer(WithHeaders):
    """As much of an answer as came. Without any, the status is 0.

    `complete` is true once a content-length or a last chunk says so; where it is not, `error` says in a few words why.
    """

    status: int
    reason: str
    headers: list[Pair]
    pieces: list[Piece]
    complete: bool
    error: str
    first_byte_s: float | None
    total_s: float
    trailers: list[Pair]
    interim: list[int]

    @property
    def body(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    def sse(self) -> list[Event]:
        return list(events(self.pieces))
