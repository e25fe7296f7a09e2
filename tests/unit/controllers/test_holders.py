"""Secrets and ConfigMaps read one by one: what is new at once, what fails changes nothing, nobody waits for long."""

import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from modelfleet.controllers import holders
from modelfleet.controllers.holders import HolderReader
from modelfleet.findings import Key
from modelfleet.fleet.snapshot import entries_of
from modelfleet.kube.errors import Forbidden, KubeError, NotFound, ServerError
from modelfleet.telemetry import WatcherTelemetry
from tests.unit.controllers.telling import SOON, until

A, B, MAP = Key("Secret", "x", "a"), Key("Secret", "x", "b"), Key("ConfigMap", "x", "a")
Answer = dict[str, Any] | KubeError | Event


def secret(**entries: str) -> dict[str, Any]:
    data = {name: b64encode(text.encode()).decode() for name, text in entries.items()}
    return {"apiVersion": "v1", "kind": "Secret", "data": data}


class Getter:
    """An API server with an answer for each path; an Event is one that does not come before it is set."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()

    def put(self, key: Key, answer: Answer) -> None:
        self.answers[f"/api/v1/namespaces/{key.namespace}/{key.kind.lower()}s/{key.name}"] = answer

    def request(self, method: str, path: str, *, timeout: float) -> dict[str, Any]:
        assert (method, timeout) == ("GET", holders.TIMEOUT_S)
        self.asked[path] += 1
        answer = self.answers.get(path, NotFound("no", status=404, reason="NotFound"))
        if isinstance(answer, Event):
            answer.wait(SOON)
            answer = secret(token="late")
        if isinstance(answer, KubeError):
            raise answer
        return answer

    def rounds(self, number: int = 2) -> None:
        """Waits until everything that is asked for has been asked for so often again."""
        before = self.asked.copy()
        until(lambda: all(self.asked[path] >= before[path] + number for path in before))


@pytest.fixture
def getter(monkeypatch: pytest.MonkeyPatch) -> Getter:
    monkeypatch.setattr(holders, "EVERY_S", 0.02)
    return Getter()


@pytest.fixture
def changes() -> list[None]:
    return []


@pytest.fixture
def reader(getter: Getter, changes: list[None]) -> Iterator[HolderReader]:
    made = HolderReader(getter, (), WatcherTelemetry(), lambda: changes.append(None))
    made.start()
    yield made
    made.stop()


def known(reader: HolderReader, *keys: Key) -> tuple[dict[str, str], set[str], set[str], set[str]]:
    """The tokens that are known by the names of their holders, and who is absent, forbidden, unread."""
    found = reader.read(frozenset(keys), SOON)
    tokens = {key.name: entries["token"].text for key, entries in found.entries.items() if "token" in entries}
    return tokens, *({key.name for key in part} for part in (found.absent, found.forbidden, found.unread))  # type: ignore[return-value]


def test_what_is_asked_for_is_known_when_the_answer_comes(getter: Getter, reader: HolderReader) -> None:
    getter.put(A, secret(token="one"))
    getter.put(MAP, {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "plain"}, "binaryData": {"b": "eA=="}})
    found = reader.read(frozenset({A, B, MAP}), SOON)
    assert found.entries[A]["token"].text == "one"
    assert found.names == {A: {"token"}, MAP: {"a", "b"}}
    assert found.absent == {B}
    assert {**found.forbidden, **found.unread} == {}


def test_an_entry_that_is_no_text_is_there_by_its_name_alone(getter: Getter, reader: HolderReader) -> None:
    getter.put(A, {"apiVersion": "v1", "kind": "Secret", "data": {"token": b64encode(b"\xff").decode()}})
    found = reader.read(frozenset({A}), SOON)
    assert found.names[A] == {"token"}
    assert not found.entries[A]


def test_what_is_replaced_or_deleted_is_noticed_and_told(
    getter: Getter, reader: HolderReader, changes: list[None]
) -> None:
    getter.put(A, secret(token="one"))
    assert known(reader, A)[0] == {"a": "one"}
    getter.rounds()
    before = len(changes)
    getter.rounds()
    assert len(changes) == before  # the same again is no news
    getter.put(A, secret(token="two"))
    until(lambda: len(changes) > before)
    assert known(reader, A)[0] == {"a": "two"}
    getter.put(A, NotFound("gone", status=404))
    until(lambda: known(reader, A) == ({}, {"a"}, set(), set()))


@pytest.mark.parametrize("failure", [ServerError("no", status=500), Forbidden("no", status=403), {"kind": "Pod"}])
def test_an_answer_that_does_not_come_takes_nothing_away(
    getter: Getter, reader: HolderReader, changes: list[None], failure: Answer
) -> None:
    getter.put(A, secret(token="one"))
    getter.put(B, secret())
    before = reader.read(frozenset({A, B}), SOON)
    getter.rounds()
    told = len(changes)
    for key in (A, B):
        getter.put(key, failure)
    getter.rounds()
    assert reader.read(frozenset({A, B}), SOON) == before
    assert len(changes) == told


def test_a_failure_leaves_what_is_absent_absent_and_what_is_forbidden_forbidden(
    getter: Getter, reader: HolderReader
) -> None:
    getter.put(B, Forbidden("no", status=403))
    assert known(reader, A, B) == ({}, {"a"}, {"b"}, set())
    for key in (A, B):
        getter.put(key, ServerError("no", status=500))
    getter.rounds()
    assert known(reader, A, B) == ({}, {"a"}, {"b"}, set())


def test_what_could_never_be_read_is_unread_and_keeps_its_first_reason(getter: Getter, reader: HolderReader) -> None:
    getter.put(A, ServerError("first", status=500))
    assert reader.read(frozenset({A}), SOON).unread == {A: "500 : first"}
    getter.put(A, ServerError("second", status=500))
    getter.rounds()
    assert reader.read(frozenset({A}), SOON).unread == {A: "500 : first"}
    getter.put(A, secret(token="one"))
    until(lambda: known(reader, A)[0] == {"a": "one"})


def test_who_asks_waits_for_what_is_new_no_longer_than_it_wants(getter: Getter, reader: HolderReader) -> None:
    late = Event()
    getter.put(A, late)
    began = time.monotonic()
    assert reader.read(frozenset({A}), 0.1).unread == {A: "it has not been read yet"}
    assert time.monotonic() - began < SOON / 2
    late.set()
    until(lambda: known(reader, A)[0] == {"a": "late"})


def test_what_is_referred_to_no_more_is_forgotten_and_not_asked_for(getter: Getter, reader: HolderReader) -> None:
    getter.put(A, secret(token="one"))
    getter.put(B, secret(token="two"))
    known(reader, A, B)
    assert known(reader, B)[0].keys() >= {"b"}
    until(lambda: known(reader, B)[0] == {"b": "two"})
    (path,) = [path for path in getter.asked if path.endswith("/a")]
    asked = getter.asked[path]
    getter.asked.clear()
    known(reader, B)
    getter.rounds()
    assert asked
    assert getter.asked[path] == 0


def test_a_namespace_that_is_not_allowed_is_never_asked_and_config_maps_are_read_everywhere(getter: Getter) -> None:
    getter.put(A, secret(token="one"))
    reader = HolderReader(getter, ("other",), WatcherTelemetry(), lambda: None)
    reader.start()
    try:
        found = reader.read(frozenset({A, MAP}), SOON)
    finally:
        reader.stop()
    assert found.forbidden == {A: 'the operator reads no Secrets in namespace "x"'}
    assert found.absent == {MAP}
    assert {path.split("/")[-2] for path in getter.asked} == {"configmaps"}


def test_one_that_nobody_foresaw_costs_itself_only_and_is_read_when_it_is_mended(
    getter: Getter, reader: HolderReader, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = secret(odd="it")
    monkeypatch.setattr(holders, "entries_of", lambda raw: 1 // 0 if raw is odd else entries_of(raw))
    getter.put(A, odd)
    getter.put(B, secret(token="two"))
    assert known(reader, A, B) == ({"b": "two"}, set(), set(), {"a"})
    assert "Secret x/a was not read by a mistake of ours" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    getter.put(A, secret(token="one"))
    until(lambda: known(reader, A, B)[0] == {"a": "one", "b": "two"})
    getter.put(A, odd)
    getter.rounds()
    assert known(reader, A, B)[0] == {"a": "one", "b": "two"}


def test_a_round_that_fails_is_not_the_last_and_the_next_one_waits(
    getter: Getter, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []

    def fail() -> None:
        tries.append(time.monotonic())
        raise RuntimeError("a bug of whoever is told")

    getter.put(A, secret(token="one"))
    reader = HolderReader(getter, (), WatcherTelemetry(), fail)
    reader.start()
    try:
        assert known(reader, A)[0] == {"a": "one"}
        until(lambda: bool(tries))
        getter.put(A, secret(token="two"))
        until(lambda: known(reader, A)[0] == {"a": "two"})
        until(lambda: len(tries) == 2)
        assert tries[1] - tries[0] >= holders.EVERY_S
    finally:
        reader.stop()
    assert "Secrets and ConfigMaps were not read by a mistake of ours" in caplog.text
