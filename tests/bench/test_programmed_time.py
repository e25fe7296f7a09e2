"""From the apply of a sample, and of an edit, to the answer and to the status: when, and whose time it is."""

import os
from collections.abc import Iterator, Sequence

import pytest

from tests.bench.programmed import MODELS, POLICIES, QUIET_S, STAGES, measured
from tests.bench.report import Row, percentile, report
from tests.bench.sightings import RATE
from tests.testbed.binaries import Unavailable, binaries

ROUNDS = int(os.environ.get("MODELFLEET_BENCH_ROUNDS", "100"))

Moments = dict[str, float]


def test_the_time_from_an_apply_to_what_users_get() -> None:
    try:
        binaries()
    except Unavailable as reason:
        pytest.skip(str(reason))
    found = measured(ROUNDS)
    if found is None:
        pytest.skip("this machine allows no network of one's own, so that no pod can answer")
    rows = [row for scenario, rounds in found.items() for row in rows_of(scenario, rounds)]
    fleet = f"a fleet of {POLICIES} policies and {MODELS} models of a replica each"
    asked = f"{RATE} requests a second tell when the first right answer comes"
    notes = [
        f"{ROUNDS} rounds of each in turn, in {fleet}; {QUIET_S * 1000:.0f} ms without a word before each.",
        "Milliseconds since the apply began. The sample is a model and a policy, applied one right after the other.",
        f"Share: what passed after all that stands above it, of the time until the last moment. {asked}.",
        f"{os.cpu_count()} cores, which the control plane, its controllers and the simulated kubelets have, too.",
    ]
    report("programmed_time", rows, notes)


def rows_of(scenario: str, rounds: Sequence[Moments]) -> Iterator[Row]:
    """A row for each stage."""
    parts = [parts_of(scenario, one) for one in rounds]
    whole = sum(sum(one.values()) for one in parts)
    for stage in STAGES[scenario]:
        found = [1000 * one[stage] for one in rounds]
        share = 100 * sum(one[stage] for one in parts) / whole
        yield {
            "what": scenario,
            "moment": stage,
            "p50 ms": percentile(found, 0.5),
            "p99 ms": percentile(found, 0.99),
            "share, %": share,
        }


def parts_of(scenario: str, moments: Moments) -> Moments:
    """What each stage adds to all before it: nothing where it was over sooner."""
    parts, last = {}, 0.0
    for stage in STAGES[scenario]:
        parts[stage] = max(moments[stage] - last, 0.0)
        last = max(moments[stage], last)
    return parts
