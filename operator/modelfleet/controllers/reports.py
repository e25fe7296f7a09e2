"""Asks every xds replica what its gateways have acknowledged, and hears of changes as they happen.

Each replica has a thread that asks and is answered when there is news, so that what a gateway acknowledged is known in
the same moment. A replica that is silent keeps its last word for a while: its gateways still have what they had.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from threading import Condition, Thread
from typing import Any, Protocol, TypeVar

from modelfleet.controllers.threads import wait_for_end
from modelfleet.fleet.envoys import COUNTED_S, Heard, Reported, joined
from modelfleet.fleet.gatewaypods import GATEWAY, XDS, ready_pods, replica_addresses
from modelfleet.fleet.reports import Report, parse_report
from modelfleet.kube.backoff import Backoff
from modelfleet.kube.errors import Forbidden, KubeError
from modelfleet.telemetry import WatcherTelemetry

T = TypeVar("T")
LOOK_S, AGAIN_S = 2.0, 0.5
"""How often replicas and pods of gateways are looked for, and how soon again as long as nobody knows who there is."""
NEW_S = 3.0
"""So long one that has just been found is waited for by those who want to know."""
EACH_S = 0.05
"""Where many gateways acknowledge one after the other, so much of it is heard at once."""
HURRIED_S = 1.0
WAIT_S = 20
PATIENCE_S = 5.0
"""So long an answer may take, beyond the time for which it was asked to wait for news."""
CONNECT_WITHIN_S = 3.0
LARGEST = 64 * 1024 * 1024
TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class Getter(Protocol):
    """Who can read from the API server."""

    def request(self, method: str, path: str, *, query: Mapping[str, str], timeout: float) -> dict[str, Any]:
        """Sends a request. Raises KubeError."""


@dataclass(slots=True)
class _Replica:
    """One address, and what was last heard from there."""

    since: float
    """When it was found."""
    report: Report | None = None
    heard: float = 0.0
    lost: float | None = 0.0
    """Since when it is silent; None while it answers."""
    why: str = ""
    """Why it is; empty also where it has not been asked yet."""
    wanted: bool = True
    thread: Thread | None = None


class ReportReader:
    """Reads what replicas tell, and says when something of it has changed."""

    def __init__(
        self,
        getter: Getter,
        namespace: str,
        addresses: Sequence[str],
        telemetry: WatcherTelemetry,
        on_change: Callable[[Reported, Reported], None],
    ) -> None:
        """`addresses` are those of the replicas; where there is none they are looked for in the namespace.

        `on_change` hears of each change what was known before it and what is since. Two may come in either order.
        """
        self._getter = getter
        self._namespace = namespace
        self._given = tuple(addresses)
        self._denied = telemetry.denied
        self._on_change = on_change
        self._condition = Condition()
        self._replicas: dict[str, _Replica] = {}
        self._pods: dict[str, frozenset[str]] = {}
        self._troubles: dict[str, str] = {}
        """Why something cannot be listed, by what that is; empty where it can."""
        self._last = Reported()
        self._born = time.monotonic()
        self._looked = False
        self._ending = False
        self._thread = Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        """Begins to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ends. An answer that is waited for is not waited for."""
        with self._condition:
            self._ending = True
            self._condition.notify_all()
        wait_for_end(self._thread, 1)

    def reported(self, patience: float) -> Reported:
        """What is known now. Who has not been asked yet is waited for, but no longer than so."""
        with self._condition:
            self._condition.wait_for(lambda: self._ending or self._has_asked(), patience)
            return self._joined()

    def _has_asked(self) -> bool:
        """Whether everybody was asked who could have been by now."""
        now = time.monotonic()
        wanted = [one for one in self._replicas.values() if one.wanted]
        looked = self._looked or now - self._born > NEW_S
        return looked and all(one.report or one.why or now - one.since > NEW_S for one in wanted)

    def silent(self) -> dict[str, float]:
        """For metrics: the replicas that do not answer: 1."""
        with self._condition:
            return {address: float(one.lost is not None) for address, one in self._replicas.items() if one.wanted}

    def _run(self) -> None:
        while not self._ending:
            try:
                self._look()
            except Exception:
                log.exception("gateways were not looked for by a mistake of ours")
            self._tell()
            self._rest(LOOK_S if self._looked else AGAIN_S)

    def _look(self) -> None:
        """Who is to be asked, and which gateways are to be heard of. What cannot be read stays as it was."""
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{self._namespace}/endpointslices"
        addresses = self._given or self._listed(slices, XDS, replica_addresses)
        pods = self._listed(f"/api/v1/namespaces/{self._namespace}/pods", GATEWAY, ready_pods)
        with self._condition:
            self._pods = self._pods if pods is None else pods
            self._looked = self._looked or addresses is not None
            for address in addresses or ():
                self._replicas.setdefault(address, _Replica(time.monotonic()))
            for address, one in self._replicas.items():
                one.wanted = one.wanted if addresses is None else address in addresses
                if one.wanted and not (one.thread and one.thread.is_alive()):
                    one.thread = Thread(target=self._follow, args=(address, one), name=f"acks-{address}", daemon=True)
                    one.thread.start()

    def _listed(self, path: str, selector: str, read: Callable[[Any], T]) -> T | None:
        """What is read from a list; None where there is none, of which it is said once why."""
        what, why, is_denied = path.rpartition("/")[2], "", False
        try:
            found = read(self._getter.request("GET", path, query={"labelSelector": selector}, timeout=TIMEOUT_S))
        except KubeError as error:
            found, why, is_denied = None, str(error), isinstance(error, Forbidden)
        if is_denied:
            self._denied.labels("list", what).inc()
        if why and why != self._troubles.get(what):
            log.warning("what gateways acknowledged may not be known, %s cannot be listed: %s", what, why)
        with self._condition:
            self._troubles[what] = why
            # To wait for a right would keep everybody waiting.
            self._looked = self._looked or (is_denied and selector == XDS)
        return found

    def _follow(self, address: str, one: _Replica) -> None:
        """Asks one replica, again and again, until it is not wanted any more."""
        pause = Backoff(0.2, 3.0)
        connection = _connection(address)
        while one.wanted and not self._ending:
            began, number = time.monotonic(), one.report.number if one.report and one.lost is None else None
            try:
                report = _ask(connection, number)
            except (OSError, HTTPException, ValueError, RecursionError) as error:
                connection.close()
                self._missed(one, str(error) or type(error).__name__)
                self._rest(pause.next())
                continue
            pause.reset()
            with self._condition:
                one.report, one.heard, one.lost, one.why = report, time.monotonic(), None, ""
            self._tell()
            # One that answers without news has too many that wait, and is not to be asked again at once.
            self._rest(began + (EACH_S if report.number != number else HURRIED_S) - time.monotonic())
        connection.close()
        self._missed(one, "it is not there any more")

    def _rest(self, seconds: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._ending, max(seconds, 0.0))

    def _missed(self, one: _Replica, why: str) -> None:
        with self._condition:
            one.why = why
            if one.lost is None:
                one.lost = time.monotonic()
        self._tell()

    def _tell(self) -> None:
        with self._condition:
            self._age()
            now = self._joined()
            before, self._last = self._last, now
            self._condition.notify_all()
        if now != before:
            self._on_change(before, now)

    def _age(self) -> None:
        now = time.monotonic()
        for one in self._replicas.values():
            if one.lost is None and now - one.heard > WAIT_S + 2 * PATIENCE_S:  # it answers, and never comes to an end
                one.lost, one.why = now, "it has not answered in time"
        for address in [it for it, one in self._replicas.items() if not one.wanted]:
            lost = self._replicas[address].lost
            if lost is not None and now - lost > COUNTED_S:
                del self._replicas[address]

    def _joined(self) -> Reported:
        now = time.monotonic()
        heard = [
            Heard(one.report, now - one.heard, None if one.lost is None else now - one.lost)
            for _, one in sorted(self._replicas.items())
            if one.report and (one.lost is None or now - one.lost <= COUNTED_S)
        ]
        if heard:
            return joined(heard, self._pods)
        return Reported(silence=self._silence()) if self._looked else Reported()

    def _silence(self) -> str:
        wanted = [(address, one) for address, one in sorted(self._replicas.items()) if one.wanted]
        if wanted:
            address, one = wanted[0]
            return f"no xds replica answers, of {len(wanted)}: {address}: {one.why or 'it has not answered yet'}"
        if trouble := self._troubles.get("endpointslices"):
            return f"xds replicas cannot be looked for: {trouble}"
        return (
            f'no gateway has reported yet: no xds replica is found in namespace "{self._namespace}"; run modelfleet xds'
            " with --metrics behind a Service there, or have the operator given --xds"
        )


def _connection(address: str) -> HTTPConnection:
    host, _, port = address.rpartition(":")
    return HTTPConnection(host.strip("[]"), int(port), timeout=CONNECT_WITHIN_S)


def _ask(connection: HTTPConnection, number: int | None) -> Report:
    """The newest report; where its last number is known, once there is another one, or after a while."""
    wait = 0 if number is None else WAIT_S
    _connect(connection, wait + PATIENCE_S)
    connection.request("GET", f"/acks?number={number}&wait={wait}" if wait else "/acks")
    answer = connection.getresponse()
    body = answer.read(LARGEST)
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"status {answer.status}")
    report = parse_report(json.loads(body))
    if report is None:
        raise ValueError("its answer is no report")
    if not report.gateways:
        raise ValueError("it has not looked at the fleet yet")
    return report


def _connect(connection: HTTPConnection, patience: float) -> None:
    """Who is not there is found out soon, and who has no news may be silent for long."""
    if connection.sock is None:
        connection.connect()
    connection.sock.settimeout(patience)
