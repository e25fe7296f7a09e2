"""The thread that serves gateways: whether it lives is told without waiting for it, and its end leaves nothing open."""

import gc
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from modelfleet.xds import plane as module
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.plane import Plane
from modelfleet.xds.state import gateway_resources
from tests.testbed.api import wait_for
from tests.unit.xds.making import static_cluster

STATE = gateway_resources([static_cluster("a")])


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    monkeypatch.setattr(module, "BEAT_S", 0.02)
    made = Plane("127.0.0.1:0", lambda *_: None)
    yield made
    made.stop()


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def asked(plane: Plane) -> list[str]:
    """What a probe is told, which has five seconds and is to need none of them."""
    began = time.monotonic()
    said = plane.ailments()
    assert time.monotonic() - began < 0.5
    return said


def test_one_that_has_not_begun_ails_nothing(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LAG_S", 0.05)
    time.sleep(0.2)
    assert asked(plane) == []
    gc.collect()  # whoever left a coroutine behind is told now


def test_one_that_gets_to_work_ails_nothing(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LAG_S", 1.0)
    plane.start()
    time.sleep(1.2)
    assert asked(plane) == []


def test_one_that_is_stuck_is_told_of_at_once_and_is_well_when_it_goes_on(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LAG_S", 0.3)
    stuck, going_on = Event(), Event()

    def publish(*_: object) -> None:
        stuck.set()
        going_on.wait(10)

    monkeypatch.setattr(SnapshotCache, "publish", publish)
    plane.start()
    assert asked(plane) == []
    plane.publish("default", STATE)
    assert stuck.wait(5)
    time.sleep(0.5)
    assert asked(plane) == ["the loop of the gateways' streams has not come round for 0 s"]
    going_on.set()
    wait_for("it to be well", lambda: asked(plane) == [], 5)


@pytest.mark.parametrize("starts", [True, False])
def test_one_that_ends_leaves_no_file_open(starts: bool) -> None:
    before = open_files()
    made = Plane("127.0.0.1:0", lambda *_: None)
    if starts:
        made.start()
        made.publish("default", STATE)
    made.stop()
    made.stop()
    assert open_files() == before


def test_one_that_ends_serves_nobody_any_more_and_what_comes_late_is_nothing(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    made = Plane(f"127.0.0.1:{address[1]}", lambda *_: None)
    made.start()
    made.publish("default", STATE)
    made.open()
    socket.create_connection(address, timeout=5).close()
    made.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    made.publish("default", STATE)
    made.open()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    del made
    gc.collect()
    assert (capfd.readouterr().err, [it.message for it in caplog.records if it.levelno >= logging.WARNING]) == ("", [])
