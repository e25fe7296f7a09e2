"""What is looked at without waiting for more: an edit of a policy, and that it is in force everywhere."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from modelfleet.app.operator import Operator, OperatorOptions
from modelfleet.app.xds import Xds, XdsOptions
from modelfleet.findings import Key
from modelfleet.fleet.envoys import GatewayState, Reported
from modelfleet.sources.store import Change
from tests.unit.app.nowhere import client

POLICIES = [Key("RoutingPolicy", "shop", name) for name in ("chat", "code")]


def pokes(role: Operator | Xds, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each poke of its loop was in haste."""
    found: list[bool] = []
    monkeypatch.setattr(role.eyes.loop, "poke", lambda *, at_once=False: found.append(at_once))
    return found


def behind(*policies: Key) -> Reported:
    """One gateway, of which an Envoy lacks these."""
    return Reported({"edge": GatewayState(behind={key: {"e1": None} for key in policies})}, silence="")


def test_a_policy_that_is_everywhere_at_last_is_told_of_without_waiting_for_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator = Operator(client(), OperatorOptions())
    found = pokes(operator, monkeypatch)
    cut_off = replace(behind().gateways["edge"], cut_off=("e2",))
    known = [Reported(), behind(*POLICIES), behind(POLICIES[0]), behind(), Reported({"edge": cut_off}, silence="")]
    steps = list(pairwise([*known, behind()]))
    for step in steps:
        operator._reported(*step)
    assert found == [False, True, True, False, False]
    # The threads that hear of replicas may come in another order.
    for step in reversed(steps):
        operator._reported(*step)
    assert found[5:] == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("kind", "change", "hastens"),
    [
        ("RoutingPolicy", Change.FLEET, True),
        ("RoutingPolicy", Change.STATUS, False),
        ("RoutingPolicy", Change.NOTHING, False),
        ("EndpointSlice", Change.FLEET, False),
        ("Pod", Change.FLEET, False),
    ],
)
def test_gateways_do_not_wait_for_more_than_the_edit_of_a_policy(
    monkeypatch: pytest.MonkeyPatch, kind: str, change: Any, hastens: bool
) -> None:
    xds = Xds(client(), XdsOptions("127.0.0.1:0"))
    found = pokes(xds, monkeypatch)
    xds.saw(Key(kind, "shop", "chat"), change)
    xds._plane.stop()
    assert any(found) is hastens
