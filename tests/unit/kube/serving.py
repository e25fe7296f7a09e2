"""A server on loopback that answers as it is told to: whole, cut short, late, or not at all."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kubernetes.client import Configuration

from modelfleet.kube.client import Client

TOKEN = "canary-0123456789"


@dataclass(frozen=True)
class Asked:
    """A request that arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    peer: int


@dataclass(frozen=True)
class Reply:
    """What is answered, and how."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    late: float = 0.0
    drips: float = 0.0
    resets: bool = False

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refusal(status: int, reason: str, message: str, **more: Any) -> Reply:
    """A refusal as an API server words it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
    return Reply(body | {"reason": reason, "message": message} | more, status)


class Stub:
    """What was asked, and what to answer: replies in turn, the last of them for ever, or a function."""

    def __init__(self, *replies: Reply | Callable[[Asked], Reply]) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(asked) if callable(reply) else reply

    def client(self, token: str = TOKEN) -> Client:
        return Client(lambda: configuration(self.url, token), "modelfleet/test")


def configuration(url: str, token: str = "") -> Configuration:
    return Configuration(host=url, api_key={"BearerToken": f"Bearer {token}"} if token else {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def _answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query, headers = dict(parse_qsl(parts.query)), dict(self.headers.items())
        peer = self.client_address[1]
        asked = Asked(self.command, parts.path, query, headers, json.loads(data) if data else None, peer)
        reply = self.stub.answer(asked)
        time.sleep(reply.late)
        if reply.resets:
            self._reset()
            return
        self.send_response(reply.status)
        if "Transfer-Encoding" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.data)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(reply)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that are looked for

    def _send(self, reply: Reply) -> None:
        if reply.drips:
            for at in range(len(reply.data)):
                self.wfile.write(reply.data[at : at + 1])
                time.sleep(reply.drips)
        else:
            self.wfile.write(reply.data[: reply.cut_after])
        self.close_connection = reply.cut_after is not None

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients go away in the midst of answers, which is what is tested."""


@contextmanager
def serving(stub: Stub) -> Iterator[Stub]:
    handler = type("Handler", (_Handler,), {"stub": stub})
    with _Server(("127.0.0.1", 0), handler) as server:
        stub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
