"""Lists of kinds that need not be there: looked for now and then, missed by nobody, and noticed when they come."""

from collections.abc import Callable
from typing import Any

import pytest

from modelfleet.controllers import lists as module
from modelfleet.controllers.lists import Lists
from modelfleet.kube.client import Listing
from modelfleet.kube.errors import Forbidden, KubeError, NotFound, ServerError
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
def begun() -> Callable[[KubeError], tuple[Server, FleetStore, list[Change], list[Scope]]]:
    def begin(error: KubeError) -> tuple[Server, FleetStore, list[Change], list[Scope]]:
        server, store = Server(), FleetStore([SCALED, MODELS])
        changes, found = list[Change](), list[Scope]()
        server.error = error
        lists = Lists(server, store, [SCALED, MODELS], WatcherTelemetry(), changes.append, found.append)  # type: ignore[arg-type]
        lists.start()
        return server, store, changes, found

    return begin


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
