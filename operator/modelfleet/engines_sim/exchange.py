"""One request and its answer as ASGI carries them, so that nobody else has to know ASGI's messages."""

import hashlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.client import responses
from typing import Any

from modelfleet.engines_sim.connection import Connection

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")

_SIM = b"x-sim-"
_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
    529: "OverloadedError",
}


class Refused(Exception):
    """The answer is an error, in the form that vLLM gives to errors."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.headers = headers


class Gone(Exception):
    """The client went away before its request was whole."""


class Exchange:
    """The request is in the attributes; `status` is 0 until an answer begins."""

    __slots__ = ("_extra", "_receive", "_send", "behaviour", "body", "connection", "method", "path", "status")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.connection: Connection = scope["state"]["connection"]
        self.body = b""
        self.behaviour: bytes | None = None
        self.status = 0
        self._receive = receive
        self._send = send
        self._extra: tuple[Header, ...] = ()

    async def read(self, headers: list[Header]) -> None:
        """Take in the whole body, and the headers that are meant for a simulated engine."""
        message = await self._receive()
        parts = [message.get("body", b"")]
        while message.get("more_body"):
            message = await self._receive()
            parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect":
            raise Gone
        self.body = parts[0] if len(parts) == 1 else b"".join(parts)
        for name, value in headers:
            if name.startswith(_SIM):
                self._aid(name, value)

    async def start(self, headers: tuple[Header, ...], status: int = 200) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers + self._extra})

    async def write(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(self, body: bytes, headers: tuple[Header, ...] = (JSON,), status: int = 200) -> None:
        await self.start((*headers, (b"content-length", b"%d" % len(body))), status)
        await self.write(body, more=False)

    async def refuse(self, refused: Refused) -> None:
        kind = _TYPES.get(refused.status) or f"{_phrase(refused.status)}Error"
        error = {"message": refused.message, "type": kind, "param": refused.param, "code": refused.status}
        await self.answer(json.dumps({"error": error}).encode(), (JSON, *refused.headers), refused.status)

    def _aid(self, name: bytes, value: bytes) -> None:
        if name == b"x-sim-behaviour":
            self.behaviour = value
        elif name == b"x-sim-echo" and value == b"1":
            self._extra = (
                (b"x-sim-request-bytes", b"%d" % len(self.body)),
                (b"x-sim-body-sha256", hashlib.sha256(self.body).hexdigest().encode()),
            )


def _phrase(status: int) -> str:
    return responses.get(status, "Engine").title().replace(" ", "")
