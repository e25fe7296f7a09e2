"""The page `/acks`: answered at once, or when there is news, and never with an error."""

import json
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.xds import ackspage as module
from modelfleet.xds.ackspage import AcksPage
from tests.unit.xds.watched import Scene


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.publish({"p": 0})
    return made


def ask(page: AcksPage, query: str = "") -> tuple[Any, float]:
    """What it tells, and after how many seconds."""
    began = time.monotonic()
    told = json.loads(page(query))
    return told, time.monotonic() - began


def test_who_does_not_wait_is_told_all_at_once(scene: Scene) -> None:
    page = AcksPage(scene.acks)
    for query in ("", "wait=5", f"number={scene.number}", f"number={scene.number}&wait=0"):
        told, seconds = ask(page, query)
        assert told == scene.acks.document()
        assert seconds < 1


def test_who_has_the_number_waits_for_another_one(scene: Scene) -> None:
    page, number = AcksPage(scene.acks), scene.number
    threading.Timer(0.1, lambda: scene.join("n")).start()
    told, seconds = ask(page, f"number={number}&wait=20")
    assert told["number"] > number
    assert 0.05 < seconds < 5
    assert ask(page, f"number={number}&wait=20")[1] < 1


def test_nobody_waits_for_longer_than_it_asked_for_or_than_anybody_may(scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MOST_WAIT_S", 1.2)
    page = AcksPage(scene.acks)
    assert 0.9 < ask(page, f"number={scene.number}&wait=1")[1] < 1.2
    assert 1.1 < ask(page, f"number={scene.number}&wait={10**9}")[1] < 4


def test_one_too_many_is_answered_at_once_and_places_are_given_back(scene: Scene, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    page, query = AcksPage(scene.acks), f"number={scene.number}&wait=20"
    threads = [threading.Thread(target=page, args=(query,), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    assert ask(page, query)[1] < 1
    scene.join("n")
    for thread in threads:
        thread.join(5)
    assert 0.9 < ask(page, f"number={scene.number}&wait=1")[1] < 3, "it can wait again"


@given(st.text(max_size=30), st.text(max_size=8), st.text(max_size=8))
def test_no_question_is_an_error(query: str, number: str, wait: str) -> None:
    page = AcksPage(Scene().acks)
    assert json.loads(page(query))["v"] == 1
    assert json.loads(page(f"number={number}x&wait={wait}"))["v"] == 1


@pytest.mark.parametrize("number", ["-1", "1.0", "1e3", "", "٣", "9" * 30, "0x1", "%00", "1;2"])
def test_a_number_that_is_none_is_not_waited_for(scene: Scene, number: str) -> None:
    assert ask(AcksPage(scene.acks), f"number={number}&wait=20")[1] < 1
