"""When something was first seen: by watches, by the long poll of acknowledgements, and by requests in a loop.

Each of them waits in a thread of its own, and costs next to nothing until there is something to be seen.
"""

import json
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Condition, Thread
from typing import Any, NamedTuple

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Address, Connection, Request, chat
from tests.testbed.bed import ADMIN_TOKEN, Bed, expect, is_true

DEPLOYMENT, POD, ENDPOINT = "Deployment written", "pod Ready", "endpoint in its slice"
TOLD, ACKED, ANSWERED, PROGRAMMED = "told by a watch", "acknowledged by Envoy", "first right answer", "Programmed=True"
PATIENCE_S = 60.0
WAIT_S = 20
RATE = 500
"""Requests a second: what is measured is known to two milliseconds, and Envoy has little to do."""
CUT = (OSError, HTTPException, ValueError, AttributeError)
"""What reading from a connection that was shut down comes to."""


class Mark(NamedTuple):
    """Something that is seen of an object."""

    what: str
    name: str
    generation: int = 0


class Sightings:
    """The first moment of each mark, of `time.monotonic()`. For several threads at once."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._first: dict[Mark, float] = {}
        self._last = time.monotonic()

    def note(self, marks: Iterable[Mark], at: float) -> None:
        """Something was seen at this moment, whether or not it is a mark."""
        with self._condition:
            self._last = at
            for mark in marks:
                self._first.setdefault(mark, at)
            self._condition.notify_all()

    def wait(self, marks: Iterable[Mark], patience: float = PATIENCE_S) -> list[float]:
        """Their moments, once all of them have been seen."""
        wanted = list(marks)
        with self._condition:
            seen = self._condition.wait_for(lambda: all(one in self._first for one in wanted), patience)
            assert seen, f"not seen: {[one for one in wanted if one not in self._first]}"
            return [self._first[one] for one in wanted]

    def wait_until_quiet(self, seconds: float) -> None:
        """Until nothing has been seen for so long."""
        while (left := self._last + seconds - time.monotonic()) > 0:
            time.sleep(left)


class Watcher(ABC):
    """A connection that a thread reads from while it is entered."""

    def __init__(self, sightings: Sightings, connection: HTTPConnection) -> None:
        self.sightings, self._connection = sightings, connection
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watcher":
        self._connection.connect()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(*CUT):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._connection.close()

    def _run(self) -> None:
        with suppress(*CUT):
            self.read()

    @abstractmethod
    def read(self) -> None:
        """Reads until the connection is cut."""

    def ask(self, path: str, headers: dict[str, str] | None = None) -> HTTPResponse:
        """The beginning of an answer that is a success."""
        self._connection.request("GET", path, headers=headers or {})
        answer = self._connection.getresponse()
        assert answer.status == HTTPStatus.OK, answer.status
        return answer


class Watch(Watcher):
    """A watch of the API server, from now on."""

    def __init__(self, sightings: Sightings, bed: Bed, path: str) -> None:
        context = ssl.create_default_context(cafile=str(bed.folder / "certs" / "apiserver.crt"))
        super().__init__(sightings, HTTPSConnection("127.0.0.1", bed.port, context=context))
        version = expect(bed.api.get(f"{path}?limit=1"), HTTPStatus.OK)["metadata"]["resourceVersion"]
        self._path = f"{path}?watch=true&timeoutSeconds=3600&resourceVersion={version}"

    def read(self) -> None:
        answer = self.ask(self._path, {"Authorization": f"Bearer {ADMIN_TOKEN}"})
        rest = b""
        while piece := answer.read1():
            at = time.monotonic()
            *whole, rest = (rest + piece).split(b"\n")
            for event in map(json.loads, whole):
                self.sightings.note(() if event["type"] == "DELETED" else marks_of(event["object"]), at)


class Poll(Watcher):
    """The long poll of an xds replica that has one gateway."""

    def __init__(self, sightings: Sightings, address: str) -> None:
        host, _, port = address.rpartition(":")
        super().__init__(sightings, HTTPConnection(host, int(port)))

    def read(self) -> None:
        number = -1
        while True:
            told = json.loads(self.ask(f"/acks?number={number}&wait={WAIT_S}").read())
            if told["number"] != number:
                self.sightings.note(acknowledged(told["gateways"][0]), time.monotonic())
            number = told["number"]


def marks_of(raw: dict[str, Any]) -> Iterator[Mark]:
    """What is to be seen of an object."""
    metadata = raw["metadata"]
    model = metadata.get("labels", {}).get("modelfleet.dev/model", "")
    match raw["kind"]:
        case "Deployment":
            yield Mark(DEPLOYMENT, model)
        case "Pod" if is_true(raw, "Ready"):
            yield Mark(POD, model)
        case "EndpointSlice" if any(one["conditions"].get("ready") for one in raw.get("endpoints") or ()):
            yield Mark(ENDPOINT, model)
        case "RoutingPolicy":
            yield Mark(TOLD, metadata["name"], metadata["generation"])
            if is_programmed(raw):
                yield Mark(PROGRAMMED, metadata["name"], metadata["generation"])
        case _:  # there is something, and that is all
            pass


def is_programmed(raw: dict[str, Any]) -> bool:
    """Whether a policy says so of its present generation."""
    conditions = raw.get("status", {}).get("conditions", [])
    found: dict[str, Any] = next((one for one in conditions if one["type"] == "Programmed"), {})
    return found.get("status") == "True" and found["observedGeneration"] == raw["metadata"]["generation"]


def acknowledged(gateway: dict[str, Any]) -> Iterator[Mark]:
    """The policies that every Envoy of a gateway has as they are to be, where there is one."""
    nodes = [one for one in gateway["nodes"] if one["connected"]]
    if not nodes or not all(one["settled"] for one in nodes):
        return
    behind = {(one["namespace"], one["name"]) for node in nodes for one in node["behind"]}
    for one in gateway["policies"]:
        if (one["namespace"], one["name"]) not in behind:
            yield Mark(ACKED, one["name"], one["generation"])


class Asker:
    """Asks a gateway for a name again and again while it is entered, until the answer is right, which makes a mark."""

    def __init__(
        self, sightings: Sightings, gateway: Address, name: str, is_right: Callable[[Answer], bool], mark: Mark
    ) -> None:
        self._sightings, self._gateway, self._is_right, self._mark = sightings, gateway, is_right, mark
        self._request = Request(body=chat(name), headers={"content-type": "application/json"})
        self._thread = Thread(target=self._run, daemon=True)
        self._ending = False
        self.wrong = 0
        """Answers before the right one."""

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        connection, due = Connection(self._gateway), time.monotonic()
        while not self._ending:
            answer = connection.send(self._request)
            at = time.monotonic()
            if self._is_right(answer):
                self._sightings.note([self._mark], at)
                break
            self.wrong += 1
            if not connection.fresh():
                connection.close()
                connection = Connection(self._gateway)
            # Who was late does not hurry afterwards.
            due = max(due + 1 / RATE, at)
            time.sleep(max(0.0, due - time.monotonic()))
        connection.close()
