"""Models with many replicas, to be churned: nodes, a policy for each model, and pods that end in one of two ways."""

import fcntl
import socket
import struct
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from tests.cluster.gateways.census import Census
from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.objects import make, routed
from tests.cluster.placement.fleet import MODEL, Fleet
from tests.testbed.api import wait_for
from tests.testbed.bed import ADMIN, Bed, expect
from tests.testbed.faults import FaultProxy
from tests.testbed.namespace import SIOCSIFADDR, SIOCSIFNETMASK

ADDRESS, DRAIN = "modelfleet.dev/test-address", "modelfleet.dev/test-drain"
DRAINS_FOR = "2500ms"
ZONES = ("eu-a", "eu-b", "us-a")
ANYWHERE = ("10.128.0.1", "255.192.0.0")
"""Where the addresses of pods are that ask for "any" one."""
MOST_REPEATS = 11
"""A node takes several replicas of a model with it, and each may be asked in vain, once."""
PATIENCE_S = 180.0


class Straight(FaultProxy):
    """No proxy at all: thousands of pods on their way through this process would be part of what is measured."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed

    def kubeconfig(self, name: str, user: str = ADMIN) -> Path:
        return self._bed.write_kubeconfig(self._bed.folder / f"{name}-{user}.kubeconfig", user, self._bed.port)


def open_addresses() -> None:
    """Makes the addresses that pods may ask for local, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, address in zip((SIOCSIFADDR, SIOCSIFNETMASK), ANYWHERE, strict=True):
            fcntl.ioctl(control, request, struct.pack("16sH2x4s8x", b"lo:2", socket.AF_INET, socket.inet_aton(address)))


def put_up(fleet: Fleet, nodes: int) -> list[str]:
    """Nodes over three zones of two regions, and a class of hardware that they are; their names."""
    made = [
        name for zone in ZONES for name in fleet.nodes("cpu", nodes // len(ZONES), zone=zone, cpu="64", memory="256Gi")
    ]
    fleet.hardware("cpu")
    fleet.wait_until_up()
    return made


def declare(scene: Scene, fleet: Fleet, census: Census, replicas: Mapping[str, int], repeats: int | None) -> None:
    """Makes the models with a policy for each. Of every other one a pod that is asked to go is Terminating for a while
    and serves; of the others it is deleted at once, although its process goes on as long.
    """
    open_addresses()
    for model in replicas:
        fleet.model(model, "cpu", model={"name": model})
        policy = routed(f"of-{model}", fleet.namespace, model, serves=model)
        if repeats:
            policy["spec"]["retries"] = {"attempts": repeats}
        make(fleet.api, policy)
    wait_for("the Deployments", lambda: len(fleet.made("deployments")) == len(replicas))
    drains = dict(zip(sorted(replicas), ({DRAIN: DRAINS_FOR}, {ADDRESS: "any"}) * len(replicas), strict=False))
    for one in fleet.made("deployments"):
        path = f"/apis/apps/v1/namespaces/{fleet.namespace}/deployments/{one['metadata']['name']}"
        annotations = drains[one["metadata"]["labels"][MODEL]]
        template = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        expect(fleet.api.merge(path, template), HTTPStatus.OK)
    for model, count in replicas.items():
        fleet.scale(model, count)
    census.wait_for_ready(replicas, PATIENCE_S)
    settle(scene, fleet, census, replicas)


def sweep(fleet: Fleet) -> None:
    """Takes away so many pods in less time than one after the other would take."""
    fleet.without_models()
    wait_for("the Deployments to be gone", lambda: not fleet.made("deployments"), PATIENCE_S)
    fleet.api.request("DELETE", f"/api/v1/namespaces/{fleet.namespace}/pods", {"gracePeriodSeconds": 0})


def settle(scene: Scene, fleet: Fleet, census: Census, models: Iterable[str]) -> None:
    """Waits until the gateway has the replicas that are ready, and nobody else."""
    envoy = scene.envoys[0]

    def is_known(model: str) -> bool:
        before = {life.address for life in census.ready(model)}
        known = envoy.endpoints(f"{fleet.namespace}/{model}")
        return before == known == {life.address for life in census.ready(model)}

    for model in models:
        wait_for(f"the gateway to have the replicas of {model}", lambda of=model: is_known(of))


def slices(fleet: Fleet, model: str) -> list[int]:
    """How many endpoints the slices of a model have."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{fleet.namespace}/endpointslices?labelSelector={MODEL}%3D{model}"
    found = expect(fleet.api.get(path), HTTPStatus.OK)["items"]
    return sorted(len(one["endpoints"] or ()) for one in found)
