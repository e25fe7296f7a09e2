"""Two gateways and all that programs them: taken down part by part, brought back, and asked what is in force."""

import http.client
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from tests.cluster.gateways.matrix import DIRECT, GATEWAYS, RELAYED, Down, Part
from tests.cluster.gateways.relays import Relay
from tests.cluster.gateways.roles import Envoy
from tests.cluster.gateways.scene import JSON, Scene
from tests.cluster.operator.objects import condition, url
from tests.cluster.operator.pods import pods
from tests.dataplane.support.client import chat, request
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy
from tests.testbed.process import Process

CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kwok")
POLICIES = ("plain", "ladder", "edited")
MODELS = """
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {name: small}
spec: {model: {name: llama}, engine: {name: sim}, scale: {replicas: 2}}
---
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {name: mid}
spec: {model: {name: qwen}, engine: {name: sim}, scale: {replicas: 1}}
"""
TIERS: Mapping[str, list[dict[str, Any]]] = {
    "plain": [{"name": "only", "models": [{"name": "small"}]}],
    "ladder": [{"name": "wanted", "models": [{"name": "mid"}]}, {"name": "next", "models": [{"name": "small"}]}],
}
MODEL = "modelfleet.dev/model"
LONG_S = 60.0


class Hasty(Api):
    """A client that waits for nobody."""

    def _connected(self) -> http.client.HTTPSConnection:
        connection = super()._connected()
        connection.timeout = 1.0
        return connection


class Fleet(Scene):
    """Three policies on two gateways: `plain` has one model, `ladder` falls, and `edited` is edited again and again."""

    def __init__(self, bed: Bed, proxy: FaultProxy) -> None:
        super().__init__(bed, proxy, GATEWAYS)
        self.namespace = f"test-{uuid.uuid4().hex[:8]}"
        self.number = 0
        """Of the newest edit that was tried; it is in the name of the only tier of `edited`."""
        self.taken = 0
        """Of the newest one that the API server took."""
        self._hasty = self.hasty()

    def __enter__(self) -> "Fleet":
        super().__enter__()
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.repair()
            self.api.delete(f"/api/v1/namespaces/{self.namespace}")
        finally:
            self._hasty.close()
            super().__exit__(*error)

    def _begin(self) -> None:
        expect(self.api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}}), HTTPStatus.CREATED)
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        wait_for("the namespace's account", lambda: self.api.get(account).status == HTTPStatus.OK)
        self.start_xds()
        self.start_xds()
        self.start_operator()
        self.apply(MODELS, self.namespace)
        self.apply([policy(name, tiers, len(tiers) > 1) for name, tiers in TIERS.items()], self.namespace)
        wait_for("an edit to be taken", self.edit)
        addresses = [one.address for one in self.xds]
        self.relay = Relay(self.folder, "relayed-0", addresses, RELAYED)
        self.relay.start()
        self.start_envoy("direct-0", addresses, DIRECT)
        self.start_envoy("relayed-0", [self.relay.address], RELAYED)
        self.repair()
        self.replicas = {
            model: [str(pod["status"]["podIP"]) for pod in pods(self.api, self.namespace) if _model(pod) == model]
            for model in ("small", "mid")
        }

    def _stop(self) -> None:
        super()._stop()
        if hasattr(self, "relay"):
            self.relay.stop()

    def hasty(self) -> Api:
        """A client of the API server for one thread, that gives up soon."""
        return Hasty(self.api.port, self.api._certificate, self.api._token)

    # What is down.

    def envoy(self, gateway: str) -> Envoy:
        """The only Envoy of a gateway."""
        return next(one for one in self.envoys if one.gateway == gateway)

    def take(self, downs: Iterable[Down]) -> None:
        """Kills or freezes these parts, all at once."""
        chosen = [(one, down.frozen) for down in downs for one in self._processes(down.part)]
        for one, frozen in chosen:
            if frozen:
                one.freeze()
            else:
                one.kill()

    def bring_back(self, downs: Iterable[Down]) -> None:
        """Starts or thaws these; returns when the API server works, if it can."""
        parts = {down.part for down in downs}
        for part in Part:
            # Of one xds it is not known any more which one it was.
            for one in self._processes(Part.XDS if part is Part.ONE_XDS else part) if part in parts else ():
                _wake(one)
            if part is Part.API and parts & {Part.ETCD, Part.API} and self._has_store():
                self._wait_for_the_server()

    def repair(self) -> None:
        """Brings back all that does not run, whatever that is, and waits until all is as it should be."""
        self.bring_back(Down(part) for part in Part)
        wait_for("ready nodes", self.bed._nodes_are_ready, LONG_S)
        for name in POLICIES:
            self.is_programmed(name, self.namespace, LONG_S)
        for gateway in GATEWAYS:
            wait_for(f"{gateway} to have it all", lambda it=gateway: self.edit_at(it) == self.taken, LONG_S)

    def _processes(self, part: Part) -> list[Process]:
        found: dict[Part, Callable[[], Iterable[Process]]] = {
            Part.ETCD: lambda: [self.bed.processes["etcd"]],
            Part.API: lambda: [self.bed.processes["kube-apiserver"]],
            # One that nobody is connected to would not be missed.
            Part.ONE_XDS: lambda: [max(self.xds, key=lambda one: one.metric("gateways_connected"))],
            Part.XDS: lambda: self.xds,
            Part.OPERATOR: lambda: self.operators,
            Part.RELAY: lambda: [self.relay] if hasattr(self, "relay") else [],
            Part.GATEWAY: lambda: self.envoys,
        }
        return list(found[part]())

    def _has_store(self) -> bool:
        return all(self.bed.processes[name].is_running() for name in ("etcd", "kube-apiserver"))

    def _wait_for_the_server(self) -> None:
        for name in CONTROLLERS:
            if not self.bed.processes[name].is_running():
                self.bed.processes[name].start()
        self.bed._wait_until_ready()

    # What is declared.

    def edit(self) -> bool:
        """Edits `edited`; whether the API server took it at once."""
        self.number += 1
        tiers = [{"name": f"v{self.number}", "models": [{"name": "small"}]}]
        path = f"/apis/modelfleet.dev/v1alpha1/namespaces/{self.namespace}/routingpolicies/edited"
        try:
            answer = self._hasty.apply(path, policy("edited", tiers, falls=False))
        except (http.client.HTTPException, OSError):
            return False
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            return False
        self.taken = self.number
        return True

    def seen(self, name: str) -> dict[str, Any]:
        """A policy as the API server has it."""
        found: dict[str, Any] = expect(self.api.get(url("RoutingPolicy", self.namespace, name)), HTTPStatus.OK)
        return found

    # What is in force.

    def edit_at(self, gateway: str) -> int:
        """The number of the edit that a gateway has in force; 0 where it does not answer."""
        try:
            answer = request(self.address(gateway), "POST", headers=JSON, body=chat("edited"), timeout=1.0)
        except OSError:
            return 0
        values = answer.header_values("x-modelfleet-tier") if answer.status == HTTPStatus.OK else []
        return int(values[0].removeprefix("v")) if values else 0

    def told(self, name: str) -> dict[str, Any]:
        """What Programmed says of a policy as it is at present, with the time since which it says so."""
        return condition(self.api, "RoutingPolicy", self.namespace, name, "Programmed")


def policy(name: str, tiers: list[dict[str, Any]], falls: bool) -> dict[str, Any]:
    """A policy on both gateways, for the model of its own name; one that falls goes from each tier to the last.

    With a ladder nothing is repeated on a rung unless that is said, and a replica that has just died is on each.
    """
    spec = {"serves": {"models": [name], "gateways": list(GATEWAYS)}, "tiers": tiers}
    more = {"degrade": [{"tier": tiers[-1]["name"]}], "retries": {"attempts": 1}} if falls else {}
    metadata = {"name": name}
    return {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "RoutingPolicy", "metadata": metadata, "spec": spec | more}


def seconds_until(what: str, holds: Any, patience: float) -> float:
    """How long it takes until it holds."""
    began = time.monotonic()
    wait_for(what, holds, patience)
    return time.monotonic() - began


def _model(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get(MODEL))


def _wake(process: Process) -> None:
    if process.is_running():
        process.thaw()
    else:
        process.start()
