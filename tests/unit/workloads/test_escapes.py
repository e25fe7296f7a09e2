"""What a tenant may try, to get more from a model than its replicas: it is refused, or it is a word to the engine."""

import json
from typing import Any

import pytest
import yaml

from tests.support.documents import findings, model
from tests.unit.workloads.made import children, pod

BAIT = "/var/run/docker.sock"
# Fields that a pod has and a model has not, each where somebody would look for it.
OF_PODS = (
    "hostNetwork: true",
    "hostPID: true",
    "hostIPC: true",
    "shareProcessNamespace: true",
    "serviceAccountName: modelfleet-operator",
    "automountServiceAccountToken: true",
    "nodeName: control-plane",
    "securityContext: {runAsUser: 0}",
    "volumes: [{name: a, hostPath: {path: /}}]",
    "initContainers: [{name: a, image: b}]",
    "containers: [{name: a, image: b, securityContext: {privileged: true}}]",
    "ephemeralContainers: [{name: a, image: b}]",
    "runtimeClassName: privileged",
    "dnsPolicy: Default",
    "hostAliases: [{ip: 10.0.0.1, hostnames: [kubernetes.default]}]",
    "imagePullSecrets: [{name: others}]",
    "tolerations: [{operator: Exists}]",
    "template: {spec: {hostNetwork: true}}",
    "podTemplate: {spec: {hostNetwork: true}}",
    "overrides: {hostNetwork: true}",
)
OF_CONTAINERS = (
    "securityContext: {privileged: true}",
    "volumeMounts: [{name: a, mountPath: /host}]",
    "lifecycle: {postStart: {exec: {command: [sh]}}}",
    "ports: [{hostPort: 22, containerPort: 22}]",
    "envFrom: [{secretRef: {name: others}}]",
    "volumeDevices: [{name: a, devicePath: /dev/sda}]",
    "resources: {limits: {nvidia.com/gpu: 8}}",
    "env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]",
    "env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b, namespace: kube-system}}}]",
    "env: [{name: A, valueFrom: {secretKeyRef: {name: ../kube-system/a, key: b}}}]",
    "image: 'a b'",
    "image: ''",
)
# Values of fields that there are.
OF_TEXT = (
    f"{{engine: {{name: custom, image: a, command: [mount, '--bind', {BAIT}]}}}}",
    f"{{engine: {{name: sim, args: ['--volume={BAIT}:{BAIT}', '--privileged']}}}}",
    '{engine: {name: sim, args: ["\\"}], \\"hostNetwork\\": true, \\"x\\": [{\\""]}}',
    "{engine: {name: sim, env: [{name: LD_PRELOAD, value: /cache/a.so}, {name: HOST, value: '127.0.0.1'}]}}",
    "{engine: {name: sim, args: ['$(KUBERNETES_SERVICE_HOST)', '$$(HOME)', '`id`', '; id', '$(id)']}}",
    f"{{model: {{name: m, source: 'file://{BAIT}'}}, engine: {{name: vllm}}}}",
    "{model: {name: m, source: 'file:///proc/1/root'}, engine: {name: vllm}}",
    "{model: {name: m, source: 'pvc://claim/../../etc'}, engine: {name: vllm}}",
    "{model: {name: m, source: 'hostpath:///etc'}}",
    "{model: {name: '{{ .Values }} %REQ(x)% ]] end os.exit()'}}",
)
TRIES = (
    *(yaml.safe_dump(yaml.safe_load(text)) for text in OF_PODS),
    *(f"engine: {{name: sim, {text}}}" for text in (*OF_PODS, *OF_CONTAINERS)),
    *OF_TEXT,
)
FIELDS = set(pod(children("")))
"""What the pod of an honest model has."""


def test_there_are_enough() -> None:
    assert len(set(TRIES)) >= 40


@pytest.mark.parametrize("change", TRIES)
def test_a_try_is_refused_or_changes_nothing_but_the_words_of_the_engine(change: str) -> None:
    if findings(model(change)):
        return
    spec = pod(children(change))
    (container,) = spec["containers"]
    honest = pod(children(engine_of(change)))
    for key in FIELDS - {"containers", "volumes"}:
        assert spec.get(key) == honest.get(key), key
    assert spec.keys() <= FIELDS
    assert {kind for volume in spec["volumes"] for kind in volume} <= {"name", "emptyDir", "persistentVolumeClaim"}
    assert container.keys() - {"command", "args"} == honest["containers"][0].keys() - {"command", "args"}
    assert container["securityContext"] == honest["containers"][0]["securityContext"]
    mounted = {it["mountPath"] for it in container["volumeMounts"]}
    assert mounted <= {"/tmp", "/cache", "/dev/shm", "/weights"}
    assert all(it.get("valueFrom", {}).keys() <= {"secretKeyRef", "configMapKeyRef"} for it in container["env"])


def engine_of(change: str) -> str:
    """An honest model of the same engine."""
    wanted: dict[str, Any] = yaml.safe_load(change).get("engine", {"name": "sim"})
    return json.dumps({"engine": {key: wanted[key] for key in ("name", "image") if key in wanted}})


@pytest.mark.parametrize("text", OF_PODS)
def test_a_field_of_pods_is_refused_by_its_name(text: str) -> None:
    (name,) = yaml.safe_load(text)
    assert any(name in ".".join(map(str, finding.path)) for finding in findings(model(text)))
