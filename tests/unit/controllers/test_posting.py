"""Events: few, counted where they repeat, in a thread of their own, and only while this process may write."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from modelfleet.controllers.posting import BURST, TOGETHER, Posting
from modelfleet.findings import Key
from modelfleet.kube.errors import Conflict, ServerError
from modelfleet.statuses.changes import Transition
from modelfleet.telemetry import WriterTelemetry
from tests.unit.controllers.telling import SOON, until

M = Key("ModelDeployment", "x", "m")


class Server:
    """Keeps what is posted; refuses a name that it has."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.failing = False
        self.open = Event()
        self.open.set()

    def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        self.open.wait(SOON)
        if self.failing:
            raise ServerError("no", status=500)
        if method == "POST":
            name = f"{path}/{body['metadata']['name']}"
            if name in self.events:
                raise Conflict("it is there", status=409)
            self.events[name] = body
        elif method == "PATCH":
            self.events[path].update(body)
        return self.events.get(path)


class Desk:
    """A posting with its server, and what was told."""

    def __init__(self) -> None:
        self.server, self.telemetry, self.may = Server(), WriterTelemetry(), True
        self.posting = Posting(self.server, "me", self.telemetry, lambda: self.may)

    def post(self, key: Key = M, message: str = "so it is", uid: str = "1") -> None:
        self.posting.post(key, uid, Transition("Ready", "False", "Pending", message, warning=True))

    def told(self, outcome: str = "ok") -> float:
        return self.telemetry.writes.labels("Event", outcome)._value.get()  # type: ignore[no-any-return]


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    made.posting.start()
    yield made
    made.server.open.set()
    made.posting.stop()


def test_what_repeats_is_counted_where_it_stands(desk: Desk) -> None:
    for message in ("one", "two", "one", "one"):
        desk.post(message=message)
    until(lambda: desk.told() == 4)
    assert sorted((event["message"], event["count"]) for event in desk.server.events.values()) == [
        ("Ready=False: one", 3),
        ("Ready=False: two", 1),
    ]


def test_an_object_says_only_so_much_and_all_together_say_only_so_much(desk: Desk) -> None:
    for number in range(3 * BURST):
        desk.post(message=str(number))
    until(lambda: desk.told() == BURST)
    for number in range(3 * TOGETHER):
        desk.post(uid=f"other-{number}", message=str(number))
    until(lambda: desk.told() >= TOGETHER)
    time.sleep(0.05)
    assert desk.told() <= TOGETHER + 10


def test_who_posts_waits_for_nobody_and_what_waits_is_bounded(desk: Desk) -> None:
    desk.server.open.clear()
    began = time.monotonic()
    for number in range(10 * TOGETHER):
        desk.post(uid=str(number))
    assert time.monotonic() - began < SOON / 2
    assert desk.posting._waiting.qsize() <= TOGETHER


def test_who_may_no_longer_write_writes_nothing_that_waits(desk: Desk) -> None:
    desk.server.open.clear()
    for number in range(3):
        desk.post(message=str(number))
    time.sleep(0.05)
    desk.may = False
    desk.server.open.set()
    until(desk.posting._waiting.empty)
    time.sleep(0.05)
    assert len(desk.server.events) <= 1


def test_one_that_is_refused_is_counted_and_the_next_is_written(desk: Desk) -> None:
    desk.server.failing = True
    desk.post()
    until(lambda: desk.told("ServerError") == 1)
    desk.server.failing = False
    desk.post(message="later")
    until(lambda: desk.told() == 1)


def test_what_is_said_of_a_class_is_where_kubectl_looks_for_it(desk: Desk) -> None:
    desk.post(Key("HardwareClass", "", "gpu"), message="x" * 5000)
    until(lambda: desk.told() == 1)
    ((path, event),) = desk.server.events.items()
    assert path.startswith("/api/v1/namespaces/default/events/gpu.")
    assert len(event["message"]) == 1000
    assert event["involvedObject"]["namespace"] == ""
