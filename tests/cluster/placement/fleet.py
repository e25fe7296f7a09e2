"""A corner of the cluster that is a test's own: its nodes, classes and models, and where their replicas are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

from tests.cluster.operator.objects import gone, make, manifest, status, url, wait_for_condition
from tests.cluster.operator.process import settled
from tests.cluster.placement.ground import GPU, POOL, TPU, Ground
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect, is_true

MODEL, HARDWARE = "modelfleet.dev/model", "modelfleet.dev/hardware-class"
ONE_GPU = {GPU: "1"}
QUICK = {"pendingTimeout": "1s", "returnAfter": "2s"}
"""What a test waits for, where a user waits for minutes."""
PATIENCE = 30.0
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
Choice = str | tuple[str, int]


class Where(NamedTuple):
    """The replicas of a model by class: those with a node, and those that wait for one."""

    running: dict[str, int]
    waiting: dict[str, int]


class Fleet(Ground):
    """What a user has: nodes, classes and models. Names are the test's; in the cluster they end in its namespace."""

    def __init__(self, bed: Bed, namespace: str) -> None:
        super().__init__(bed, namespace)
        self._classes: set[str] = set()
        self._priorities: list[str] = []

    def hardware(
        self, name: str, unit: Mapping[str, str] | None = None, *, pool: str = "", device: str = "", **spec: Any
    ) -> None:
        """Makes or changes a class: the nodes of the pool of its name; one CPU is a unit if nothing is said."""
        takes = dict(unit or {"cpu": "1", "memory": "1Gi"})
        family = "gpu" if GPU in takes else "accelerator" if TPU in takes else "cpu"
        nodes = {"selector": {POOL: self.own(pool or name)}, **spec.pop("nodes", {})}
        price = {"perUnitHour": "0.50"}
        claimed = {"deviceClass": device} if device else {}
        whole = {"family": family, "nodes": nodes, "unit": {"resources": takes, **claimed}, "price": price, **spec}
        make(self.api, manifest("HardwareClass", self.own(name), "", whole))
        self._classes.add(name)

    def furnish(self) -> "Fleet":
        """A node with two GPUs, one with CPUs, and a class for each."""
        self.nodes("gpu", gpu="2")
        self.nodes("cpu")
        self.wait_until_up()
        self.hardware("gpu", ONE_GPU)
        self.hardware("cpu")
        return self

    def without_class(self, name: str) -> None:
        """Deletes a class."""
        gone(self.api, "HardwareClass", "", self.own(name))
        self._classes.discard(name)

    def model(self, name: str, *classes: Choice, replicas: int = 1, **spec: Any) -> None:
        """Makes or changes a model that may run on these classes, in this order, else on any node."""
        chosen = [(one, 1) if isinstance(one, str) else one for one in classes]
        listed = [{"name": self.own(one), "units": units} for one, units in chosen]
        placement = {**QUICK, "classes": listed, **spec.pop("placement", {})} if listed else None
        whole = {
            "model": {"name": "m"},
            "engine": {"name": "sim"},
            "scale": {"replicas": replicas, **spec.pop("scale", {})},
            **({"placement": placement} if placement else {}),
            **spec,
        }
        make(self.api, manifest("ModelDeployment", name, self.namespace, whole))

    def edit(self, name: str, **spec: Any) -> None:
        """Changes a part of a model's spec and leaves the others."""
        expect(self.api.merge(url("ModelDeployment", self.namespace, name), {"spec": spec}), HTTPStatus.OK)

    def scale(self, name: str, replicas: int) -> None:
        """Does as `kubectl scale` and autoscalers do."""
        path = f"{url('ModelDeployment', self.namespace, name)}/scale"
        expect(self.api.merge(path, {"spec": {"replicas": replicas}}), HTTPStatus.OK)

    def priority(self, name: str, value: int) -> str:
        """Makes a PriorityClass; what it is called in the cluster."""
        self._priorities.append(self.own(name))
        expect(self.api.create(PRIORITIES, {"metadata": {"name": self.own(name)}, "value": value}), HTTPStatus.CREATED)
        return self.own(name)

    def squatter(self, pool: str, name: str = "squatter", *, priority: str = "", **amounts: str) -> None:
        """A pod of somebody else, which the scheduler puts on a node of the pool where there is room."""
        resources = {self._resource(resource): text for resource, text in amounts.items()}
        spec = {
            "nodeSelector": {POOL: self.own(pool)},
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "a", "image": "a", "resources": {"requests": resources, "limits": resources}}],
            **({"priorityClassName": priority} if priority else {}),
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        expect(self.api.create(path, {"metadata": {"name": name}, "spec": spec}), HTTPStatus.CREATED)
        wait_for(
            f"{name} to run", lambda: expect(self.api.get(f"{path}/{name}"), HTTPStatus.OK)["spec"].get("nodeName")
        )

    def leaves(self, name: str = "squatter") -> None:
        """Takes such a pod away again."""
        expect(self.api.delete(f"/api/v1/namespaces/{self.namespace}/pods/{name}"), HTTPStatus.OK)

    def pods(self, model: str = "m") -> list[dict[str, Any]]:
        """The replicas of a model: pods that are neither asked to go nor at their end."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={MODEL}%3D{model}"
        items = expect(self.api.get(path), HTTPStatus.OK)["items"]
        return [pod for pod in items if is_replica(pod)]

    def where(self, model: str = "m") -> Where:
        """Where they are at this moment."""
        running, waiting = Counter[str](), Counter[str]()
        for pod in self.pods(model):
            name = self.local(pod["metadata"]["labels"].get(HARDWARE, ""))
            (running if pod["spec"].get("nodeName") else waiting)[name] += 1
        return Where(dict(running), dict(waiting))

    def local(self, name: str) -> str:
        """A name of the cluster as the test has it."""
        return name.removesuffix(f"-{self.namespace}")

    def on(self, model: str = "m", label: str = "kubernetes.io/hostname") -> dict[str, int]:
        """The replicas that have a node, by a label of their nodes."""
        names = [pod["spec"]["nodeName"] for pod in self.pods(model) if pod["spec"].get("nodeName")]
        return dict(Counter(self.seen(name)["metadata"]["labels"][label] for name in names))

    def runs_on(self, model: str = "m", /, *, patience: float = PATIENCE, **classes: int) -> None:
        """Waits until so many replicas are ready on these classes, and none is anywhere else or waits."""
        wanted = Where({name: count for name, count in classes.items() if count}, {})

        def holds() -> bool:
            return self.where(model) == wanted and all(is_true(pod, "Ready") for pod in self.pods(model))

        self._comes_true(f"{model} to run on {wanted.running}", holds, model, patience)

    def comes_to(self, wanted: Where, model: str = "m", patience: float = PATIENCE) -> None:
        """Waits until replicas run and wait as given."""
        self._comes_true(f"{model} to be at {wanted}", lambda: self.where(model) == wanted, model, patience)

    def _comes_true(self, what: str, holds: Any, model: str, patience: float) -> None:
        try:
            wait_for(what, holds, patience)
        except TimeoutError as error:
            said = status(self.api, "ModelDeployment", self.namespace, model)
            raise AssertionError(f"{error}; there are {self.where(model)}, and it says {said}") from None

    def classes(self, model: str = "m") -> dict[str, dict[str, Any]]:
        """What the model says of each class."""
        found = status(self.api, "ModelDeployment", self.namespace, model).get("classes", [])
        return {self.local(one["name"]): one for one in found}

    def says(self, hardware: str, reason: str, model: str = "m", patience: float = PATIENCE) -> str:
        """The message on a class, once the model gives this reason for it."""
        self._comes_true(
            f"{model} to say {reason} of {hardware}",
            lambda: self.classes(model).get(hardware, {}).get("reason") == reason,
            model,
            patience,
        )
        return str(self.classes(model)[hardware].get("message", ""))

    def status(self, model: str = "m") -> dict[str, Any]:
        """The status of the model."""
        return status(self.api, "ModelDeployment", self.namespace, model)

    def condition(self, type_: str, wanted: str, model: str = "m", patience: float = PATIENCE) -> str:
        """The message of a condition of the model, once its status or reason is as wanted."""
        found = wait_for_condition(self.api, "ModelDeployment", self.namespace, model, type_, wanted, patience)
        return str(found["message"])

    def of_class(self, hardware: str) -> dict[str, Any]:
        """The status of a class."""
        return status(self.api, "HardwareClass", "", self.own(hardware))

    def class_is(self, hardware: str, type_: str, wanted: str) -> str:
        """The message of a condition of a class, once its status or reason is as wanted."""
        found = wait_for_condition(self.api, "HardwareClass", "", self.own(hardware), type_, wanted)
        return str(found["message"])

    def stays(self, seconds: float = 1.5, model: str = "m") -> None:
        """Asserts for a while that no replica comes, goes or moves."""
        before = {pod["metadata"]["uid"]: pod["spec"].get("nodeName") for pod in self.pods(model)}

        def is_as_before() -> None:
            assert {pod["metadata"]["uid"]: pod["spec"].get("nodeName") for pod in self.pods(model)} == before

        settled(is_as_before, seconds)

    def made(self, plural: str, group: str = "apis/apps/v1") -> list[dict[str, Any]]:
        """The objects of a kind in the test's namespace."""
        path = f"/{group}/namespaces/{self.namespace}/{plural}"
        items: list[dict[str, Any]] = expect(self.api.get(path), HTTPStatus.OK)["items"]
        return items

    def without_models(self) -> None:
        """Deletes all models."""
        expect(self.api.delete(url("ModelDeployment", self.namespace)), HTTPStatus.OK)

    def without_classes(self) -> None:
        """Deletes all classes."""
        for name in sorted(self._classes):
            self.api.delete(url("HardwareClass", "", self.own(name)))
        self._classes.clear()

    def end(self) -> None:
        """Takes all of it away, in an order in which everything can end."""
        self.without_models()
        wait_for("what was made for models to be gone", lambda: not self.made("deployments"), PATIENCE)
        self.clear_pods()
        self.without_classes()
        for name in self._priorities:
            self.api.delete(f"{PRIORITIES}/{name}")
        self.clear()

    def _resource(self, short: str) -> str:
        return {"gpu": GPU, "tpu": TPU}.get(short, short)


def is_replica(pod: Mapping[str, Any]) -> bool:
    """Whether it is neither asked to go nor at its end."""
    return "deletionTimestamp" not in pod["metadata"] and pod["status"].get("phase") not in ("Failed", "Succeeded")


@contextmanager
def corner(bed: Bed, namespace: str) -> Iterator[Fleet]:
    """A corner of the cluster, swept at the end."""
    fleet = Fleet(bed, namespace)
    try:
        yield fleet
    finally:
        fleet.end()
