"""A writer of children in this process, behind a proxy, with a store that real watches fill; and what it writes."""

import contextlib
import copy
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any

from modelfleet.controllers.children import ChildSync
from modelfleet.controllers.families import family_of
from modelfleet.findings import Key
from modelfleet.fleet.parse import key_of
from modelfleet.kube.client import Client
from modelfleet.kube.errors import NotFound
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.kinds import BY_KIND, Scope, scopes
from modelfleet.sources.store import Change, FleetStore
from modelfleet.telemetry import WriterTelemetry
from tests.cluster.operator.objects import manifest, url
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy, Write
from tests.testbed.faults.clients import CUT, TOKEN, connect

MODEL, ON = "chat", "cpu"
LABELS = {"modelfleet.dev/model": MODEL, "app.kubernetes.io/managed-by": "modelfleet"}
Object = dict[str, Any]


class Desk:
    """The writer, who feeds it, and what is to be there."""

    def __init__(self, client: Client, proxy: FaultProxy, namespace: str) -> None:
        self.client, self.proxy, self.namespace = client, proxy, namespace
        self.leads, self.heard = True, 0
        self.scopes = scopes((namespace,))
        self.store = FleetStore(self.scopes)
        bucket = TokenBucket(500, 500)
        self.children = ChildSync(client, self.store, lambda: self.leads, bucket, WriterTelemetry(), self._refusal)

    def fill(self) -> list[Scope]:
        """Lists everything; what there is to be watched."""
        for scope in self.scopes:
            try:
                listed = self.client.list(dict, scope.path, scope.watched.selector)
                self.store.replace(scope, listed.items, listed.version)
            except NotFound:
                assert scope.watched.optional
                self.store.lack(scope)
        assert self.store.is_filled
        return [scope for scope in self.scopes if scope not in self.store.absent()]

    def observe(self, raw: Mapping[str, Any], *, gone: bool) -> None:
        """What a watch tells."""
        if self.store.observe(raw, gone=gone) >= Change.MADE:
            self.children.look(key_of(raw, ""))

    def _refusal(self) -> None:
        self.heard += 1

    def want(self, uid: str, *objects: Object, kept: Mapping[Key, int] | None = None) -> None:
        """What is to be there for the model from now on."""
        model = Key("ModelDeployment", self.namespace, MODEL)
        wait_for("the model to be seen", lambda: (seen := self.store.sight(model)) and seen.uid == uid)
        self.children.apply({model: family_of(model, uid, copy.deepcopy(objects), kept)})

    def troubles(self) -> list[tuple[str, str]]:
        """What cannot be made, as reason and message."""
        return [(one.reason.value, one.message) for found in self.children.refused().values() for one in found]

    def writes(self, since: int = 0) -> list[Write]:
        return [write for write in self.proxy.writes[since:] if write.client == "writer"]


class Feed:
    """A watch of one kind, read by a thread."""

    def __init__(self, desk: Desk, scope: Scope) -> None:
        self._desk = desk
        self._connection = connect(desk.proxy, "feed", timeout=120)
        self._connection.request(
            "GET", f"{scope.path}?watch=true&labelSelector={scope.watched.selector}", headers=TOKEN
        )
        self._answer = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Feed":
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(*CUT, OSError):
            while piece := self._answer.read1():
                *whole, rest = (rest + piece).split(b"\n")
                for event in map(json.loads, whole):
                    self._desk.observe(event["object"], gone=event["type"] == "DELETED")


@contextmanager
def writing(client: Client, proxy: FaultProxy, namespace: str) -> Iterator[Desk]:
    """A desk whose watches run."""
    desk = Desk(client, proxy, namespace)
    with ExitStack() as feeds:
        for scope in desk.fill():
            feeds.enter_context(Feed(desk, scope))
        desk.children.start()
        try:
            yield desk
        finally:
            desk.children.stop()


def make_model(bed: Bed, namespace: str) -> str:
    """The model that owns everything; its uid."""
    spec = {"model": {"name": "m"}, "engine": {"name": "sim"}}
    path = url("ModelDeployment", namespace, MODEL)
    made = expect(
        bed.api.apply(path, manifest("ModelDeployment", MODEL, namespace, spec)), HTTPStatus.OK, HTTPStatus.CREATED
    )
    return str(made["metadata"]["uid"])


def _made(api_version: str, kind: str, name: str, namespace: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": dict(LABELS)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def service(namespace: str) -> Object:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]
    return _made("v1", "Service", MODEL, namespace, {"selector": dict(LABELS), "ports": ports, "type": "ClusterIP"})


def budget(namespace: str) -> Object:
    return _made(
        "policy/v1",
        "PodDisruptionBudget",
        MODEL,
        namespace,
        {"maxUnavailable": 1, "selector": {"matchLabels": dict(LABELS)}},
    )


def autoscaler(namespace: str) -> Object:
    target = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "name": MODEL}
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
    spec["metrics"] = [{"type": "Resource", "resource": resource}]
    return _made("autoscaling/v2", "HorizontalPodAutoscaler", MODEL, namespace, spec)


def scaled_object(namespace: str) -> Object:
    return _made("keda.sh/v1alpha1", "ScaledObject", MODEL, namespace, {"minReplicaCount": 1})


def claim(namespace: str) -> Object:
    requests = [{"name": "unit", "exactly": {"deviceClassName": "gpu.example.com", "count": 2}}]
    return _made(
        "resource.k8s.io/v1", "ResourceClaimTemplate", MODEL, namespace, {"spec": {"devices": {"requests": requests}}}
    )


def deployment(namespace: str, name: str = ON, replicas: int = 1) -> Object:
    """One as an engine's: with a list of each sort that there is."""
    on = {**LABELS, "modelfleet.dev/hardware-class": name}
    term = {"matchExpressions": [{"key": "modelfleet.example.com/pool", "operator": "In", "values": ["cpu-large"]}]}
    container = {
        "name": "engine",
        "image": "registry.example.com/engine:1",
        "args": ["--port=8000"],
        "env": [
            {"name": "HOME", "value": "/cache"},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "ports": [{"name": "http", "containerPort": 8000, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "500m", "memory": "4Gi"}, "limits": {"memory": "4Gi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
    }
    spread = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    pod = {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}},
        "tolerations": [{"key": "example.com/cpu", "operator": "Exists", "effect": "NoSchedule"}],
        "topologySpreadConstraints": [{**spread, "labelSelector": {"matchLabels": on}}],
        "automountServiceAccountToken": False,
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 610,
        "volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}],
    }
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": on},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "progressDeadlineSeconds": 2400,
        "revisionHistoryLimit": 3,
        "template": {"metadata": {"labels": on}, "spec": pod},
    }
    made = _made("apps/v1", "Deployment", f"{MODEL}-{name}", namespace, spec)
    made["metadata"]["labels"] = on
    return made


def path_of(one: Object) -> str:
    """Where an object is."""
    return f"{BY_KIND[one['kind']].path(one['metadata']['namespace'])}/{one['metadata']['name']}"


def live(api: Api, one: Object) -> Object:
    """The object as it is in the cluster; empty where it is not there."""
    answer = api.get(path_of(one))
    return dict(answer.body) if answer.status == HTTPStatus.OK else {}


def wait_until_made(api: Api, *objects: Object, patience: float = 10) -> None:
    for one in objects:
        wait_for(f"the {one['kind']}", lambda of=one: live(api, of), patience)


def wait_until_gone(api: Api, *objects: Object, patience: float = 30) -> None:
    for one in objects:
        wait_for(f"the {one['kind']} to be gone", lambda of=one: not live(api, of), patience)
