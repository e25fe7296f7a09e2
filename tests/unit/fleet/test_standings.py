"""How classes stand with a model, read from its own status."""

from typing import Any

from hypothesis import given

from modelfleet.fleet.standings import Standing, parse_standings
from tests.support.values import ODD


def test_a_standing_is_a_reason_and_the_time_at_which_it_came_to_be() -> None:
    one = {"name": "gpu", "chosen": False, "reason": "Full", "message": "no", "since": "1970-01-01T00:01:00Z"}
    assert parse_standings({"classes": [one]}) == {"gpu": Standing("Full", 60.0, "no")}


def test_what_nobody_says_is_empty() -> None:
    assert parse_standings({"classes": [{"name": "gpu"}, {"reason": "Full"}]}) == {"gpu": Standing("", 0.0)}
    assert parse_standings(None) == parse_standings({}) == {}


@given(ODD)
def test_no_status_is_odd_enough_to_raise(value: Any) -> None:
    parse_standings(value)
    parse_standings({"classes": value})
    parse_standings({"classes": [{"name": "gpu", "reason": value, "since": value, "message": value}]})
