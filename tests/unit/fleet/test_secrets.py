"""What is in Secrets: read as the API server reads it, and shown to nobody."""

import json
import logging
import traceback
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.readable import check_readable
from modelfleet.fleet.secrets import hidden_entries
from modelfleet.fleet.world import Hidden, World
from tests.support.documents import fleet, model
from tests.support.values import ODD

KEY = "sk-secret"
KEYS = Key("Secret", "default", "keys")
HOSTED = "{engine: null, external: {url: 'https://a.example.com', credentials: {secretRef: {name: keys, key: token}}}}"


def coded(text: str | bytes) -> str:
    return b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def entries(kind: str = "Secret", **parts: Any) -> dict[str, str]:
    return {name: hidden.text for name, hidden in hidden_entries({"kind": kind, **parts}).items()}


def test_a_hidden_text_shows_itself_to_nobody_who_only_prints_it() -> None:
    hidden = Hidden(KEY)
    world = World(secrets={KEYS: {"token": hidden}})
    shown = [str(hidden), repr(hidden), f"{hidden} {hidden!r} {world}", f"{[hidden]!s:>3}"]
    assert KEY not in "".join(shown)
    assert str(hidden) == "(hidden)"
    with pytest.raises(TypeError):
        json.dumps(hidden)


def test_neither_a_traceback_nor_a_log_line_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    hidden = Hidden(KEY)
    try:
        raise ValueError(hidden)
    except ValueError as error:
        told = "".join(traceback.format_exception(error))
    logging.getLogger().warning("%s", {"token": hidden})
    assert KEY not in told + caplog.text


def test_a_snapshot_shows_no_secret() -> None:
    snapshot = replace(fleet(model(HOSTED)), world=World(secrets={KEYS: {"token": Hidden(KEY)}}))
    assert KEY not in repr(snapshot)


def test_data_is_base64_and_string_data_is_not() -> None:
    assert entries(data={"a": coded("one")}, stringData={"b": "two"}) == {"a": "one", "b": "two"}


def test_string_data_wins() -> None:
    assert entries(data={"a": coded("old")}, stringData={"a": "new"}) == {"a": "new"}


def test_base64_may_be_folded_as_yaml_folds_it() -> None:
    text = "x" * 100
    folded = "\n  ".join((coded(text)[:60], coded(text)[60:]))
    assert entries(data={"a": folded}) == {"a": text}


@pytest.mark.parametrize(
    "value", ["not base64!", "é", "Y!Q==", "YQ", "YQ=", coded(b"\xff\xfe"), 7, None, ["YQ=="], {"a": "b"}, True]
)
def test_what_is_no_text_is_left_out_and_hides_nothing_beside_it(value: Any) -> None:
    assert entries(data={"odd": value, "good": coded("one")}) == {"good": "one"}


@pytest.mark.parametrize("value", [7, None, ["a"], True, b"a"])
def test_string_data_that_is_no_text_leaves_the_data_as_it_is(value: Any) -> None:
    assert entries(data={"a": coded("one")}, stringData={"a": value}) == {"a": "one"}


def test_a_config_map_is_plain_text() -> None:
    assert entries("ConfigMap", data={"a": "YQ=="}, binaryData={"b": "YQ=="}) == {"a": "YQ=="}


def test_entries_are_in_the_order_of_their_names() -> None:
    assert list(entries(stringData={"b": "1", "a": "2"}, data={"c": coded("3")})) == ["a", "b", "c"]


@given(ODD, ODD)
def test_no_part_of_a_document_makes_it_fail(data: Any, text: Any) -> None:
    assert all(isinstance(value, str) for value in entries(data=data, stringData=text).values())


def said(secret: dict[str, str] | None) -> list[str]:
    world = World(secrets={} if secret is None else {KEYS: {name: Hidden(text) for name, text in secret.items()}})
    findings = list(check_readable(replace(fleet(model(HOSTED)), world=world)))
    assert all((it.reason, it.condition) == (Reason.SECRET_NOT_FOUND, Condition.RESOLVED_REFS) for it in findings)
    assert all(it.path == ("spec", "external", "credentials", "secretRef", "key") for it in findings)
    return [it.message for it in findings]


@pytest.mark.parametrize("token", [KEY, f" {KEY}\n", "a b", "~!@#$%^&*()"])
def test_a_key_that_can_travel_in_a_header_is_nobody_s_mistake(token: str) -> None:
    assert said({"token": token}) == []


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "is not there, or is no text"),
        ({}, "is not there, or is no text"),
        ({"other": KEY}, "is not there, or is no text"),
        ({"token": ""}, "is empty"),
        ({"token": " \n\t"}, "is empty"),
        ({"token": f"{KEY}\nx-other: 1"}, "has letters that no header may have"),
        ({"token": f"{KEY}\0"}, "has letters that no header may have"),
        ({"token": f"{KEY}\x7f"}, "has letters that no header may have"),
        ({"token": f"{KEY}\u00e9"}, "has letters that no header may have"),
    ],
)
def test_a_key_that_cannot_is_told_with_the_remedy_and_without_the_key(
    secret: dict[str, str] | None, words: str
) -> None:
    (message,) = said(secret)
    assert message.startswith('entry "token" of Secret default/keys ')
    assert words in message
    assert KEY not in message


def test_a_model_that_needs_no_key_is_not_asked_for_one() -> None:
    passing = "{engine: null, external: {url: 'https://a.example.com', credentials: {passThrough: true}}}"
    assert list(check_readable(fleet(model(), model(passing, name="n")))) == []
