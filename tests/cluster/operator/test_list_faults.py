"""Lists of many objects, read page by page through faults: whole, or not at all, and never older than what is known."""

import time
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cluster.operator.objects import SERVED, hardware, hosted, make, routed, url, wait_for_condition
from tests.cluster.operator.process import LEASE, Operator
from tests.cluster.operator.sights import PROMPT_S, pair, resolved, sees_what_is_gone, sees_what_is_made, without_model
from tests.sizes import SOAK, scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import Close, Delay, FaultProxy, InjectEvent, Rule, StaleList, Status, Truncate
from tests.testbed.faults.actions import Action

MANY = scale(520, 10_000)
"""More than fit on a page."""
AT_ONCE_S = float(scale(int(PROMPT_S), 60))
"""Who has just listed ten thousand objects twice, as we and kopf do, has them all to look at before the next change."""
MODELS = "modeldeployments"
GONE = InjectEvent({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})


@pytest.fixture(scope="module")
def many(bed: Bed) -> Iterator[str]:
    """A namespace with more models than fit on a page, none of which has been looked at yet."""
    name = f"many-{uuid.uuid4().hex[:6]}"
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
    path = url("ModelDeployment", name)
    for number in range(MANY):
        # In the soak these are 20 MB, as objects of users are not small either.
        notes = {"annotations": {"example.com/note": "x" * scale(100, 1500)}}
        made = hosted(f"m{number}", name)
        expect(bed.api.create(path, {**made, "metadata": {**made["metadata"], **notes}}), HTTPStatus.CREATED)
    yield name
    expect(bed.api.delete(path), HTTPStatus.OK)
    bed.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def lasting(bed: Bed, many: str) -> Iterator[Operator]:
    """An operator whose first list is told on its second page that the list is too old."""
    bed.api.delete(LEASE)
    with FaultProxy(bed) as proxy:
        old = proxy.add(Rule(Status(410), verb="list", resource=MODELS, after=1, count=1))
        operator = Operator(proxy, "lasting", "--resync=3600")
        operator.start()
        operator.wait_until_ready(60)
        operator.wait_until_leading()
        assert old.hits == 1
        wait_for(f"all of {many} to be known", lambda: known(operator) >= MANY)
        yield operator
        operator.stop()


def known(operator: Operator) -> float:
    return operator.metric("objects", kind="ModelDeployment")


def relist(operator: Operator) -> None:
    """Makes kopf and the operator list the models again."""
    struck = operator.proxy.add(Rule(GONE, verb="watch", resource=MODELS, count=1))
    wait_for("the watch to begin anew", lambda: struck.hits == 1)


def test_a_list_of_many_pages_is_whole_and_every_object_of_it_is_told(
    bed: Bed, many: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    began = time.monotonic()

    def told() -> bool:
        items = expect(bed.api.get(url("ModelDeployment", many)), HTTPStatus.OK)["items"]
        return all(item.get("status", {}).get("observedGeneration") == 1 for item in items)

    wait_for("every one to be told", told, patience=scale(30, 300), pause=1)
    resident = int(Path(f"/proc/{shared.pid}/statm").read_text().split()[1]) * 4096 / 2**20
    evidence(objects=MANY, told_s=round(time.monotonic() - began, 1), rss_mib=round(resident))
    assert resident < scale(200, 256)


@pytest.mark.parametrize("action", [Status(410), Truncate(-20), *([Status(500), Close()] if SOAK else [])], ids=repr)
def test_half_a_list_is_never_taken_for_the_whole(
    bed: Bed, namespace: str, shared: Operator, action: Action, evidence: Callable[..., None]
) -> None:
    wait_for("the objects of other tests to be gone", lambda: known(shared) == MANY)
    pages = shared.proxy.reads["lasting", "page", MODELS]
    with shared.proxy.rule(Rule(action, verb="list", resource=MODELS, share=0.5, seed=3, count=3)) as failing:
        relist(shared)
        seen = [known(shared)]
        while failing.hits < 3:
            seen.append(known(shared))
    assert min(seen) >= MANY
    assert shared.proxy.reads["lasting", "page", MODELS] > pages
    evidence(looks=len(seen))
    sees_what_is_made(bed.api, namespace, AT_ONCE_S)


def test_a_server_that_lags_takes_nothing_back(bed: Bed, namespace: str, shared: Operator) -> None:
    pair(bed.api, namespace, "goes")
    make(bed.api, hosted("stays", namespace), routed("stays", namespace, "nobody"))
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "stays", "ResolvedRefs", "ModelNotFound", AT_ONCE_S)
    stale = [Rule(StaleList(shared.proxy.version()), resource=name) for name in (MODELS, "routingpolicies")]
    make(bed.api, routed("stays", namespace, "stays"))
    without_model(bed.api, namespace, "goes")
    sees_what_is_gone(bed.api, namespace, "goes", AT_ONCE_S)
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "stays", "ResolvedRefs", "True", AT_ONCE_S)
    before, refused = len(shared.proxy.writes), shared.metric("lists_total", outcome="stale")
    for rule in stale:
        shared.proxy.add(rule)
    shared.proxy.add(Rule(GONE, verb="watch", count=len(SERVED)))
    wait_for("an old list", lambda: shared.metric("lists_total", outcome="stale") >= refused + 2)
    assert resolved(bed.api, namespace, "goes")["reason"] == "ModelNotFound"
    assert resolved(bed.api, namespace, "stays")["status"] == "True"
    written = [write for write in shared.proxy.writes[before:] if write.subresource == "status"]
    assert [write.path for write in written if write.namespace == namespace] == []
    shared.proxy.clear()
    sees_what_is_made(bed.api, namespace, AT_ONCE_S)


def test_a_list_that_takes_long_holds_up_its_own_kind_only(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    slow = scale(3, 60)
    name = f"cpu-{namespace}"
    try:
        with shared.proxy.rule(Rule(Delay(slow), verb="list", resource=MODELS)):
            relist(shared)
            began = time.monotonic()
            make(bed.api, hardware(name))
            wait_for_condition(bed.api, "HardwareClass", "", name, "Accepted", "True", patience=scale(5, 20))
            others = time.monotonic() - began
            asked = time.monotonic()
            assert shared.ask("/healthz")[0] == 200
            assert time.monotonic() - asked < 1
            if not SOAK:  # a minute is too long for any list, and comes through once nothing is slow any more
                sees_what_is_made(bed.api, namespace, patience=3 * slow + PROMPT_S)
        took = sees_what_is_made(bed.api, namespace, patience=60)
    finally:
        bed.api.delete(url("HardwareClass", "", name))
    evidence(list_takes_s=slow, other_kinds_s=round(others, 1), afterwards_s=round(took, 1))
    assert others < scale(2, 10)  # a look at ten thousand objects takes its time, and has nothing to do with the list
