"""Fleets that mean harm, or that a slip has broken: a real Envoy takes what becomes of them and serves all who may."""

import json
from collections.abc import Callable

import pytest

from tests.dataplane.hostile.trial import Case, Trial, of_documents
from tests.sizes import scale
from tests.support.hostile.fleets import made
from tests.support.hostile.seeds import seed
from tests.support.hostile.shrink import shrunk

SIZE = scale(60, 5_000)
AT_ONCE = 10
RESTARTS_AFTER = 500
"""What Envoy keeps of statistics for all names that it ever heard of would else be most of its memory."""
SHOWN = 3
ENOUGH = 10
"""So many that go wrong are no matter of single fleets: nobody has to wait for the others."""


def test_hostile_fleets_are_compiled_taken_and_served(
    evidence: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Names move between hosts with nearly every fleet, and nobody has begun to ask for them before.
    monkeypatch.setattr("modelfleet.xds.stream.MOVES_S", 0.0)
    chosen, wrong = seed(), list[Case]()
    with Trial() as trial:
        for first in range(0, SIZE, AT_ONCE):
            if first and first % RESTARTS_AFTER == 0:
                trial.restart()
            names = (f"{chosen}-{number}" for number in range(first, min(first + AT_ONCE, SIZE)))
            wrong += [case for case in trial.run(map(made, names)) if case.faults]
            if len(wrong) >= ENOUGH:
                break
        told = [explained(trial, case, shrink=len(wrong) < ENOUGH) for case in wrong[:SHOWN]]
        unreadable = trial.unreadable_records()
    assert not wrong, f"{len(wrong)} of {SIZE}, of which the first are\n" + "\n".join(told)
    assert not unreadable, unreadable
    assert trial.counts["records"] == trial.counts["requests"]
    evidence(seed=chosen, **trial.counts)


def explained(trial: Trial, case: Case, *, shrink: bool) -> str:
    """What is wrong with a fleet, and the smallest part of it with which the same goes wrong."""
    sort = case.faults[0][:12]

    def fails(documents: list[object]) -> bool:
        return any(fault.startswith(sort) for fault in trial.faults(of_documents(case.fleet, documents)))

    lines = [f"{case.fleet.name}, {case.fleet.damage}", *(f"  {fault}" for fault in case.faults[:SHOWN])]
    # What only a whole fleet can tell, such as who is unharmed by its damage, cannot be shrunk.
    shrinks = shrink and fails(case.fleet.documents)
    smallest = shrunk(case.fleet.documents, fails, budget=200) if shrinks else []
    return "\n".join([*lines, *(f"  {json.dumps(raw)[:2000]}" for raw in smallest)])
