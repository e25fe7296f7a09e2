"""Lists: of kinds that need not be there, of what is told while they are made, and of a process without threads."""

import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest

from modelfleet.controllers import lists as module
from modelfleet.controllers.lists import Lists
from modelfleet.kube.client import Listing
from modelfleet.kube.errors import Forbidden, KubeError, NotFound, ServerError, TooManyRequests
from modelfleet.sources.kinds import Scope, scopes
from modelfleet.sources.store import Change, FleetStore
from modelfleet.telemetry import WatcherTelemetry
from tests.testbed.api import wait_for

SCALED = next(scope for scope in scopes() if scope.watched.kind == "ScaledObject")
MODELS = next(scope for scope in scopes() if scope.watched.kind == "ModelDeployment")


class Server:
    """Answers each list as the test says."""

    def __init__(self) -> None:
        self.error: KubeError | None = None
        self.lists = 0

    def list(self, _: Any, path: str, _selector: str) -> Listing[Any]:
        if path != SCALED.path:
            return Listing([], "5")
        self.lists += 1
        if self.error:
            raise self.error
        return Listing([], "5")


@pytest.fixture
def begun() -> Iterator[Callable[[KubeError], tuple[Server, FleetStore, list[Change], list[Scope]]]]:
    running = list[Lists]()

    def begin(error: KubeError) -> tuple[Server, FleetStore, list[Change], list[Scope]]:
        server, store = Server(), FleetStore([SCALED, MODELS])
        changes, found = list[Change](), list[Scope]()
        server.error = error
        lists = Lists(server, store, [SCALED, MODELS], WatcherTelemetry(), changes.append, found.append)  # type: ignore[arg-type]
        lists.start()
        running.append(lists)
        return server, store, changes, found

    yield begin
    for lists in running:
        lists.stop()


@pytest.mark.parametrize("error", [NotFound("no", status=404), Forbidden("no", status=403)], ids=["404", "403"])
def test_a_kind_that_need_not_be_there_is_not_waited_for_and_is_noticed_when_it_comes(
    begun: Callable[[KubeError], tuple[Server, FleetStore, list[Change], list[Scope]]],
    error: KubeError,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "OPTIONAL_S", 0.1)
    server, store, changes, found = begun(error)
    wait_for("all to be read", lambda: store.is_filled, 5)
    wait_for("more lists", lambda: server.lists > 2, 5)
    assert (store.unread(), store.absent()) == ({}, frozenset({SCALED}))
    assert changes.count(Change.FLEET) == 2, "one for each kind that was read at last"
    assert caplog.text == ""
    server.error = None
    wait_for("it to be found", lambda: found == [SCALED], 5)
    assert store.absent() == frozenset()


def test_one_that_fails_in_another_way_is_waited_for_as_all_others_are(
    begun: Callable[[KubeError], tuple[Server, FleetStore, list[Change], list[Scope]]],
) -> None:
    server, store, _, _ = begun(ServerError("away", status=503))
    wait_for("a list", lambda: server.lists, 5)
    wait_for("the other kind", lambda: MODELS not in store.unread(), 5)
    assert (store.is_filled, store.absent()) == (False, frozenset())
    server.error = None
    wait_for("all to be read", lambda: store.is_filled, 5)


def a_model(number: int) -> dict[str, Any]:
    metadata = {"namespace": "x", "name": f"m-{number}", "uid": f"uid-{number}", "resourceVersion": "1"}
    return {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata}


class Told:
    """Lists of models, of which each does what the test says: it tells of a gap, and then answers or fails."""

    def __init__(self, *answers: list[dict[str, Any]] | KubeError, gap_in: int, every: float = 60.0) -> None:
        """The last answer is given from then on; the gap is told of while the list of this number is made."""
        self.asked: list[float] = []
        self._answers = answers
        self._gap_in = gap_in
        self.store = FleetStore([MODELS])
        self.lists = Lists(self, self.store, [MODELS], WatcherTelemetry(), lambda _: None, lambda _: None, every=every)  # type: ignore[arg-type]

    def list(self, made_of: Callable[[Any], Any], *_: str) -> Listing[Any]:
        self.asked.append(time.monotonic())
        number = len(self.asked)
        if number == self._gap_in:
            self.lists.soon(MODELS, 0.05)
        answer = self._answers[min(number, len(self._answers)) - 1]
        if isinstance(answer, KubeError):
            raise answer
        return Listing([made_of(item) for item in answer], "5")


@pytest.fixture
def listing() -> Iterator[Callable[[Told], Told]]:
    begun: list[Told] = []

    def begin(told: Told) -> Told:
        begun.append(told)
        told.lists.start()
        return told

    yield begin
    for told in begun:
        told.lists.stop()


def test_a_gap_that_is_told_of_during_a_list_is_looked_into_also_where_that_list_is_not_believed_yet(
    listing: Callable[[Told], Told],
) -> None:
    """The list may have been read before the gap, and the next one that checks what it lacks is half a minute away."""
    told = listing(Told([a_model(number) for number in range(50)], [], gap_in=2))
    wait_for("the first list", lambda: told.store.is_filled, 5)
    told.lists.soon(MODELS, 0.0)
    wait_for("the list that agrees", lambda: not told.store.sizes()["ModelDeployment"], 5)
    assert len(told.asked) == 3


def test_a_gap_that_is_told_of_during_a_list_that_succeeds_after_others_failed_is_looked_into(
    listing: Callable[[Told], Told],
) -> None:
    told = listing(Told(ServerError("away", status=503), [], gap_in=2))
    wait_for("a list after the gap", lambda: len(told.asked) == 3, 5)


@pytest.mark.parametrize("every", [60.0, 0.1], ids=["now and then", "often"])
def test_a_gap_that_is_told_of_during_a_list_that_fails_does_not_make_it_come_sooner_than_it_may(
    listing: Callable[[Told], Told], every: float
) -> None:
    told = listing(Told(TooManyRequests("later", status=429, retry_after=0.6), [], gap_in=1, every=every))
    wait_for("the next list", lambda: len(told.asked) > 1, 5)
    assert told.asked[1] - told.asked[0] >= 0.6


def test_a_process_that_can_have_no_thread_for_a_while_lists_when_it_can(
    listing: Callable[[Told], Told], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told([], gap_in=0)
    refusals = 2

    class Scarce(Thread):
        def start(self) -> None:
            nonlocal refusals
            if refusals:
                refusals -= 1
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr(module, "Thread", Scarce)
    listing(told)
    wait_for("all to be read", lambda: told.store.is_filled, 5)
    assert refusals == 0
    assert "could not be listed, no thread can be had" in caplog.text
