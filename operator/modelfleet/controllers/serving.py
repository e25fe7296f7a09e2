"""The address where a role tells how it does: /metrics, /healthz and /readyz, and pages of its own."""

import logging
from collections.abc import Callable, Iterable, Mapping
from socket import AF_INET6
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from modelfleet.findings import Unusable
from modelfleet.telemetry import Telemetry

log = logging.getLogger(__name__)

Question = Callable[[], list[str]]
Page = Callable[[str], bytes]
"""JSON, for what stands behind the question mark."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SixServer(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = 10  # who connects and says nothing does not keep a thread

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        log.debug(format, *args)


class Serving:
    """An HTTP server of a thread of its own, which answers also while everything else is at work.

    The address is HOST:PORT or [V6]:PORT. Raises Unusable where the port is taken.
    """

    def __init__(
        self,
        address: str,
        telemetry: Telemetry,
        ailments: Question,
        lacks: Question,
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        host, _, port = address.rpartition(":")
        self._pages = pages or {}
        self._metrics = make_wsgi_app(telemetry.registry)
        self._questions = {"/healthz": ailments, "/livez": ailments, "/readyz": lacks}
        try:
            self._server = make_server(host.strip("[]"), int(port), self._answer, _server_for(host), _Handler)
        except OSError as error:
            raise Unusable(f"--metrics {address}: cannot listen there: {error.strerror or error}") from error
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def address(self) -> str:
        """Where it answers."""
        host, port = self._server.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            pages: Iterable[bytes] = self._metrics(environ, start_response)
            return pages
        if page := self._pages.get(path):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [page(environ.get("QUERY_STRING", ""))]
        question = self._questions.get(path)
        said = question() if question else [f"there is only /metrics and {', '.join((*self._questions, *self._pages))}"]
        status = "404 Not Found" if question is None else "503 Service Unavailable" if said else "200 OK"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return ["\n".join(said or ["ok"]).encode() + b"\n"]


def _server_for(host: str) -> type[_Server]:
    return _SixServer if host.startswith("[") else _Server
