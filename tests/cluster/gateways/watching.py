"""What goes on while things are down: requests of which none may be lost, and statuses of which none may lie."""

import http.client
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from tests.cluster.gateways.fleet import Fleet
from tests.cluster.gateways.matrix import GATEWAYS
from tests.cluster.gateways.scene import JSON
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.ledger import Load, Outcome, Report

RATE = 75.0
"""Requests a second on each gateway."""
FEWEST = 0.3
"""The share of them that a busy machine has to have sent, for a row to mean anything."""
BOUND_S = 3600.0


class Traffic:
    """A steady load on each gateway while it is entered; none may be lost but where an Envoy did not run."""

    def __init__(self, fleet: Fleet) -> None:
        self._loads = {
            name: Load(fleet.address(name), _request, RATE, check=_wrong, timeout=5.0, limit_s=BOUND_S)
            for name in GATEWAYS
        }
        self._gaps: dict[str, list[tuple[float, float]]] = {name: [] for name in GATEWAYS}
        self._silent: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for load in self._loads.values():
            load.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lasted = time.monotonic() - self._began
        for load in self._loads.values():
            load.__exit__(kind, error, traceback)

    @property
    def silent(self) -> frozenset[str]:
        """The gateways whose Envoys are down, or have not served since."""
        return frozenset(self._silent)

    def goes(self, gateway: str) -> None:
        """Its Envoy is about to be down, by the test's own hand."""
        self._silent.setdefault(gateway, time.monotonic())

    def comes(self, gateway: str) -> None:
        """It serves again, and is to lose nothing from now on."""
        self._gaps[gateway].append((self._silent.pop(gateway), time.monotonic()))

    def assert_none_lost(self) -> int:
        """How many were answered as they should be. To be asked after the end."""
        count = 0
        for name, load in self._loads.items():
            gaps, whole = self._gaps[name], load.report()
            report = Report([one for one in whole.outcomes if not _meets(one, gaps)], whole.unanswered)
            runs = self._lasted - sum(end - begin for begin, end in gaps)
            try:
                report.assert_none_lost(int(FEWEST * RATE * runs))
            except AssertionError as lost:
                raise AssertionError(f"{name}: {lost}") from None
            count += len(report.ok)
        return count


def _meets(one: Outcome, gaps: list[tuple[float, float]]) -> bool:
    return any(begin <= one.began_s + one.total_s and one.began_s <= end for begin, end in gaps)


def _request(number: int) -> Request:
    return Request(body=chat("ladder" if number % 2 else "plain"), headers=JSON)


def _wrong(answer: Answer) -> str:
    """Whoever answers must be one of those that the policy names: another one would be another tenant's, say."""
    policy = answer.header_values("x-modelfleet-policy")[0].rpartition("/")[2]
    tier = answer.header_values("x-modelfleet-tier")
    return "" if tier[0] in {"plain": ("only",), "ladder": ("wanted", "next")}[policy] else f"{policy} by tier {tier}"


class Witness:
    """Reads all the while whether an edit is said to be in force, and asks the gateways whether it is."""

    def __init__(self, fleet: Fleet) -> None:
        self.checks = 0
        """How often a gateway was asked for what it was said to have."""
        self.lies: list[str] = []
        self._fleet = fleet
        self._api = fleet.hasty()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(10)
        self._api.close()

    def _run(self) -> None:
        path = f"/apis/modelfleet.dev/v1alpha1/namespaces/{self._fleet.namespace}/routingpolicies/edited"
        while not self._ending.wait(0.2):
            try:
                answer = self._api.get(path)
            except (http.client.HTTPException, OSError):
                continue
            if answer.status == HTTPStatus.OK and is_true(answer.body):
                self._check(int(answer.body["spec"]["tiers"][0]["name"].removeprefix("v")))

    def _check(self, said: int) -> None:
        for gateway in GATEWAYS:
            found = self._fleet.edit_at(gateway)
            self.checks += found > 0  # who does not answer has nothing in force that would be another thing
            if 0 < found < said:
                self.lies.append(f"edit {said} was said to be in force, and {gateway} has {found}")


def is_true(policy: Mapping[str, Any]) -> bool:
    """Whether a policy is said to be in force as it is now."""
    conditions = policy.get("status", {}).get("conditions", [])
    return any(
        (one["type"], one["status"], one["observedGeneration"])
        == ("Programmed", "True", policy["metadata"]["generation"])
        for one in conditions
    )
