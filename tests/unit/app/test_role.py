"""A role that cannot start says why: what has not begun is stopped without a word."""

import gc
import signal
import time
from collections.abc import Callable

import pytest

from modelfleet.app.operator import Operator, OperatorOptions
from modelfleet.app.role import identity, run_role
from modelfleet.app.xds import Xds, XdsOptions
from modelfleet.findings import Unusable
from tests.unit.app.nowhere import client

ROLES: dict[str, Callable[[], Operator | Xds]] = {
    "operator": lambda: Operator(client(), OperatorOptions()),
    "xds": lambda: Xds(client(), XdsOptions("127.0.0.1:0")),
}


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Operator | Xds:
    # They are the process's, which is not ours.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    return ROLES[request.param]()


@pytest.mark.parametrize("metrics", [None, "127.0.0.1:0"])
def test_a_role_that_cannot_start_says_why_and_not_what_became_of_its_threads(
    role: Operator | Xds, metrics: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unusable("it is not to be")

    monkeypatch.setattr(role, "start", fail)
    began = time.monotonic()
    with pytest.raises(Unusable, match="it is not to be"):
        run_role(role, metrics)
    assert time.monotonic() - began < 3


def test_a_role_of_which_only_the_last_part_cannot_start_ends_as_well(
    role: Operator | Xds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(role.eyes.loop, "start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        run_role(role, None)


def test_no_two_processes_have_one_name() -> None:
    assert identity() != identity()
