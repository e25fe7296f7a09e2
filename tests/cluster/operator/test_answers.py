"""Answers other than what was asked for: too many requests, who are you, you may not, and none at all for a while."""

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import pytest

from tests.cluster.operator.accounts import Account
from tests.cluster.operator.objects import SERVED, condition, hardware, hosted, make, status, url, wait_for_condition
from tests.cluster.operator.pods import own_model
from tests.cluster.operator.process import LEASE, Operator
from tests.cluster.operator.sights import sees_what_is_made
from tests.sizes import SOAK
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import CloseAfter, Delay, FaultProxy, Freeze, InjectEvent, Rule, Status
from tests.testbed.faults.actions import Action

MODELS, CLASSES = "modeldeployments", "hardwareclasses"
GONE = InjectEvent({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
HEALED_S = 60.0
TRUSTED_S = 11.0
"""The API server remembers for ten seconds whom it let in."""
FLOWS = "/apis/flowcontrol.apiserver.k8s.io/v1"


@pytest.fixture(scope="module")
def account(bed: Bed) -> Account:
    return Account(bed, "answered")


@pytest.fixture
def classes(bed: Bed, namespace: str) -> Iterator[str]:
    """The name of a class of hardware, and the beginning of others'; all of them go at the end."""
    name = f"cpu-{namespace}"
    yield name
    for one in expect(bed.api.get(url("HardwareClass")), HTTPStatus.OK)["items"]:
        if one["metadata"]["name"].startswith(name):
            bed.api.delete(url("HardwareClass", "", one["metadata"]["name"]))


def test_a_kind_that_may_not_be_read_from_the_start_is_unknown_and_all_else_is_told_until_it_may(
    bed: Bed, namespace: str, proxy: FaultProxy, account: Account, classes: str, evidence: Callable[..., None]
) -> None:
    make(bed.api, hardware(classes), own_model("own", namespace, classes), hosted("hosted", namespace))
    account.allow_all_but(CLASSES)
    operator = Operator(proxy, "denied")
    account.give_token(operator)
    operator.start()
    try:
        unknown = wait_for_condition(bed.api, "ModelDeployment", namespace, "own", "ResolvedRefs", "NotReadable")
        assert "HardwareClass" in unknown["message"]
        assert "forbidden" in unknown["message"]
        wait_for_condition(bed.api, "ModelDeployment", namespace, "hosted", "Ready", "True")
        code, lacks = operator.ask("/readyz")
        assert (code, "hardwareclasses" in lacks) == (503, True)
        assert operator.ask("/healthz")[0] == 200
        assert operator.metric("rbac_denied_total", verb="list", resource=CLASSES) >= 1
        began = time.monotonic()
        account.allow_all_but()
        wait_for_condition(bed.api, "ModelDeployment", namespace, "own", "ResolvedRefs", "True", HEALED_S)
        evidence(healed_s=round(time.monotonic() - began, 1))
        wait_for("a watch on what may be read now", lambda: proxy.watches("denied", CLASSES) == 1)
        operator.wait_until_ready()
        assert operator.log_text().count(f"{CLASSES} cannot be read") == 1
    finally:
        account.allow_all_but()
        operator.stop()


@pytest.fixture(scope="module")
def lasting(bed: Bed, account: Account) -> Iterator[Operator]:
    """An operator with that account, which lists everything every five seconds; its token ends while the tests run."""
    bed.api.delete(LEASE)
    with FaultProxy(bed) as proxy:
        operator = Operator(proxy, "lasting", "--resync=5")
        account.give_token(operator)
        operator.start()
        operator.wait_until_ready()
        operator.wait_until_leading()
        account.give_token(operator)
        account.end_all_but_the_last()
        yield operator
        operator.stop()


def test_a_right_that_is_taken_away_takes_nothing_from_what_is_known_and_heals_when_it_is_back(
    bed: Bed, namespace: str, shared: Operator, account: Account, classes: str, evidence: Callable[..., None]
) -> None:
    make(bed.api, hardware(classes), own_model("own", namespace, classes))
    wait_for_condition(bed.api, "ModelDeployment", namespace, "own", "ResolvedRefs", "True")
    denied = shared.metric("rbac_denied_total", verb="list", resource=CLASSES)
    account.allow_all_but(CLASSES)
    try:
        # Who watches goes on watching: rights are asked for when a watch begins.
        shared.proxy.add(Rule(CloseAfter(0), verb="watch", resource=CLASSES, count=1))
        wait_for("a refusal", lambda: shared.metric("rbac_denied_total", resource=CLASSES) > denied)
        make(bed.api, hardware(f"{classes}-new"))
        sees_what_is_made(bed.api, namespace, patience=5)
        assert condition(bed.api, "ModelDeployment", namespace, "own", "ResolvedRefs")["status"] == "True"
        assert status(bed.api, "HardwareClass", "", f"{classes}-new") == {}
        assert shared.ask("/healthz")[0] == 200
    finally:
        account.allow_all_but()
    began = time.monotonic()
    wait_for_condition(bed.api, "HardwareClass", "", f"{classes}-new", "Accepted", "True", HEALED_S)
    evidence(healed_s=round(time.monotonic() - began, 1))


def date(**past: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**past), usegmt=True)


BUSY = {
    "a date": date(seconds=1),
    "a date of the past": date(days=-400),
    "a fraction": "0.5",
    "garbage": "in a while",
    "less than nothing": "-5",
    "nothing": None,
}


@pytest.mark.parametrize("wish", BUSY.values(), ids=BUSY.keys())
def test_whatever_a_busy_server_wishes_it_is_asked_again_and_the_next_change_is_told(
    bed: Bed, namespace: str, shared: Operator, wish: str | None
) -> None:
    busy = Status(429, {} if wish is None else {"Retry-After": wish})
    striking = [shared.proxy.add(Rule(busy, verb=verb, resource=MODELS, count=2)) for verb in ("list", "watch")]
    shared.proxy.add(Rule(GONE, verb="watch", resource=MODELS, count=1))
    sees_what_is_made(bed.api, namespace)
    wait_for("all of it", lambda: [one.hits for one in striking] == [2, 2])


def test_a_server_that_wishes_for_two_seconds_gets_them(bed: Bed, namespace: str, shared: Operator) -> None:
    busy = shared.proxy.add(Rule(Status(429, {"Retry-After": "2"}), verb="watch", resource=MODELS))
    shared.proxy.add(Rule(CloseAfter(0), verb="watch", resource=MODELS, count=1))
    wait_for("the first refusal", lambda: busy.hits == 1)
    time.sleep(1.8)
    assert busy.hits == 1
    wait_for("the second", lambda: busy.hits == 2, patience=3)
    shared.proxy.remove(busy)
    sees_what_is_made(bed.api, namespace)


@pytest.mark.parametrize("verb", ["list", "watch", "patch"])
def test_a_401_now_and_then_costs_a_request_and_nothing_else(
    bed: Bed, namespace: str, shared: Operator, verb: str
) -> None:
    strange = shared.proxy.add(Rule(Status(401), verb=verb, count=3))
    if verb != "patch":
        shared.proxy.add(Rule(GONE, verb="watch", resource=MODELS, count=1))
    assert sees_what_is_made(bed.api, namespace, patience=5) < 5
    assert strange.hits > 0


def test_a_token_that_ends_is_read_anew_from_where_it_stands(
    bed: Bed, namespace: str, shared: Operator, account: Account, evidence: Callable[..., None]
) -> None:
    time.sleep(max(0.0, account.ended_at + TRUSTED_S - time.monotonic()))
    shared.proxy.add(Rule(GONE, verb="watch", count=len(SERVED)))
    took = sees_what_is_made(bed.api, namespace, patience=5)
    refused = sum(write.served == HTTPStatus.UNAUTHORIZED for write in shared.proxy.writes)
    evidence(told_after_s=round(took, 1), writes_refused=refused)
    assert refused <= 2
    assert shared.leads()


def starve(bed: Bed, account: Account) -> Iterator[str]:
    """The paths of what leaves an account with one seat at the API server: its requests come one by one."""
    name = account.name
    limited = {"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}
    subjects = [{"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": "default"}}]
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "clusterScope": True, "namespaces": ["*"]}
    schema = {
        "priorityLevelConfiguration": {"name": name},
        "matchingPrecedence": 100,
        "rules": [{"subjects": subjects, "resourceRules": [everything]}],
    }
    for kind, plural, spec in (
        ("PriorityLevelConfiguration", "prioritylevelconfigurations", {"type": "Limited", "limited": limited}),
        ("FlowSchema", "flowschemas", schema),
    ):
        path = f"{FLOWS}/{plural}/{name}"
        made = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        expect(bed.api.apply(path, made), HTTPStatus.OK, HTTPStatus.CREATED)
        yield path


def take_the_seat(proxy: FaultProxy, bed: Bed, account: Account) -> http.client.HTTPSConnection:
    """A request that never comes to an end, as it has more to say than it says."""
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", bed.port, context=context)
    connection.putrequest("POST", "/api/v1/namespaces/default/events")
    connection.putheader("Authorization", f"Bearer {account.token()}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    return connection


def test_who_gets_no_seat_at_the_api_server_waits_and_catches_up(
    bed: Bed, namespace: str, shared: Operator, account: Account, evidence: Callable[..., None]
) -> None:
    paths = list(starve(bed, account))
    try:
        time.sleep(1)  # until the API server goes by it
        seat = take_the_seat(shared.proxy, bed, account)
        refused = shared.proxy.wait_for_write(
            lambda write: write.served == HTTPStatus.TOO_MANY_REQUESTS, since=len(shared.proxy.writes)
        )
        make(bed.api, hosted("m", namespace))
        time.sleep(2)
        assert status(bed.api, "ModelDeployment", namespace, "m") == {}
        assert shared.ask("/healthz")[0] == 200
        seat.close()
    finally:
        for path in reversed(paths):
            expect(bed.api.delete(path), HTTPStatus.OK)
    began = time.monotonic()
    wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=15)
    told = time.monotonic() - began
    tries = [write for write in shared.proxy.writes[refused.seq :] if write.served == HTTPStatus.TOO_MANY_REQUESTS]
    evidence(told_after_s=round(told, 1), writes_refused=len(tries))
    assert len(tries) < 15


@pytest.mark.parametrize("action", [Delay(30), Delay(30, landed=False), Freeze()], ids=repr)
def test_a_status_whose_write_takes_long_holds_no_other_up(
    bed: Bed, namespace: str, shared: Operator, action: Action
) -> None:
    with shared.proxy.rule(Rule(action, verb="patch", resource=f"{MODELS}/status", name="slow")) as slow:
        make(bed.api, hosted("slow", namespace))
        wait_for("it to be slow", lambda: slow.hits >= 1)
        assert sees_what_is_made(bed.api, namespace, patience=5) < 2
        asked = time.monotonic()
        assert shared.ask("/healthz")[0] == 200
        assert time.monotonic() - asked < 1
    wait_for_condition(bed.api, "ModelDeployment", namespace, "slow", "Ready", "True")


def test_a_day_of_waiting_is_cut_to_a_minute_and_changes_are_told_meanwhile(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    shared.proxy.add(Rule(Status(429, {"Retry-After": "86400"}), verb="watch", resource=MODELS, count=1))
    shared.proxy.add(Rule(CloseAfter(0), verb="watch", resource=MODELS, count=1))
    evidence(told_by_the_next_sweep_s=round(sees_what_is_made(bed.api, namespace), 1))
    if SOAK:
        began = time.monotonic()
        wait_for("the watch", lambda: shared.proxy.watches("lasting", MODELS) == 1, patience=75)
        evidence(asked_again_s=round(time.monotonic() - began))
        assert time.monotonic() - began > 40
