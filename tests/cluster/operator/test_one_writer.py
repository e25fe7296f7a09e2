"""Two operators, of which one writes: whatever befalls the one that does, or the Lease, there are never two.

Each story is lived through by a pair of its own, all pairs at once: what most of them wait for is the Lease's end.
"""

import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from itertools import takewhile
from typing import Any

import pytest

from tests.cluster.operator.objects import hosted, make, routed, wait_for_condition
from tests.cluster.operator.process import PROGRAM, Operator
from tests.cluster.operator.writers import TAKEN, churn, on_objects, trespasses
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Delay, FaultProxy, Freeze, Rule, Status, Write

LEASE_S, HOLD_S, RENEWAL_S = 15.0, 10.0, 2.0
ENDS_S = scale(9, 3)  # with a process of its own for each story, and another run beside it, in the usual run
MODELS = tuple(f"m{number}" for number in range(5))
TURNS, FROZEN_PAIRS = scale(2, 20), scale(1, 5)
HOUR = 3600.0
ELSEWHERE = """
import sys, time, datetime
offset = float(sys.argv.pop(1))
true_time, true_datetime = time.time, datetime.datetime
class Skewed(true_datetime):
    @classmethod
    def now(cls, tz=None):
        return true_datetime.now(tz) + datetime.timedelta(seconds=offset)
time.time, datetime.datetime = lambda: true_time() + offset, Skewed
from modelfleet.cli.main import main
sys.argv[0] = "modelfleet"
main()
"""
"""The program on a machine whose wall clock is wrong. Monotonic time is right everywhere."""

Figures = dict[str, object]


class Pair:
    """Two operators of one namespace, whose Lease is there, too. The first one leads at the beginning."""

    def __init__(self, bed: Bed, proxy: FaultProxy, name: str) -> None:
        self.bed, self.proxy, self.api = bed, proxy, bed.client()
        self.namespace = f"pair-{name}-{uuid.uuid4().hex[:6]}"
        self.lease = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/modelfleet-operator"
        self.leader, self.standby = (
            Operator(proxy, f"{name}-{n}", f"--namespace={self.namespace}") for n in ("one", "two")
        )
        for operator in self.both:
            told = json.loads(operator.kubeconfig.read_text())
            told["contexts"][0]["context"]["namespace"] = self.namespace
            operator.kubeconfig.write_text(json.dumps(told))
        expect(self.api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}}), HTTPStatus.CREATED)
        make(self.api, *(hosted(model, self.namespace) for model in MODELS))

    @property
    def both(self) -> tuple[Operator, Operator]:
        return self.leader, self.standby

    @property
    def clients(self) -> tuple[str, str]:
        return self.leader.client, self.standby.client

    def end(self) -> None:
        for operator in self.both:
            operator.kill()
        self.api.delete(f"/api/v1/namespaces/{self.namespace}")
        self.api.close()

    def writes(self, operator: Operator, since: float = 0.0) -> list[Write]:
        """What it wrote on objects since then."""
        recent = takewhile(lambda write: write.at > since, reversed(self.proxy.writes))
        return on_objects(recent, operator.client)[::-1]

    def first_write(self, operator: Operator, since: float, patience: float = 25) -> float:
        """Seconds until it wrote on an object."""
        try:
            wait_for(f"{operator.client} to write", lambda: self.writes(operator, since), patience, pause=0.2)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the Lease: {self.held()}; it says:\n{operator.last_words()}") from error
        return self.writes(operator, since)[0].at - since

    def held(self) -> dict[str, Any]:
        """What the Lease says."""
        found: dict[str, Any] = expect(self.api.get(self.lease), HTTPStatus.OK)["spec"]
        return found

    def edit_lease(self, holder: str) -> float:
        """Somebody writes a name into it, by hand. When that was."""
        expect(self.api.merge(self.lease, {"spec": {"holderIdentity": holder}}), HTTPStatus.OK)
        return time.monotonic()

    def swap(self) -> None:
        self.leader, self.standby = self.standby, self.leader


def identity(operator: Operator) -> str:
    """How it calls itself in a Lease."""
    found = re.search(r", operator (\S+), of ", operator.log_text())
    assert found
    return found[1]


def the_leader_is_killed(pair: Pair) -> Figures:
    pair.leader.kill()
    seconds = pair.first_write(pair.standby, time.monotonic())
    assert seconds < 20
    return {"seconds until the standby wrote": round(seconds, 1)}


def the_leader_is_asked_to_end(pair: Pair, within: float = ENDS_S) -> Figures:
    asked = time.monotonic()
    pair.leader.stop()
    ended = time.monotonic()
    assert ended - asked < within
    released = [write for write in pair.proxy.writes if write.client == pair.leader.client][-1]
    assert released.body["spec"]["holderIdentity"] == ""
    seconds = pair.first_write(pair.standby, released.at)
    assert seconds < 4
    return {"seconds to end": round(ended - asked, 1), "seconds until the standby wrote": round(seconds, 1)}


def the_leader_is_asked_to_end_while_its_writes_are_slow(pair: Pair) -> Figures:
    slow = pair.proxy.add(Rule(Delay(2.5, landed=False), client=pair.leader.client, path="*/status"))
    wait_for("slow writes", lambda: slow.hits > 1)
    return the_leader_is_asked_to_end(pair, within=9)


def the_leader_is_asked_to_end_while_the_server_is_silent(pair: Pair) -> Figures:
    pair.proxy.add(Rule(Freeze(), client=pair.leader.client))
    time.sleep(1.0)
    asked = time.monotonic()
    pair.leader.stop()
    ended = time.monotonic() - asked
    seconds = pair.first_write(pair.standby, asked)
    assert ended < 9.5
    assert seconds < 20
    return {"seconds to end": round(ended, 1), "seconds until the standby wrote": round(seconds, 1)}


def the_leader_is_cut_off(pair: Pair) -> Figures:
    pair.proxy.down(pair.leader.client)
    cut = time.monotonic()
    wait_for("the leader to step down", lambda: not pair.leader.leads(), LEASE_S)
    stepped_down = time.monotonic() - cut
    seconds = pair.first_write(pair.standby, cut)
    pair.proxy.up(pair.leader.client)
    time.sleep(3 * RENEWAL_S)
    assert (pair.held()["holderIdentity"], pair.held()["leaseTransitions"]) == (identity(pair.standby), 1)
    assert pair.writes(pair.leader, cut + LEASE_S) == []
    assert stepped_down < HOLD_S + 4
    assert seconds < 20
    return {"seconds until it stepped down": round(stepped_down, 1), "until the standby wrote": round(seconds, 1)}


def only_its_renewals_are_refused(pair: Pair) -> Figures:
    pair.proxy.add(Rule(Status(500), client=pair.leader.client, resource="leases"))
    refused = time.monotonic()
    seconds = pair.first_write(pair.standby, refused)
    last = pair.writes(pair.leader)[-1].at - refused
    assert RENEWAL_S < last < HOLD_S + 4, "it goes on for as long as it may, and no longer"
    assert seconds < 20
    return {"seconds until its last write": round(last, 1), "until the standby wrote": round(seconds, 1)}


def a_renewal_is_answered_too_late(pair: Pair) -> Figures:
    pair.standby.kill()
    who = pair.leader.client
    pair.proxy.add(Rule(Status(500), client=who, verb="update", resource="leases", count=3))
    late = pair.proxy.add(Rule(Delay(3.2), client=who, verb="update", resource="leases", count=1))
    wait_for("the fourth renewal", lambda: late.hits == 1)
    time.sleep(2.5)  # eight seconds after the last one that was answered
    lapsed = time.monotonic()
    make(pair.api, hosted("late", pair.namespace))
    wait_for_condition(pair.api, "ModelDeployment", pair.namespace, "late", "Ready", "True", patience=6)
    assert min(write.at for write in pair.writes(pair.leader, lapsed)) > lapsed + 0.3, "the hold had not lapsed"
    return {}


def somebody_takes_the_lease(pair: Pair, name: str = "somebody") -> Figures:
    stolen = pair.edit_lease(name)
    wait_for("the leader to be told", lambda: refused_renewals(pair, stolen), HOLD_S)
    silent = refused_renewals(pair, stolen)[-1] + RENEWAL_S
    wait_for("anybody to write again", lambda: written(pair, silent), LEASE_S + 10, pause=0.2)
    first = written(pair, silent)[0].at - stolen
    assert LEASE_S - 1 < first < 22, "nobody but the holder may write before the Lease has ended"
    assert pair.held()["leaseTransitions"] == 1
    return {"seconds until anybody wrote": round(first, 1)}


def refused_renewals(pair: Pair, since: float) -> list[float]:
    """When the leader was answered that the Lease had changed, the first one last: until then it may write."""
    recent = takewhile(lambda write: write.at > since, reversed(pair.proxy.writes))
    mine = [write for write in recent if (write.client, write.resource) == (pair.leader.client, "leases")]
    return [write.ended for write in mine if write.status == HTTPStatus.CONFLICT and write.ended]


def written(pair: Pair, since: float) -> list[Write]:
    return sorted((write for one in pair.both for write in pair.writes(one, since)), key=lambda write: write.at)


def somebody_writes_the_standbys_name_into_the_lease(pair: Pair) -> Figures:
    return somebody_takes_the_lease(pair, identity(pair.standby))


def the_lease_is_deleted(pair: Pair) -> Figures:
    expect(pair.api.delete(pair.lease), HTTPStatus.OK)
    deleted = time.monotonic()
    wait_for("the Lease", lambda: pair.api.get(pair.lease).status == HTTPStatus.OK, 2 * RENEWAL_S)
    time.sleep(3 * RENEWAL_S)
    assert pair.held()["holderIdentity"] == identity(pair.leader)
    assert pair.writes(pair.leader, deleted)
    assert pair.writes(pair.standby) == []
    return {}


def the_leader_stands_still_for_longer_than_it_holds(pair: Pair) -> Figures:
    longest = 0.0
    for _ in range(TURNS):
        pair.leader.freeze()
        frozen = time.monotonic()
        longest = max(longest, pair.first_write(pair.standby, frozen))
        pair.leader.thaw()
        thawed = time.monotonic()
        time.sleep(1.0)
        assert pair.writes(pair.leader, thawed) == []
        assert not pair.leader.leads()
        pair.swap()
    return {"times": TURNS, "longest seconds until the standby wrote": round(longest, 1)}


def their_clocks_are_an_hour_wrong(pair: Pair) -> Figures:
    """The leader's is ahead, so that all its successor's times would lie two hours before."""
    for operator in pair.both:
        make(pair.api, routed("flips", pair.namespace, "missing"))
        wait_for_condition(pair.api, "RoutingPolicy", pair.namespace, "flips", "ResolvedRefs", "False")
        make(pair.api, routed("flips", pair.namespace, "m0"))
        wait_for_condition(pair.api, "RoutingPolicy", pair.namespace, "flips", "ResolvedRefs", "True")
        if operator is pair.leader:
            time.sleep(3 * RENEWAL_S)
            assert pair.held()["leaseTransitions"] == 0, "a clock made them change places"
            pair.leader.stop()
    assert pair.writes(pair.standby)
    times = transition_times([write for one in pair.both for write in pair.writes(one)])
    assert len(times["flips", "ResolvedRefs"]) >= 4
    assert all(sorted(seen) == seen for seen in times.values()), times
    return {}


def transition_times(writes: list[Write]) -> dict[tuple[str, str], list[str]]:
    """What came to be the time of each condition of each object, in order."""
    found: dict[tuple[str, str], list[str]] = {}
    for write in writes:
        is_told = write.subresource == "status" and write.served in TAKEN
        for one in write.body["status"]["conditions"] if is_told else []:
            found.setdefault((write.name, one["type"]), []).append(one["lastTransitionTime"])
    return found


Story = Callable[[Pair], Figures]
STORIES: tuple[Story, ...] = (
    the_leader_is_killed,
    the_leader_is_asked_to_end,
    the_leader_is_asked_to_end_while_its_writes_are_slow,
    the_leader_is_asked_to_end_while_the_server_is_silent,
    the_leader_is_cut_off,
    only_its_renewals_are_refused,
    a_renewal_is_answered_too_late,
    somebody_takes_the_lease,
    somebody_writes_the_standbys_name_into_the_lease,
    the_lease_is_deleted,
    their_clocks_are_an_hour_wrong,
    *(the_leader_stands_still_for_longer_than_it_holds,) * FROZEN_PAIRS,
)


def lived(pair: Pair, story: Story) -> Figures:
    """The story, told while there is always something to write."""
    with churn(pair.bed, pair.namespace, *MODELS, pause=0.2):
        figures = story(pair)
        time.sleep(1.0)
    return figures


@pytest.fixture(scope="module")
def told(bed: Bed) -> Iterator[list[tuple[Pair, Future[Figures]]]]:
    """All stories, which go on while the tests wait for them."""
    with FaultProxy(bed) as proxy, ExitStack() as ends:
        pairs = [Pair(bed, proxy, f"{number}") for number, _ in enumerate(STORIES)]
        for pair, story in zip(pairs, STORIES, strict=True):
            ends.callback(pair.end)
            if story is their_clocks_are_an_hour_wrong:
                for operator, offset in zip(pair.both, (HOUR, -HOUR), strict=True):
                    at = operator.command.index(str(PROGRAM))
                    operator.command[at : at + 1] = [sys.executable, "-c", ELSEWHERE, str(offset)]
        # Here and not in the threads: a process ends with the thread that started it.
        for pair in pairs:
            pair.leader.start()
        for pair in pairs:
            pair.leader.wait_until_leading(patience=60)
            pair.standby.start()
        for pair in pairs:
            pair.standby.wait_until_ready(patience=60)
        with ThreadPoolExecutor(len(STORIES)) as pool:
            yield [(pair, pool.submit(lived, pair, story)) for pair, story in zip(pairs, STORIES, strict=True)]


@pytest.mark.parametrize("number", range(len(STORIES)), ids=[story.__name__ for story in STORIES])
def test_one_writes_and_never_two_when(
    told: list[tuple[Pair, Future[Figures]]], number: int, evidence: Callable[..., None]
) -> None:
    pair, story = told[number]
    evidence(**story.result())
    assert trespasses(pair.proxy.writes, *pair.clients) == []
    assert len(pair.writes(pair.leader)) + len(pair.writes(pair.standby)) > 2 * len(MODELS)
