"""Every answer has its error, and nothing that a server says can make the error itself fail."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.kube import errors
from modelfleet.kube.errors import error_of, retry_after

TODAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
"""Of a server whose clock is years off ours."""
DATE = {"Date": format_datetime(TODAY, usegmt=True)}


def status(**more: Any) -> bytes:
    return json.dumps({"kind": "Status", "apiVersion": "v1"} | more).encode()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, errors.ClientError),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.ClientError),
        (409, errors.Conflict),
        (410, errors.Gone),
        (422, errors.Unprocessable),
        (429, errors.TooManyRequests),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
        (302, errors.Unreachable),
    ],
)
def test_a_status_has_its_own_kind_of_error(code: int, kind: type[errors.KubeError]) -> None:
    error = error_of(code, b"", {})
    assert type(error) is kind
    assert error.status == code
    assert isinstance(error, errors.KubeError)


def test_an_error_says_the_servers_reason_and_words() -> None:
    error = error_of(403, status(reason="Forbidden", message='exceeded quota: "small"'), {})
    assert (error.reason, error.message) == ("Forbidden", 'exceeded quota: "small"')
    assert str(error) == '403 Forbidden: exceeded quota: "small"'


def test_the_error_of_a_watch_is_read_from_the_object_it_came_as() -> None:
    error = error_of(410, {"kind": "Status", "reason": "Expired", "message": "too old"}, {})
    assert isinstance(error, errors.Gone)
    assert error.message == "too old"


def test_an_error_page_of_a_proxy_is_cut_and_put_on_one_line() -> None:
    error = error_of(502, b"<html>\n<b>\x1b[31mBad</b>" + b"x" * 10_000, {})
    assert error.message.startswith("<html> <b>\\x1b[31mBad</b>x")
    assert len(error.message) == 200
    assert error.reason == "Bad Gateway"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0.5", 0.5),
        ("0", 0),
        ("86400", 60),
        ("9" * 5000, 60),
        (format_datetime(TODAY + timedelta(seconds=20), usegmt=True), 20),
        (format_datetime(TODAY + timedelta(days=1), usegmt=True), 60),
        (format_datetime(TODAY - timedelta(days=1), usegmt=True), 0),
        ("Tue, 06 May 2031 07:08:29 -0000", 20),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("Tue, 99 May 99999 07:08:29 GMT", None),
        ("", None),
    ],
)
def test_a_wish_to_be_asked_later_is_understood_and_capped(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header} | DATE) == seconds


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ({"retryAfterSeconds": 3}, 3),
        ({"retryAfterSeconds": 86400}, 60),
        ({"retryAfterSeconds": 10**400}, 60),
        ({"retryAfterSeconds": -1}, None),
        ({"retryAfterSeconds": float("nan")}, None),
        ({"retryAfterSeconds": "3"}, None),
        ({}, None),
        ("3", None),
        (None, None),
    ],
)
def test_a_wish_may_stand_in_the_body_instead(details: object, seconds: float | None) -> None:
    assert retry_after({}, details) == seconds


def test_the_header_comes_before_the_body() -> None:
    error = error_of(429, status(details={"retryAfterSeconds": 9}), {"Retry-After": "4"})
    assert error.retry_after == 4


def test_a_date_is_measured_by_our_clock_where_the_server_tells_no_time() -> None:
    found = retry_after({"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)})
    assert found is not None
    assert 20 < found <= 30


@given(st.text(), st.text(), st.recursive(st.none() | st.floats() | st.integers(), st.lists))
def test_no_wish_raises_or_leaves_its_bounds(header: str, date: str, wish: object) -> None:
    found = retry_after({"Retry-After": header, "Date": date}, {"retryAfterSeconds": wish})
    assert found is None or 0 <= found <= 60


@given(st.integers(0, 1000), st.binary() | st.text())
def test_no_body_makes_an_error_fail(code: int, body: bytes | str) -> None:
    assert str(error_of(code, body, {})).isprintable()


def test_a_body_nested_without_end_is_words_like_others() -> None:
    assert error_of(500, b"[" * 100_000, {}).message.startswith("[[[")
