"""What is looked at without waiting for more: an edit of a policy, and that it is in force everywhere."""

from dataclasses import replace
from typing import Any

import pytest
from kubernetes.client import Configuration

from modelfleet.app.operator import Operator, OperatorOptions
from modelfleet.app.xds import Xds, XdsOptions
from modelfleet.findings import Key
from modelfleet.fleet.envoys import GatewayState, Reported
from modelfleet.kube.client import Client
from modelfleet.sources.store import Change

POLICIES = [Key("RoutingPolicy", "shop", name) for name in ("chat", "code")]


def client() -> Client:
    """One for a server that is not there."""
    return Client(lambda: Configuration(host="http://127.0.0.1:1"), "test")


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
    steps = [behind(*POLICIES), behind(POLICIES[0]), behind(), Reported({"edge": cut_off}, silence=""), behind()]
    for said in steps:
        monkeypatch.setattr(operator.reports, "reported", lambda _, said=said: said)
        operator._reported()
    assert found == [False, True, True, False, False]


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
    xds._plane._loop.close()  # it was made, and never ran
    assert any(found) is hastens
