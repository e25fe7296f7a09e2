"""The nodes that a test puts up, and what happens to nodes: they are cordoned, tainted, drained, die and come back."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect, is_true
from tests.testbed.nodes import Hardware, node

POOL = "test.modelfleet.dev/pool"
GPU, TPU = "nvidia.com/gpu", "google.com/tpu"
SHORT = {"gpu": GPU, "tpu": TPU}
"""Words of a test for names that are none."""
FAKE = "kwok.x-k8s.io/node"
NOT_READY = "node.kubernetes.io/not-ready"
Taint = Mapping[str, str]


def taint(key: str, effect: str = "NoSchedule", value: str = "") -> dict[str, str]:
    """One taint of a node."""
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


class Ground:
    """Simulated nodes with names and labels of a test's own, on which nobody else schedules anything."""

    def __init__(self, bed: Bed, namespace: str) -> None:
        self.api = bed.api
        self.namespace = namespace
        self._names: list[str] = []

    def own(self, name: str) -> str:
        """What a name of the test is called in the cluster, where others have theirs, too."""
        return f"{name}-{self.namespace}"

    def nodes(
        self,
        pool: str,
        count: int = 1,
        *,
        zone: str = "eu-a",
        taints: Sequence[Taint] = (),
        alive: bool = True,
        **amounts: str,
    ) -> list[str]:
        """Puts up nodes of a pool, in the zone `REGION-LETTER`; without amounts they have 16 CPUs. Their names."""
        resources = {"cpu": "16", "memory": "64Gi"} | {SHORT.get(name, name): text for name, text in amounts.items()}
        hardware = Hardware(pool, {POOL: self.own(pool)}, resources, tuple(taints))
        made = []
        for _ in range(count):
            name = self.own(f"{pool}-{len(self._names)}")
            raw = node(name, hardware, zone.rpartition("-")[0], zone)
            if not alive:
                del raw["metadata"]["annotations"]
            expect(self.api.create("/api/v1/nodes", raw), HTTPStatus.CREATED)
            self._names.append(name)
            made.append(name)
        return made

    def wait_until_up(self) -> None:
        """Until every node that is to live takes pods."""
        wait_for("nodes to be ready", lambda: all(_takes_pods(self.seen(name)) for name in self._names))

    def seen(self, name: str) -> dict[str, Any]:
        """The node as the API server has it."""
        found: dict[str, Any] = expect(self.api.get(f"/api/v1/nodes/{name}"), HTTPStatus.OK)
        return found

    def change(self, name: str, **metadata: Any) -> None:
        """Changes labels or annotations."""
        expect(self.api.merge(f"/api/v1/nodes/{name}", {"metadata": metadata}), HTTPStatus.OK)

    def cordon(self, *names: str, on: bool = True) -> None:
        """Takes nodes out of service for new pods, or back into it."""
        for name in names:
            expect(self.api.merge(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": on}}), HTTPStatus.OK)

    def taint(self, name: str, *taints: Taint) -> None:
        """Gives the node these taints, and takes its others; what Kubernetes itself has put there is nobody's."""
        expect(self.api.merge(f"/api/v1/nodes/{name}", {"spec": {"taints": list(taints)}}), HTTPStatus.OK)

    def holds(self, name: str, **amounts: str) -> None:
        """Has the kubelet report other amounts."""
        allocatable = {SHORT.get(resource, resource): text for resource, text in amounts.items()}
        expect(self.api.merge(f"/api/v1/nodes/{name}/status", {"status": {"allocatable": allocatable}}), HTTPStatus.OK)

    def dies(self, name: str) -> None:
        """Its kubelet falls silent. Kubernetes would notice after 40 seconds; here it is told at once."""
        self.change(name, annotations={FAKE: None})
        conditions = [one for one in self.seen(name)["status"]["conditions"] if one["type"] != "Ready"]
        down = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "gone silent"}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions.append(down | {"lastTransitionTime": stamp, "lastHeartbeatTime": stamp})
        expect(self.api.merge(f"/api/v1/nodes/{name}/status", {"status": {"conditions": conditions}}), HTTPStatus.OK)

    def revives(self, name: str) -> None:
        """Its kubelet speaks again."""
        self.change(name, annotations={FAKE: "fake"})
        wait_for(f"{name} to be ready", lambda: _takes_pods(self.seen(name)))

    def pods_on(self, *names: str) -> list[dict[str, Any]]:
        """The pods of this test there that nothing has asked to go."""
        items = expect(self.api.get(f"/api/v1/namespaces/{self.namespace}/pods"), HTTPStatus.OK)["items"]
        return [
            pod for pod in items if pod["spec"].get("nodeName") in names and "deletionTimestamp" not in pod["metadata"]
        ]

    def evict(self, pod: Mapping[str, Any]) -> int:
        """Asks for a pod to go as a drain does; 429 where a budget says no."""
        name = pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}/eviction"
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        return int(self.api.create(path, body).status)

    def drain(self, *names: str) -> None:
        """Does as `kubectl drain` does: no new pods, and all that are there are asked to go until they have."""
        self.cordon(*names)

        def is_empty() -> bool:
            left = self.pods_on(*names)
            for pod in left:
                self.evict(pod)
            return not left

        wait_for(f"{', '.join(names)} to be drained", is_empty, pause=0.2)

    def vanish(self, *names: str) -> None:
        """The machines are gone: their nodes, and their pods as Kubernetes takes them away a minute later."""
        lost = self.pods_on(*names)
        for name in names:
            expect(self.api.delete(f"/api/v1/nodes/{name}"), HTTPStatus.OK)
        self._names = [name for name in self._names if name not in names]
        for pod in lost:
            self._forget(pod)

    def clear(self) -> None:
        """Takes down all nodes."""
        for name in self._names:
            self.api.delete(f"/api/v1/nodes/{name}")
        self._names.clear()

    def clear_pods(self) -> None:
        """Ends what is left on nodes whose kubelets can no longer do it."""
        for pod in expect(self.api.get(f"/api/v1/namespaces/{self.namespace}/pods"), HTTPStatus.OK)["items"]:
            self._forget(pod)

    def _forget(self, pod: Mapping[str, Any]) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
        self.api.request("DELETE", path, {"gracePeriodSeconds": 0})


def _takes_pods(raw: Mapping[str, Any]) -> bool:
    if FAKE not in raw["metadata"].get("annotations", {}):
        return True
    return is_true(raw, "Ready") and all(one["key"] != NOT_READY for one in raw["spec"].get("taints", ()))
