"""Times of the API as seconds and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.fleet.times import seconds, stamp

LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


@given(st.integers(0, LAST))
def test_a_time_is_written_and_read_as_everybody_does(moment: int) -> None:
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    assert stamp(moment) == text
    assert seconds(text) == moment


def test_parts_of_a_second_are_read_and_not_written() -> None:
    assert seconds("1970-01-01T00:01:00.250000Z") == 60.25
    assert stamp(60.75) == "1970-01-01T00:01:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T00:00:00+02:00", "٢" * 20],
)
def test_what_is_no_time_in_utc_is_no_time(text: str) -> None:
    assert seconds(text) == 0.0


@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z?", fullmatch=True))
def test_no_text_is_odd_enough_to_raise(text: str) -> None:
    assert seconds(text) >= 0.0
