"""Replicas of xds that tell, stall, lie and die as a test says, and readers of them."""

import json
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from modelfleet.controllers import reports
from modelfleet.controllers.reports import ReportReader
from modelfleet.fleet.envoys import Reported
from modelfleet.kube.errors import KubeError
from modelfleet.telemetry import WatcherTelemetry
from tests.support.cluster_objects import condition

SOON = 5.0
HASTE = {
    "LOOK_S": 0.04,
    "AGAIN_S": 0.04,
    "NEW_S": 0.5,
    "EACH_S": 0.0,
    "HURRIED_S": 0.05,
    "WAIT_S": 1,
    "PATIENCE_S": 0.3,
}


def document(number: int = 1, *nodes: str, generation: int = 1, gateway: str = "edge") -> dict[str, Any]:
    """What a replica tells whose Envoys have everything."""
    policy = {"namespace": "shop", "name": "p", "uid": "u", "generation": generation, "revision": "r"}
    common = {"connected": True, "settled": True, "new": False, "seconds": 1.0, "behind": [], "refused": []}
    found = {"name": gateway, "policies": [policy], "nodes": [{"id": node, **common} for node in nodes]}
    return {"v": 1, "xds": "x", "number": number, "gateways": [found], "strangers": []}


def until(holds: Callable[[], bool], within: float = SOON) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.005)


class Telling:
    """An HTTP server on loopback that answers with its document, and waits for news where it is asked to."""

    def __init__(self, told: dict[str, Any] | bytes | None = None) -> None:
        self.told: dict[str, Any] | bytes | None = told
        """What it tells; bytes are the body of its answer, None is no answer at all."""
        self.status = 200
        self.raw: bytes | None = None
        """All that it says, in place of HTTP."""
        self.asked: list[str] = []
        self._condition = Condition()
        self._ending = False
        self._start(0)

    def _start(self, port: int) -> None:
        replica = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                replica.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._ending = False
        self._server = Server(("127.0.0.1", port), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def tell(self, told: dict[str, Any] | bytes | None) -> None:
        """From now on it tells this, and who waits for news is told at once."""
        with self._condition:
            self.told = told
            self._condition.notify_all()

    def die(self) -> None:
        """Nobody listens any more, and who waits is cut off."""
        with self._condition:
            self._ending = True
            self._condition.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def rise(self) -> None:
        """It is back at the same address."""
        self._start(int(self.address.rpartition(":")[2]))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(handler.path).query).items()}
        with self._condition:
            self._condition.wait_for(lambda: self._ending or self._is_news(query), query.get("wait", 0))
            self._condition.wait_for(lambda: self._ending or self.told is not None)
            told, raw = self.told, self.raw
        if self._ending:
            handler.connection.close()
        elif raw is not None:
            handler.wfile.write(raw)
        else:
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            handler.send_response(self.status)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

    def _is_news(self, query: dict[str, int]) -> bool:
        return not isinstance(self.told, dict) or self.told.get("number") != query.get("number")


class Getter:
    """An API server that lists what a test puts there."""

    def __init__(self) -> None:
        self.slices: dict[str, Any] | KubeError = {"items": []}
        self.pods: dict[str, Any] | KubeError = {"items": []}
        self.asked: list[tuple[str, str]] = []

    def request(self, method: str, path: str, *, query: Mapping[str, str], timeout: float) -> dict[str, Any]:
        assert (method, timeout) == ("GET", reports.TIMEOUT_S)
        self.asked.append((path, query["labelSelector"]))
        answer = self.slices if path.endswith("/endpointslices") else self.pods
        if isinstance(answer, KubeError):
            raise answer
        return answer

    def has(self, *replicas: Telling) -> None:
        """These are behind the Service."""
        places = [one.address.rpartition(":") for one in replicas]
        self.slices = {
            "items": [
                {"ports": [{"name": "metrics", "port": int(port)}], "endpoints": [{"addresses": [host]}]}
                for host, _, port in places
            ]
        }

    def has_pods(self, *names: str) -> None:
        """These pods of the gateway are ready."""
        ready = {"conditions": [condition("Ready", "True")]}
        labels = {"modelfleet.dev/gateway": "edge"}
        self.pods = {"items": [{"metadata": {"name": name, "labels": labels}, "status": ready} for name in names]}

    def rounds(self, number: int = 2) -> None:
        """Waits until it has been looked for everything so often again."""
        before = len(self.asked)
        until(lambda: len(self.asked) >= before + 2 * number)


class Desk:
    """Readers in haste, and what they have and say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.getter, self.telemetry = Getter(), WatcherTelemetry()
        self.changes: list[float] = []
        """When something had changed."""
        self.steps: list[tuple[Reported, Reported]] = []
        """What was known before each change, and what was since."""
        self._made: list[ReportReader] = []
        for name, value in HASTE.items():
            monkeypatch.setattr(reports, name, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._made:
            one.stop()

    def _changed(self, before: Reported, now: Reported) -> None:
        self.steps.append((before, now))
        self.changes.append(time.monotonic())

    def start(self, *addresses: str) -> ReportReader:
        """A reader of these; without any it has to look for them."""
        reader = ReportReader(self.getter, "fleet", addresses, self.telemetry, self._changed)
        self._made.append(reader)
        reader.start()
        return reader


def total(reader: ReportReader) -> int:
    """The Envoys that are counted."""
    return sum(state.total for state in reader.reported(0).gateways.values())


def generation(reader: ReportReader) -> int:
    """Of the policy that the first Envoys have; 0 where nothing is known."""
    state = reader.reported(0).gateways.get("edge")
    return next((held.generation for group in (state.groups if state else ()) for held in group.policies.values()), 0)
