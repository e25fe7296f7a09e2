"""What a probe of the process is told: alive while its threads get round, and ready once all has been read."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partialmethod
from types import SimpleNamespace
from typing import cast

import pytest

from modelfleet.controllers import health as module
from modelfleet.controllers import serving
from modelfleet.controllers.frame import Frame
from modelfleet.controllers.health import Health
from modelfleet.controllers.loop import CompileLoop
from modelfleet.controllers.serving import Serving
from modelfleet.controllers.watches import Watches
from modelfleet.sources.kinds import scopes
from modelfleet.sources.store import FleetStore
from modelfleet.telemetry import WriterTelemetry
from tests.testbed.api import wait_for

SCOPES = scopes()
MODELS = next(scope for scope in SCOPES if scope.watched.kind == "ModelDeployment")


class Parts:
    """The parts that health looks at, as they are in a process; only the clock and kopf's loop are the test's."""

    def __init__(self) -> None:
        self.now, self.lag = 0.0, 0.0
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.loop = CompileLoop(self.work)
        self.watches = Watches(SCOPES, clock=lambda: self.now)
        self.store = FleetStore(SCOPES)
        frame = cast("Frame", SimpleNamespace(lag=lambda: self.lag))
        self.health = Health(frame, self.loop, self.watches, self.store)
        self.serving = Serving("127.0.0.1:0", WriterTelemetry(), self.health.ailments, self.health.lacks)

    def work(self) -> None:
        self.begun.set()
        self.go_on.wait(10)

    def read_all(self) -> None:
        for scope in SCOPES:
            self.store.replace(scope, [], "1")

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.serving.address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    # A server looks every half second whether it is to end.
    serve = partialmethod(serving._Server.serve_forever, poll_interval=0.02)
    monkeypatch.setattr(serving._Server, "serve_forever", serve)
    made = Parts()
    made.serving.start()
    made.loop.start()
    yield made
    made.go_on.set()
    made.loop.stop()
    made.serving.stop()


def test_who_has_read_nothing_yet_lives_and_is_not_ready(parts: Parts) -> None:
    assert parts.ask("/healthz") == (200, "ok\n")
    code, said = parts.ask("/readyz")
    assert code == 503
    assert "modeldeployments: it has not been listed yet" in said
    parts.read_all()
    assert parts.ask("/readyz") == (200, "ok\n")


def test_a_loop_of_watches_that_never_comes_round_ends_the_process(parts: Parts) -> None:
    parts.lag = module.MOST_LAG_S + 1
    assert parts.ask("/healthz") == (503, "the loop of the watches has not come round for 31 s\n")


def test_a_look_without_an_end_ends_the_process(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WORK_S", 0.05)
    parts.loop.poke()
    assert parts.begun.wait(5)
    wait_for("the look to have taken long", lambda: parts.loop.busy_for() > 0.1, 5)
    code, said = parts.ask("/healthz")
    assert code == 503
    assert "has been looked at for 0 s without an end" in said
    parts.go_on.set()
    wait_for("the process to be well again", lambda: parts.ask("/healthz")[0] == 200, 5)


def test_a_watch_that_is_silent_for_no_reason_ends_the_process_and_one_that_is_kept_from_it_does_not(
    parts: Parts,
) -> None:
    parts.read_all()
    parts.now = module.MOST_SILENCE_S + 1
    for scope in SCOPES:
        if scope is not MODELS:
            parts.watches.alive(scope)
    assert parts.ask("/healthz") == (503, "modeldeployments: the watch has been silent for 331 s\n")
    parts.watches.trouble(MODELS, "the API server is away")
    assert parts.ask("/healthz")[0] == 200


def test_a_kind_that_was_never_read_is_no_reason_to_end(parts: Parts) -> None:
    parts.now = module.MOST_SILENCE_S + 1
    assert parts.ask("/healthz")[0] == 200


def test_a_kind_that_need_not_be_there_and_is_not_keeps_nobody_from_being_alive_and_ready(parts: Parts) -> None:
    parts.read_all()
    for scope in SCOPES:
        if scope.watched.optional:
            parts.store.lack(scope)
    parts.now = module.MOST_SILENCE_S + 1
    for scope in SCOPES:
        if not scope.watched.optional:
            parts.watches.alive(scope)
    assert (parts.ask("/healthz")[0], parts.ask("/readyz")[0]) == (200, 200)


@pytest.mark.parametrize("path", ["/", "/metric", "/healthz/x"])
def test_whatever_else_is_asked_for_is_not_there(parts: Parts, path: str) -> None:
    code, said = parts.ask(path)
    assert code == 404
    assert "/healthz" in said


def test_metrics_are_at_the_same_address(parts: Parts) -> None:
    code, said = parts.ask("/metrics")
    assert code == 200
    assert "modelfleet_leader 0.0" in said
