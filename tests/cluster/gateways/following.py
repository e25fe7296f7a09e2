"""All that happens to the objects of one kind in a namespace, from a list on: each event with when it was heard."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import Any

from tests.testbed.bed import ADMIN_TOKEN, Bed, expect

PATIENCE_S = 30.0
CUT = (OSError, HTTPException, ValueError, AttributeError)
"""What reading from a connection that was shut down comes to."""

See = Callable[[str, dict[str, Any], float], None]


class Following:
    """Hears of every change in a thread of its own."""

    def __init__(self, bed: Bed, path: str, see: See) -> None:
        self._bed, self._path, self._see = bed, path, see
        self._error: BaseException | None = None
        self._ending = False
        self._version = ""
        self.breaks = 0
        """How often the watch was ended by the API server."""
        context = ssl.create_default_context(cafile=str(bed.folder / "certs" / "apiserver.crt"))
        self._connection = HTTPSConnection("127.0.0.1", bed.port, context=context)
        self._thread = threading.Thread(target=self._run, name=f"following {path}", daemon=True)

    def start(self) -> None:
        """Tells of all that is there, and then of every change."""
        listed = expect(self._bed.api.get(self._path), HTTPStatus.OK)
        for raw in listed["items"]:
            self._see("ADDED", raw, time.monotonic())
        self._version = str(listed["metadata"]["resourceVersion"])
        self._thread.start()

    def stop(self) -> None:
        """Ends, and waits for the end."""
        self._ending = True
        with suppress(OSError):
            if self._connection.sock:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._connection.close()

    def check(self) -> None:
        """Fails where it does not follow any more."""
        assert self._error is None, f"{self._path} is not followed any more: {self._error!r}"

    def _run(self) -> None:
        try:
            while not self._ending:
                self._follow()
                self.breaks += 1
        except BaseException as error:
            if not (self._ending and isinstance(error, CUT)):
                self._error = error

    def _follow(self) -> None:
        """Reads a watch to its end."""
        query = f"watch=true&timeoutSeconds=3600&resourceVersion={self._version}"
        self._connection.request("GET", f"{self._path}?{query}", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        answer, rest = self._connection.getresponse(), b""
        assert answer.status == HTTPStatus.OK, answer.status
        while piece := answer.read1():
            at = time.monotonic()
            *whole, rest = (rest + piece).split(b"\n")
            for event in map(json.loads, whole):
                assert event["type"] in ("ADDED", "MODIFIED", "DELETED"), event
                self._version = event["object"]["metadata"]["resourceVersion"]
                self._see(event["type"], event["object"], at)
