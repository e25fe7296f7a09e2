"""What a soak makes of the events of its tests: counts, failures, what runs, and how long it will take."""

from typing import Any

import pytest

from tests.soak.tally import Past, Tally, learned, remaining

WIDTHS = {"side": 2, "alone": 1}


def heard(*events: tuple[str, dict[str, Any]]) -> Tally:
    tally = Tally(["side", "alone"])
    tally.hear("side", {"event": "planned", "tests": ["a", "b", "c", "d"]})
    tally.hear("alone", {"event": "planned", "tests": ["e"]})
    for name, event in events:
        tally.hear("side", {"event": name, **event})
    return tally


def began(test: str, at: float) -> tuple[str, dict[str, Any]]:
    return "began", {"test": test, "at": at}


def part(test: str, seconds: float, outcome: str = "passed", words: str = "") -> tuple[str, dict[str, Any]]:
    return "report", {"test": test, "seconds": seconds, "outcome": outcome, "words": words, "figures": {}}


def over(test: str) -> tuple[str, dict[str, Any]]:
    return "over", {"test": test}


def test_a_test_is_done_when_it_is_over_and_took_what_its_parts_took() -> None:
    tally = heard(began("a", 10), part("a", 1), part("a", 2.5), began("b", 11))
    assert (tally.done, tally.total) == (0, 5)
    assert [test.name for test in tally.running] == ["a", "b"]
    tally.hear("side", {"event": "over", "test": "a"})
    assert (tally.done, [test.name for test in tally.running]) == (1, ["b"])
    assert tally.of("side")[0].seconds == 3.5


def test_one_part_that_fails_fails_the_test_whatever_the_others_say() -> None:
    tally = heard(part("a", 1, "failed", "no"), part("a", 0, "skipped", "why"), part("a", 0), over("a"))
    assert (tally.of("side")[0].outcome, tally.of("side")[0].words) == ("failed", "no")
    assert [failure.name for failure in tally.failures] == ["a"]


def test_a_file_that_cannot_be_read_is_a_failure_and_no_test() -> None:
    tally = heard(("report", {"test": "broken.py", "outcome": "failed", "words": "SyntaxError"}))
    assert (tally.total, [failure.name for failure in tally.failures]) == (5, ["broken.py"])


def test_without_anything_to_go_by_nobody_knows_how_long_it_takes() -> None:
    assert remaining(heard(began("a", 0)), Past(), WIDTHS, 5) is None


def test_without_a_past_a_test_is_expected_to_take_what_others_took() -> None:
    tally = heard(part("a", 4), over("a"), part("b", 2), over("b"), began("c", 10))
    # c has 2 of 3 seconds to go and d has 3, two at a time; then e has 3, alone.
    assert remaining(tally, Past(), WIDTHS, 11) == pytest.approx((2 + 3) / 2 + 3)


def test_with_a_past_each_test_is_expected_to_take_what_it_took() -> None:
    past = Past({"a": 8, "b": 8, "c": 20, "d": 1, "e": 100}, {"side": 1.5})
    tally = heard(part("a", 8), over("a"), began("b", 8), began("c", 5))
    # b has 6 of its 8 seconds to go and c 15 of 20.
    assert remaining(tally, past, WIDTHS, 10) == pytest.approx((6 + 15 + 1) / 1.5 + 100)


def test_a_phase_that_is_over_takes_no_more() -> None:
    tally = heard(part("a", 4), over("a"))
    tally.walls["side"] = 4.0
    assert remaining(tally, Past(), WIDTHS, 10) == 4


def test_what_a_run_took_is_known_to_the_next() -> None:
    tally = heard(part("a", 6), over("a"), part("b", 3), over("b"), began("c", 0))
    tally.walls["side"] = 5.0
    past = Past({"c": 7, "a": 1}, {"side": 1.0, "alone": 1.0})
    assert learned(tally, past, widths=True) == Past({"c": 7, "a": 6, "b": 3}, {"side": 1.8, "alone": 1.0})
    assert learned(tally, past, widths=False).width == past.width
