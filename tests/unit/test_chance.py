"""Chance of our own: who gives Python's a seed gets the same numbers, whatever threads of ours draw meanwhile."""

import random

from modelfleet.kube.backoff import Backoff
from modelfleet.local.children import Clock


def test_our_draws_change_nothing_for_who_draws_from_pythons_own() -> None:
    before = random.getstate()
    Backoff().next()
    Clock().chance()
    assert random.getstate() == before
