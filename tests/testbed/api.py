"""The API server as tests speak to it: a verb, a path, an object; the status, and the answer."""

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) if isinstance(self.body, Mapping) else str(self.body)


class Api:
    """A client for one user. Keeps its connection; not for two threads at once."""

    def __init__(self, port: int, certificate: Path, token: str, address: str = "127.0.0.1") -> None:
        self.port = port
        self.address = address
        self._certificate = certificate
        self._token = token
        self._connection: http.client.HTTPSConnection | None = None

    def request(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Answer:
        """One request. A connection that was closed meanwhile is opened anew, once."""
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content, "Accept": "application/json"}
        for last in (False, True):
            try:
                connection = self._connected()
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                text = response.read()
                break
            except (http.client.HTTPException, OSError):
                self.close()
                if last:
                    raise
        is_json = "json" in (response.getheader("Content-Type") or "")
        return Answer(response.status, json.loads(text) if is_json else text.decode())

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def create(self, path: str, body: Any, query: str = "fieldValidation=Strict") -> Answer:
        return self.request("POST", f"{path}?{query}", body)

    def apply(self, path: str, body: Any, manager: str = "test") -> Answer:
        """Server-side apply of an object at its own path, strict about fields."""
        query = f"fieldManager={manager}&force=true&fieldValidation=Strict"
        return self.request("PATCH", f"{path}?{query}", body, APPLY)

    def merge(self, path: str, body: Any) -> Answer:
        return self.request("PATCH", path, body, MERGE)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)

    def is_ready(self) -> bool:
        """Whether the API server says so."""
        try:
            return self.get("/readyz").status == http.HTTPStatus.OK
        except (http.client.HTTPException, OSError):
            return False

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            context = ssl.create_default_context(cafile=str(self._certificate))
            self._connection = http.client.HTTPSConnection(self.address, self.port, timeout=30, context=context)
        return self._connection


def wait_for(what: str, holds: Any, patience: float = 30.0, pause: float = 0.05) -> None:
    """Waits until it holds; says what was waited for when it never does."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience:.0f} s for {what}")
        time.sleep(pause)
