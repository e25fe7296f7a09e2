"""Names as values of labels, which may be shorter than names."""

import re

import pytest

from modelfleet.fleet.labels import LONGEST, label_value


@pytest.mark.parametrize("name", ["m", "chat-small.v2", "a" * LONGEST])
def test_a_name_that_is_short_enough_is_its_own_label(name: str) -> None:
    assert label_value(name) == name


def test_a_longer_name_is_cut_and_told_from_others_that_begin_alike() -> None:
    one, two = label_value("a" * 100), label_value("a" * 101)
    assert one != two
    assert {len(one), len(two)} == {LONGEST}
    assert one.startswith("a" * 54 + "-")


@pytest.mark.parametrize("name", ["a" * 54 + "." + "b" * 30, "a." * 60 + "a", "a" * 53 + "-" + "b" * 40])
def test_wherever_a_name_is_cut_the_label_is_valid(name: str) -> None:
    assert re.fullmatch("[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?", label_value(name))
