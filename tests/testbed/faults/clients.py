"""Clients that show what came of a request: one that never asks twice, and one that keeps the events of a watch."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
from typing import Any

from tests.testbed.bed import ADMIN_TOKEN
from tests.testbed.faults.proxy import FaultProxy

TOKEN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
# What a client meets when its connection ends too early.
CUT = (ConnectionError, http.client.HTTPException, ssl.SSLError)


def connect(proxy: FaultProxy, client: str = "alpha", timeout: float = 10) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    return http.client.HTTPSConnection("127.0.0.1", proxy.port(client), timeout=timeout, context=context)


def ask(proxy: FaultProxy, path: str, method: str = "GET", body: Any = None, timeout: float = 10) -> tuple[int, bytes]:
    """One request on a connection of its own, which nobody repeats."""
    connection = connect(proxy, timeout=timeout)
    try:
        headers = {**TOKEN, "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Watcher:
    """A watch, read by a thread until it ends: "whole", or with an exception. `rest` is what no event was made of."""

    def __init__(self, proxy: FaultProxy, path: str, client: str = "alpha") -> None:
        self.events: list[dict[str, Any]] = []
        self.rest = b""
        self.end: BaseException | str = ""
        self._connection = connect(proxy, client, timeout=60)
        self._path = path
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()

    def _read(self) -> None:
        try:
            self._connection.request("GET", self._path, headers=TOKEN)
            response = self._connection.getresponse()
            while piece := response.read1():  # readline takes a broken end for a whole one
                *whole, self.rest = (self.rest + piece).split(b"\n")
                self.events.extend(json.loads(line) for line in whole)
            self.end = "whole"
        except (*CUT, OSError, ValueError) as broken:
            self.end = broken

    def seen(self) -> list[tuple[str, str]]:
        """The types of the events, with the names of their objects."""
        return [(event["type"], event["object"].get("metadata", {}).get("name", "")) for event in list(self.events)]
