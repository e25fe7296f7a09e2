"""A run is compared with the reference around it, and with no other."""

import random

import pytest

from tests.bench.rounds import added, ordered, ratio, turns


def test_a_reference_stands_before_every_few_targets_and_at_the_end() -> None:
    order = ordered(["a", "b", "c", "d", "e"], ["plain"], 2, random.Random(1))
    assert [at for at, name in enumerate(order) if name == "plain"] == [0, 3, 6, 8]
    assert sorted(name for name in order if name != "plain") == ["a", "b", "c", "d", "e"]


def test_rounds_differ_in_their_order_and_a_seed_repeats_them() -> None:
    targets = list("abcdefgh")
    rng = random.Random(1)
    first, second = (ordered(targets, ["plain"], 3, rng) for _ in range(2))
    assert first != second
    assert ordered(targets, ["plain"], 3, random.Random(1)) == first


def test_each_run_is_compared_with_the_nearest_reference_on_either_side() -> None:
    runs = [("plain", 1.0), ("a", 3.0), ("b", 8.0), ("plain", 2.0), ("c", 12.0), ("plain", 4.0)]
    ratios = {
        turn.name: ratio(turn.found, turn.before["plain"], turn.after["plain"]) for turn in turns(runs, ["plain"])
    }
    assert ratios == {"a": 3.0 / 1.5, "b": 8.0 / 1.5, "c": 12.0 / 3.0}


def test_what_is_added_is_the_difference_to_the_mean_of_both_sides() -> None:
    assert added(10.0, 2.0, 4.0) == 7.0


def test_a_run_without_a_reference_on_one_side_is_an_error_and_no_figure() -> None:
    with pytest.raises(ValueError, match="no run of plain"):
        list(turns([("plain", 1.0), ("a", 2.0)], ["plain"]))
