"""Reads one answer from the bytes of a connection, and keeps all that was in it."""

import time
from http import HTTPStatus

import httptools

from tests.dataplane.support.answers import Answer, Piece
from tests.dataplane.support.headers import Pair, pair


class Reading:
    """An answer as it grows. Seconds count from when this was made."""

    def __init__(self, method: str) -> None:
        self.started_s = time.monotonic()
        self.status = 0
        self.pieces: list[Piece] = []
        self.ended = False
        self.reusable = False
        self._bodiless = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)
        self._reason = b""
        self._headers: list[Pair] = []
        self._trailers: list[Pair] = []
        self._interim: list[int] = []
        self._complete = False
        self._error = ""
        self._first_byte_s: float | None = None
        self._total_s = 0.0
        self._at_s = 0.0

    def answer(self) -> Answer:
        return Answer(
            status=self.status,
            reason=self._reason.decode("latin-1") if self.status else "",
            headers=self._headers if self.status else [],
            pieces=list(self.pieces),
            complete=self._complete,
            error=self._error,
            first_byte_s=self._first_byte_s,
            total_s=self._total_s if self.ended else self._now(),
            trailers=self._trailers,
            interim=self._interim,
        )

    def feed(self, data: bytes) -> None:
        self._at_s = self._now()
        if self._first_byte_s is None:
            self._first_byte_s = self._at_s
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            # What follows a whole answer is not part of it, but nothing may follow on that connection.
            self.reusable = False
            self.end(f"malformed: {error}")

    def end(self, error: str = "") -> None:
        """The first end counts."""
        if not self.ended:
            self.ended = True
            self._error = error
            self._total_s = self._now()

    def _now(self) -> float:
        return time.monotonic() - self.started_s

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.ended:
            self.reusable = False
            return
        self._reason = b""
        self._headers = []

    def on_status(self, reason: bytes) -> None:
        if not self.ended:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.ended:
            (self._trailers if self.status else self._headers).append(pair(name, value))

    def on_headers_complete(self) -> None:
        code = self._parser.get_status_code()
        if self.ended:
            return
        if code < HTTPStatus.OK and code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._interim.append(code)
            return
        self.status = code
        if self._bodiless:
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        if not self.ended:
            self.pieces.append(Piece(body, self._at_s))

    def on_message_complete(self) -> None:
        if self.status and not self.ended:
            self._complete = True
            self.reusable = self._parser.should_keep_alive()
            self.end()
