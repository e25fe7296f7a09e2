"""An operator that is killed at any moment while users change their fleet: in the end, what it owns does not tell."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import islice, pairwise
from typing import Any

import pytest

from modelfleet.fleet.labels import HASH
from tests.cluster.operator.killing import Blow, again, blows, timeless, without
from tests.cluster.operator.objects import gone, url
from tests.cluster.operator.process import Operator, unled
from tests.cluster.operator.writers import wait_until_still
from tests.cluster.placement.fleet import ONE_GPU, Fleet, corner
from tests.sizes import scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy, Freeze, Rule

KILLS = scale(5, 100)
WRITES = 8
"""The most of the writes of one step before or after which the operator is killed."""
PROMPT_S = 20.0
HPA = {"autoscaler": "hpa", "min": 1, "max": 6}
OWNED = (
    ("deployments", "apis/apps/v1"),
    ("services", "api/v1"),
    ("poddisruptionbudgets", "apis/policy/v1"),
    ("horizontalpodautoscalers", "apis/autoscaling/v2"),
)
PASSING = frozenset({"clusterIP", "clusterIPs", "uid", HASH, "deployment.kubernetes.io/revision"})
"""What the API server or a controller of Kubernetes chooses, another one each time, and what is made from that."""

Step = Callable[[Fleet], None]
Owned = dict[str, Any]


def classes(fleet: Fleet) -> None:
    fleet.hardware("gpu", ONE_GPU)
    fleet.hardware("cpu")
    fleet.model("a", "gpu", "cpu", replicas=2)


SCRIPT: tuple[Step, ...] = (
    classes,
    lambda fleet: fleet.model("b", "cpu", replicas=2, scale=HPA),
    lambda fleet: fleet.model("a", "gpu", "cpu", replicas=5),
    lambda fleet: fleet.edit("b", model={"name": "newer"}),
    lambda fleet: fleet.model("a", "cpu", "gpu", replicas=5),
    lambda fleet: fleet.hardware("cpu", {"cpu": "2", "memory": "1Gi"}),
    lambda fleet: gone(fleet.api, "ModelDeployment", fleet.namespace, "b"),
    lambda fleet: fleet.model("a", "gpu", "cpu", replicas=3),
    lambda fleet: fleet.model("c", "cpu", engine={"name": "custom", "image": "registry.example.com/c:1"}),
    lambda fleet: fleet.hardware("gpu", ONE_GPU, price={"perUnitHour": "0.75"}, capacity={"maxUnits": 8}),
    lambda fleet: fleet.model("c", "gpu", "cpu", engine={"name": "custom", "image": "registry.example.com/c:1"}),
    lambda fleet: gone(fleet.api, "ModelDeployment", fleet.namespace, "a"),
)
"""What users do; each step changes what is owned or said, and two steps at once end as one after the other."""


@pytest.fixture
def mortal(bed: Bed) -> Iterator[Operator]:
    """An operator that leads; others may be started in its place."""
    with unled(bed) as proxy:
        operator = Operator(proxy, "mortal")
        operator.start()
        yield operator
        operator.kill()


@pytest.fixture
def fleet(bed: Bed, namespace: str, mortal: Operator) -> Iterator[Fleet]:
    """Four GPUs, and CPUs for everybody."""
    mortal.wait_until_leading()
    with corner(bed, namespace) as fleet:
        fleet.nodes("gpu", 2, gpu="2")
        fleet.nodes("cpu", 2)
        fleet.wait_until_up()
        yield fleet
        if not mortal.is_running():
            again(bed, mortal)


def owned(fleet: Fleet) -> Owned:
    """All that the operator has made and said, and where replicas are; without what is another each time."""
    found: Owned = {}
    for plural, root in OWNED:
        for item in fleet.made(plural, root):
            metadata = {key: item["metadata"].get(key) for key in ("labels", "annotations", "ownerReferences")}
            found[f"{plural}/{item['metadata']['name']}"] = without({**metadata, "spec": item["spec"]}, PASSING)
    for model in expect(fleet.api.get(url("ModelDeployment", fleet.namespace)), HTTPStatus.OK)["items"]:
        name = model["metadata"]["name"]
        found[f"replicas/{name}"] = fleet.where(name)
        found[f"status/{name}"] = timeless(model.get("status"))
    for name in ("gpu", "cpu"):
        answer = fleet.api.get(url("HardwareClass", "", fleet.own(name)))
        found[f"status of the class {name}"] = timeless(answer.body.get("status"))
    return found


def digest(found: Owned) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def clear(fleet: Fleet) -> None:
    """Takes away all that the script makes; an operator is to run."""
    fleet.without_models()
    wait_for("all to be gone", lambda: not any(fleet.made(plural, root) for plural, root in OWNED))
    fleet.without_classes()


def undisturbed(fleet: Fleet, proxy: FaultProxy) -> list[Owned]:
    """What there is after each step, once nobody writes any more and replicas have come back."""
    found = []
    for step in SCRIPT[:KILLS]:
        step(fleet)
        wait_until_still(proxy, still=3.5)
        found.append(owned(fleet))
    assert all(digest(before) != digest(after) for before, after in pairwise(found))
    return found


def strike(fleet: Fleet, operator: Operator, step: Step, blow: Blow, expected: Owned) -> bool:
    """Makes the change and kills the operator over it; whether that was where it should be."""
    if blow.how == "at a moment":
        step(fleet)
        time.sleep(blow.moment)
        operator.kill()
        return True
    freeze = Freeze(landed=blow.how == "after a write")
    rule = Rule(freeze, verb="write", namespace=fleet.namespace, after=blow.write, count=1)
    with operator.proxy.rule(rule) as held:
        step(fleet)
        # There are not as many writes in every step.
        wait_for("a write", lambda: held.hits == 1 or owned(fleet) == expected)
        operator.kill()
        return held.hits == 1


def settles(fleet: Fleet, operator: Operator, expected: Owned) -> float:
    """Seconds until all is as it should be."""
    began = time.monotonic()
    try:
        wait_for("all that is owned", lambda: owned(fleet) == expected, PROMPT_S)
    except TimeoutError:
        assert owned(fleet) == expected, operator.last_words()
    return time.monotonic() - began


def test_a_kill_at_any_moment_of_a_series_of_changes_leaves_no_trace_in_what_is_owned(
    bed: Bed, fleet: Fleet, mortal: Operator, evidence: Callable[..., None]
) -> None:
    expected = undisturbed(fleet, mortal.proxy)
    clear(fleet)
    hits, slowest, turn = 0, 0.0, 0
    for blow in islice(blows(seed=9, writes=WRITES), KILLS):
        if turn >= len(expected):
            clear(fleet)
            turn = 0
        hits += strike(fleet, mortal, SCRIPT[turn], blow, expected[turn])
        turn += 1
        if blow.sleeps and turn < len(expected):
            SCRIPT[turn](fleet)
            turn += 1
        again(bed, mortal)
        slowest = max(slowest, settles(fleet, mortal, expected[turn - 1]))
    wait_until_still(mortal.proxy)
    assert digest(owned(fleet)) == digest(expected[turn - 1])
    evidence(kills=KILLS, where_they_should_be=hits, slowest_seconds_until_all_was_as_before=round(slowest, 1))
    assert hits > KILLS / 2


def test_without_an_operator_every_object_can_be_deleted(bed: Bed, fleet: Fleet, mortal: Operator) -> None:
    classes(fleet)
    fleet.model("b", "cpu", scale=HPA)
    fleet.runs_on("a", gpu=2)
    fleet.runs_on("b", cpu=1)
    mortal.kill()
    for plural, root in OWNED:
        assert all("finalizers" not in item["metadata"] for item in fleet.made(plural, root))
    fleet.without_models()
    for plural, root in OWNED:
        wait_for(f"no {plural}", lambda plural=plural, root=root: not fleet.made(plural, root))
    wait_for("no replicas", lambda: not fleet.pods("a") and not fleet.pods("b"))
    for name in ("gpu", "cpu"):
        fleet.without_class(name)
        assert bed.api.get(url("HardwareClass", "", fleet.own(name))).status == HTTPStatus.NOT_FOUND
