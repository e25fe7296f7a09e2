"""A fleet of gateways for a test: xds replicas, Envoys, an operator, and engines in simulated pods."""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.gateways.roles import Envoy, Xds
from tests.cluster.operator.objects import condition, status, wait_for_condition
from tests.cluster.operator.process import Operator, lasting_port
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Address, chat, request
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy

LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/modelfleet-operator"
JSON = [("content-type", "application/json")]
PLURALS = {
    "ModelDeployment": "modeldeployments",
    "RoutingPolicy": "routingpolicies",
    "HardwareClass": "hardwareclasses",
}


class Scene:
    """What a platform team runs. What it starts ends with it."""

    def __init__(self, bed: Bed, proxy: FaultProxy, gateways: Iterable[str] = ("default",), more: str = "") -> None:
        """`more` is what the option says of each gateway beside its address and records: `,roots=PATH`."""
        self._more = more
        self.bed, self.proxy, self.api = bed, proxy, bed.api
        self.ports = {name: lasting_port() for name in gateways}
        self.xds: list[Xds] = []
        self.envoys: list[Envoy] = []
        self.operators: list[Operator] = []
        self._stack = ExitStack()

    def __enter__(self) -> "Scene":
        self.bed.api.delete(LEASE)
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mf-gw-")))
        self._stack.callback(self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop(self) -> None:
        for one in (*self.operators, *self.envoys, *self.xds):
            one.stop()

    # What runs.

    def start_xds(self, name: str = "", *options: str) -> Xds:
        """A replica, ready. All of them have the same gateways."""
        made = Xds(self.proxy, name or f"xds-{len(self.xds)}", self._gateways(), *options)
        self.xds.append(made)
        made.start()
        made.wait_until_ready()
        return made

    def start_operator(self, name: str = "of-gateways", *options: str) -> Operator:
        """An operator that leads and knows the replicas that were started before."""
        replicas = (f"--xds=http://{one.metrics}" for one in self.xds)
        made = Operator(self.proxy, name, *replicas, *options)
        self.operators.append(made)
        made.start()
        made.wait_until_ready()
        made.wait_until_leading()
        return made

    def start_envoy(
        self,
        node: str = "gw-0",
        xds: Iterable[str] | None = None,
        gateway: str = "default",
        workers: int = 1,
        folder: Path | None = None,
    ) -> Envoy:
        """An Envoy that serves; it joins all replicas that were started before, or the addresses given.

        It looks for files of relative paths in the folder.
        """
        addresses = [one.address for one in self.xds] if xds is None else list(xds)
        made = Envoy(folder or self.folder, node, addresses, gateway, workers)
        self.envoys.append(made)
        made.start()
        made.wait_until_ready()
        return made

    def _gateways(self) -> list[str]:
        return [
            f"{name}=127.0.0.1:{port},records={self.folder / name}.jsonl{self._more}"
            for name, port in self.ports.items()
        ]

    # What is declared.

    def apply(self, manifests: str | Iterable[Mapping[str, Any]], namespace: str) -> None:
        """Applies YAML or objects, each into the namespace that it names, else into this one."""
        objects = yaml.safe_load_all(manifests) if isinstance(manifests, str) else manifests
        for one in objects:
            where = "" if one["kind"] == "HardwareClass" else one["metadata"].get("namespace", namespace)
            path = f"/apis/modelfleet.dev/v1alpha1/{where and f'namespaces/{where}/'}{PLURALS[one['kind']]}"
            expect(self.api.apply(f"{path}/{one['metadata']['name']}", one), HTTPStatus.OK, HTTPStatus.CREATED)

    def becomes(self, policy: str, namespace: str, type_: str, wanted: str, patience: float = 30) -> str:
        """The message of a policy's condition, once its status or reason is as wanted for the present generation."""
        found = wait_for_condition(self.api, "RoutingPolicy", namespace, policy, type_, wanted, patience)
        return str(found["message"])

    def is_programmed(self, policy: str, namespace: str, patience: float = 30) -> str:
        """The message, once it is in force everywhere."""
        return self.becomes(policy, namespace, "Programmed", "True", patience)

    def says(self, policy: str, namespace: str, type_: str = "Programmed") -> dict[str, Any]:
        """A condition of a policy as it stands."""
        return condition(self.api, "RoutingPolicy", namespace, policy, type_)

    def status(self, policy: str, namespace: str) -> dict[str, Any]:
        """The whole status of a policy."""
        return status(self.api, "RoutingPolicy", namespace, policy)

    # What users get.

    def address(self, gateway: str = "default") -> Address:
        """Where the Envoys of a gateway listen."""
        return "127.0.0.1", self.ports[gateway]

    def ask(self, model: str, gateway: str = "default", timeout: float = 10.0, **extra: Any) -> Answer:
        """A chat completion through a gateway."""
        return request(self.address(gateway), "POST", "/v1/chat/completions", JSON, chat(model, **extra), timeout)

    def answers(self, model: str, gateway: str = "default", patience: float = 30) -> Answer:
        """The first answer that is a success."""
        last: list[Answer] = []

        def is_served() -> bool:
            last[:] = [self.ask(model, gateway)]
            return last[0].status == HTTPStatus.OK

        wait_for(f"{model} to be answered by {gateway}", is_served, patience)
        return last[0]
