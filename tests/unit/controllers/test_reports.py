"""Replicas are asked at once and wait for news; who is silent, lies or dies costs nobody else anything."""

import time
from typing import Any

import pytest

from modelfleet.controllers import reports
from modelfleet.controllers.reports import ReportReader
from tests.unit.controllers.telling import Desk, Telling, document, generation, total, until

NOWHERE = "127.0.0.1:1"


def test_the_first_who_wants_to_know_waits_until_everybody_has_been_asked_and_no_longer(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LOOK_S", 60)
    began = time.monotonic()
    reported = desk.start(replica.address).reported(5)
    assert time.monotonic() - began < 2
    assert (reported.silence, reported.gateways["edge"].total) == ("", 1)


def test_before_anybody_was_asked_and_with_no_patience_nothing_is_known(desk: Desk) -> None:
    reader = ReportReader(desk.getter, "fleet", (NOWHERE,), desk.telemetry, lambda *_: None)
    assert reader.reported(0).silence == "no gateway has reported yet"


def test_news_is_known_as_soon_as_it_is_told_and_is_said(desk: Desk, replica: Telling) -> None:
    reader = desk.start(replica.address)
    assert reader.reported(5).gateways["edge"].total == 1
    until(lambda: len(replica.asked) > 1)
    desk.changes.clear()
    began = time.monotonic()
    replica.tell(document(2, "gw-0", generation=2))
    until(lambda: bool(desk.changes))
    assert desk.changes[0] - began < 0.5
    assert generation(reader) == 2


def test_where_nothing_is_new_nothing_is_said(desk: Desk, replica: Telling) -> None:
    reader = desk.start(replica.address)
    reader.reported(5)
    until(lambda: bool(desk.changes))
    before = len(desk.changes)
    replica.tell({**document(2, "gw-0"), "xds": "another"})
    until(lambda: replica.asked[-1].startswith("/acks?number=2&"))
    assert len(desk.changes) == before


def test_who_is_known_to_have_no_news_is_asked_to_wait_and_others_are_not(desk: Desk, replica: Telling) -> None:
    desk.start(replica.address)
    until(lambda: len(replica.asked) > 1)
    assert replica.asked[:2] == ["/acks", "/acks?number=1&wait=1"]


def test_several_replicas_are_taken_together(desk: Desk, replica: Telling) -> None:
    other = Telling(document(9, "gw-1", "gw-2"))
    assert desk.start(replica.address, other.address).reported(5).gateways["edge"].total == 3
    other.die()


def test_one_that_is_not_there_is_named_and_one_that_answers_is_enough(desk: Desk, replica: Telling) -> None:
    assert desk.start(NOWHERE).reported(5).silence == (
        "no xds replica answers, of 1: 127.0.0.1:1: [Errno 111] Connection refused"
    )
    assert desk.start(NOWHERE, replica.address).reported(5).silence == ""


def test_one_that_never_answers_is_waited_for_once_and_not_by_every_look(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PATIENCE_S", 4)
    replica.tell(None)
    reader = desk.start(replica.address)
    began = time.monotonic()
    assert reader.reported(5).silence.endswith(": it has not answered yet")
    assert time.monotonic() - began < 2
    began = time.monotonic()
    for _ in range(20):
        reader.reported(5)
    assert time.monotonic() - began < 1
    replica.tell(document(1, "gw-0"))
    until(lambda: total(reader) == 1)


def test_the_word_of_one_that_dies_stays_for_a_while_and_then_nobody_knows(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "COUNTED_S", 0.4)
    reader = desk.start(replica.address)
    assert reader.reported(5).silence == ""
    replica.die()
    began = time.monotonic()
    until(lambda: reader.silent() == {replica.address: 1.0})
    assert reader.reported(0).silence == ""
    until(lambda: reader.reported(0).silence != "")
    assert 0.3 < time.monotonic() - began < 3
    assert "Connection refused" in reader.reported(0).silence
    replica.rise()
    until(lambda: reader.reported(0).silence == "")
    assert reader.silent() == {replica.address: 0.0}


def test_one_that_comes_back_is_asked_for_all_whatever_its_numbers_are(desk: Desk, replica: Telling) -> None:
    reader = desk.start(replica.address)
    until(lambda: len(replica.asked) > 1)
    replica.die()
    replica.told = document(1, "gw-0", generation=5)  # the number that the one before had reached
    replica.asked.clear()
    replica.rise()
    until(lambda: generation(reader) == 5)
    assert replica.asked[0] == "/acks"


BODIES = {
    "nothing": b"",
    "no json": b"<html>",
    "no report": b"[]",
    "another version": b'{"v": 2}',
    "no text": b"\xff\xfe",
    "too deep": b"[" * 200_000,
    "too long a number": b'{"v": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_what_is_no_report_is_as_good_as_silence_and_ends_nothing(desk: Desk, replica: Telling, body: bytes) -> None:
    replica.tell(body)
    reader = desk.start(replica.address)
    assert reader.reported(5).silence.startswith("no xds replica answers, of 1: ")
    replica.tell(document(1, "gw-0"))
    until(lambda: total(reader) == 1)


RAW = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
    "too few bytes": b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}",
    "a bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n{}",
    "too long a line": b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n{}",
    "a redirect": b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW.keys())
def test_who_speaks_otherwise_is_as_good_as_silent_and_ends_nothing(desk: Desk, replica: Telling, raw: bytes) -> None:
    replica.raw = raw
    reader = desk.start(replica.address)
    assert reader.reported(5).silence.startswith("no xds replica answers, of 1: ")
    replica.raw = None
    until(lambda: total(reader) == 1)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_answer_that_is_an_error_is_told_by_its_number(desk: Desk, replica: Telling, status: int) -> None:
    replica.status = status
    assert desk.start(replica.address).reported(5).silence.endswith(f": status {status}")


def test_one_that_has_not_looked_at_the_fleet_yet_does_not_say_that_there_is_no_gateway(
    desk: Desk, replica: Telling
) -> None:
    replica.tell({**document(0), "gateways": []})
    reader = desk.start(replica.address)
    assert reader.reported(5).silence.endswith(": it has not looked at the fleet yet")
    replica.tell(document(1, "gw-0"))
    until(lambda: total(reader) == 1)


def test_ten_megabytes_are_read_and_more_than_is_ever_told_is_not(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {**document(1, "gw-0"), "more": "x" * 10_000_000}
    replica.tell(large)
    assert desk.start(replica.address).reported(5).silence == ""
    monkeypatch.setattr(reports, "LARGEST", 1_000_000)
    assert desk.start(replica.address).reported(5).silence != ""


def test_an_answer_that_never_ends_is_none(desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = desk.start(replica.address)
    assert reader.reported(5).silence == ""
    monkeypatch.setattr(Telling, "_is_news", lambda *_: True)
    slow = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
    monkeypatch.setattr(Telling, "answer", lambda _, handler: drip(handler, slow))
    replica.tell(document(2, "gw-0"))
    until(lambda: reader.silent() == {replica.address: 1.0})


def drip(handler: Any, head: bytes) -> None:
    handler.wfile.write(head)
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def test_one_that_answers_at_once_without_news_is_not_asked_without_end(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Telling, "_is_news", lambda *_: True)
    reader = desk.start(replica.address)
    reader.reported(5)
    before = len(replica.asked)
    time.sleep(0.5)
    assert 3 < len(replica.asked) - before < 15


def test_a_wave_of_news_is_heard_in_a_few_answers(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "EACH_S", 0.1)
    monkeypatch.setattr(reports, "HURRIED_S", 60)
    reader = desk.start(replica.address)
    until(lambda: len(replica.asked) > 1)
    before = len(replica.asked)
    for number in range(2, 202):
        replica.tell(document(number, "gw-0", generation=number))
        time.sleep(0.001)
    until(lambda: generation(reader) == 201)
    assert len(replica.asked) - before < 15


def test_it_ends_at_once_though_an_answer_is_waited_for(
    desk: Desk, replica: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LOOK_S", 60)
    reader = desk.start(replica.address)
    until(lambda: len(replica.asked) > 1)
    began = time.monotonic()
    reader.stop()
    assert time.monotonic() - began < 0.5


def test_of_each_change_it_is_said_what_was_known_before_though_several_are_heard_at_once(
    desk: Desk, replica: Telling
) -> None:
    others = [Telling(document(1, f"gw-{number}")) for number in range(1, 4)]
    reader = desk.start(replica.address, *(one.address for one in others))
    until(lambda: total(reader) == 4)
    for number in range(2, 6):
        for index, one in enumerate((replica, *others)):
            one.tell(document(number, f"gw-{index}", generation=number))
    until(lambda: len(desk.steps) > 4 and generation(reader) == 5)

    def loose_ends() -> tuple[int, int]:
        before, since = ([step[side] for step in tuple(desk.steps)] for side in (0, 1))
        return sum(one not in since for one in before), sum(one not in before for one in since)

    # Each goes on where another one ended, once all who have heard something have said so.
    until(lambda: loose_ends() == (1, 1))
    assert all(before != since for before, since in desk.steps)
    for one in others:
        one.die()
