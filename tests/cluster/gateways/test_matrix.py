"""Whatever is down: gateways answer, edits count as soon as anybody can hear of them, and all of it heals by itself."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from tests.cluster.conftest import REPORT, need_pods_that_answer
from tests.cluster.gateways.engines import Engines
from tests.cluster.gateways.fleet import Fleet, seconds_until
from tests.cluster.gateways.matrix import (
    AT_ONCE_S,
    GATEWAYS,
    RECOVERED_S,
    SETTLED_S,
    Expected,
    Part,
    Row,
    Stage,
    expected,
    rows,
)
from tests.cluster.gateways.watching import Traffic, Witness, is_true
from tests.sizes import SOAK, scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed
from tests.testbed.faults import FaultProxy

HOLD_S = scale(1, 5)
"""How long traffic goes on as it is in each stage, before anything is tried."""
IN_VAIN_S = 1.0
"""How long it is looked at that something does not happen."""
NOTHING: Stage = frozenset()


@pytest.fixture(scope="module")
def lasting(bed: Bed) -> Iterator[tuple[Fleet, Engines]]:
    """What all rows hurt, one after the other."""
    need_pods_that_answer(bed)
    with Engines() as engines, FaultProxy(bed) as proxy, Fleet(bed, proxy) as fleet:
        yield fleet, engines


@pytest.fixture
def shared(lasting: tuple[Fleet, Engines]) -> Iterator[tuple[Fleet, Engines]]:
    """The same, whole again after each row, also after one that failed."""
    yield lasting
    lasting[0].repair()


@pytest.mark.parametrize("row", rows(all_pairs=SOAK), ids=str)
def test_whatever_is_down_nothing_is_lost_nothing_is_untrue_and_all_of_it_heals(
    row: Row,
    shared: tuple[Fleet, Engines],
    evidence: Callable[..., None],
    request: pytest.FixtureRequest,
) -> None:
    fleet, engines = shared
    since = fleet.told("plain")["lastTransitionTime"]
    with Witness(fleet) as witness, Traffic(fleet) as traffic:
        trial = Trial(fleet, traffic)
        time.sleep(HOLD_S)
        for before, stage in pairwise((NOTHING, *row.stages)):
            trial.enter(before, stage)
            trial.look(row, engines)
        trial.recover(row.stages[-1])
    answered = traffic.assert_none_lost()
    assert not witness.lies
    if trial.steady:
        assert fleet.told("plain")["lastTransitionTime"] == since, "a status changed of which nothing had changed"
    figures = {name: round(seconds, 1) for name, seconds in trial.figures.items()}
    evidence(answered=answered, lost=0, checks=witness.checks, **figures)
    said = ", ".join(f"{name.replace('_', ' ')} {seconds}" for name, seconds in figures.items())
    request.config.stash.setdefault(REPORT, []).append(f"{row}: {answered:,} answered, 0 lost, {said}")


class Trial:
    """One row: what is done in each stage, and how long what heals takes to."""

    def __init__(self, fleet: Fleet, traffic: Traffic) -> None:
        self.figures: dict[str, float] = {}
        """Seconds, by what took them."""
        self.steady = True
        """Whether the status of a policy that was not edited had nothing to tell so far."""
        self._fleet = fleet
        self._traffic = traffic
        self._expected = expected(NOTHING)
        self._in_force = {gateway: fleet.edit_at(gateway) for gateway in GATEWAYS}

    def enter(self, before: Stage, stage: Stage) -> None:
        """Takes down what goes, and brings back what comes."""
        fleet, parts = self._fleet, {down.part for down in stage}
        if Part.GATEWAY in parts:
            for gateway in GATEWAYS:
                self._traffic.goes(gateway)
        came, has_store = before - stage, not parts & {Part.ETCD, Part.API}
        fleet.take(stage - before)
        fleet.bring_back(came)
        cold = not has_store and any(down.part is Part.XDS for down in came)
        self._expected = expected(stage, cold=cold)
        self.steady &= self._expected.steady
        self._welcome(self._expected, self._expected.within_s)

    def look(self, row: Row, engines: Engines) -> None:
        """What goes on and what does not."""
        wanted = self._expected
        time.sleep(HOLD_S)
        if row.falls:
            self._fall(engines)
        if wanted.takes_edits:
            self._edit(wanted)
        else:
            assert not self._fleet.edit(), "an edit was taken by an API server that is down"
        if row.waits and wanted.told:
            self._wait_for_truth(wanted)
        for gateway in GATEWAYS:
            if gateway not in self._traffic.silent:
                self._restart(gateway, serves=gateway in wanted.restarted)

    def recover(self, last: Stage) -> None:
        """Brings all back, and measures how soon it is as before."""
        fleet = self._fleet
        fleet.bring_back(last)
        began = time.monotonic()
        self._welcome(expected(NOTHING), max(RECOVERED_S, self._expected.within_s))
        wait_for("an edit to be taken", fleet.edit, RECOVERED_S)
        for gateway in GATEWAYS:
            wait_for(f"{gateway} to have the edit", lambda it=gateway: self._has(it), RECOVERED_S)
        self.figures["edit_s"] = time.monotonic() - began
        for name in ("edited", "plain", "ladder"):
            fleet.is_programmed(name, fleet.namespace, SETTLED_S)
        self.figures["programmed_s"] = time.monotonic() - began

    def _edit(self, wanted: Expected) -> None:
        fleet = self._fleet
        assert fleet.edit(), "an edit was not taken by an API server that is up"
        for gateway in wanted.followed_by - self._traffic.silent:
            took = seconds_until(f"{gateway} to have the edit", lambda it=gateway: self._has(it), wanted.within_s)
            self._note("edit_meanwhile_s", took)
            self._in_force[gateway] = fleet.taken
        if wanted.followed_by == {*GATEWAYS}:
            if wanted.told:
                fleet.is_programmed("edited", fleet.namespace, AT_ONCE_S)
            return
        time.sleep(IN_VAIN_S)
        assert not is_true(fleet.seen("edited"))
        for gateway in {*GATEWAYS} - wanted.followed_by - self._traffic.silent:
            assert fleet.edit_at(gateway) == self._in_force[gateway]

    def _wait_for_truth(self, wanted: Expected) -> None:
        fleet = self._fleet
        self.figures["told_s"] = seconds_until(
            "a status to tell that gateways are not reached",
            lambda: fleet.told("plain")["status"] != "True",
            wanted.told_within_s,
        )

    def _fall(self, engines: Engines) -> None:
        """Replicas die, and nobody can tell the gateways."""
        dead = [addresses[0] for addresses in self._fleet.replicas.values()]
        for address in dead:
            engines.goes(address)
        time.sleep(HOLD_S)
        for gateway in {*GATEWAYS} - self._traffic.silent:
            fallen = self._fleet.ask("ladder", gateway)
            found = [fallen.header_values(f"x-modelfleet-{name}") for name in ("model", "tier", "rung")]
            assert found == [["small"], ["next"], ["1"]], found
        for address in dead:
            engines.comes(address)

    def _restart(self, gateway: str, *, serves: bool) -> None:
        envoy = self._fleet.envoy(gateway)
        self._traffic.goes(gateway)
        envoy.kill()
        envoy.start()
        if serves:
            self._serves(gateway, self._expected.within_s)
            return
        time.sleep(IN_VAIN_S)
        assert envoy.is_running()
        assert not self._fleet.edit_at(gateway), f"{gateway} serves what nobody can have told it"

    def _welcome(self, wanted: Expected, within_s: float) -> None:
        for gateway in self._traffic.silent & wanted.restarted:
            self._serves(gateway, within_s)

    def _serves(self, gateway: str, within_s: float) -> None:
        self._note(f"{gateway}_s", seconds_until(f"{gateway} to serve", lambda: self._fleet.edit_at(gateway), within_s))
        self._traffic.comes(gateway)
        assert self._fleet.edit_at(gateway) >= self._in_force[gateway], f"{gateway} came back with less than it had"

    def _note(self, name: str, seconds: float) -> None:
        self.figures[name] = max(seconds, self.figures.get(name, 0.0))

    def _has(self, gateway: str) -> bool:
        return self._fleet.edit_at(gateway) == self._fleet.taken
