"""A cluster as these tests use it, whoever made it: its API server, what runs in its pods, what they say."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client
from kubernetes.stream import stream

from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect

CLIENTS = Path(__file__).parent / "clients"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PLURALS = {
    "Namespace": "/api/v1/namespaces",
    "ModelDeployment": "/apis/modelfleet.dev/v1alpha1/namespaces/{namespace}/modeldeployments",
    "RoutingPolicy": "/apis/modelfleet.dev/v1alpha1/namespaces/{namespace}/routingpolicies",
    "HardwareClass": "/apis/modelfleet.dev/v1alpha1/hardwareclasses",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster, with the rights of its administrator."""

    api: Api
    kubeconfig: Path
    certificate: Path
    token: str
    image: str
    """What runs our roles, and the clients of these tests."""

    @contextmanager
    def as_account(self, namespace: str, name: str) -> Iterator[Api]:
        """A client with a service account's token."""
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        asked = expect(self.api.request("POST", f"{account}/token", {"spec": {}}), HTTPStatus.CREATED)
        caller = Api(self.api.port, self.certificate, asked["status"]["token"], self.api.address)
        try:
            yield caller
        finally:
            caller.close()

    def namespace(self, name: str) -> None:
        """A namespace in which only pods of the restricted level may be made; it may be there."""
        labelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
        expect(self.api.apply(f"/api/v1/namespaces/{name}", labelled), HTTPStatus.OK, HTTPStatus.CREATED)
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        wait_for("the namespace's account", lambda: self.api.get(account).status == HTTPStatus.OK)

    def apply(self, manifest: Path) -> None:
        """What `kubectl apply` does, for the kinds of the samples."""
        for document in yaml.safe_load_all(manifest.read_text()):
            path = PLURALS[document["kind"]].format(namespace=document["metadata"].get("namespace"))
            answer = self.api.apply(f"{path}/{document['metadata']['name']}", document)
            expect(answer, HTTPStatus.OK, HTTPStatus.CREATED)

    def pods(self, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """The pods of a namespace that are not on their way out."""
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
        found: list[dict[str, Any]] = expect(self.api.get(path), HTTPStatus.OK)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def logs(self, namespace: str, pod: str, query: str = "") -> str:
        """What a pod has printed; nothing while it has not been started."""
        answer = self.api.get(f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}")
        return str(answer.body) if answer.status == HTTPStatus.OK else ""

    def run(self, namespace: str, pod: str, container: str, source: str) -> Any:
        """Runs Python in a container of ours, and answers with the JSON that it prints."""
        configuration = client.Configuration()
        configuration.host = f"https://{self.api.address}:{self.api.port}"
        configuration.ssl_ca_cert = str(self.certificate)
        configuration.api_key = {"authorization": f"Bearer {self.token}"}
        with client.ApiClient(configuration) as caller:
            said = stream(
                client.CoreV1Api(caller).connect_get_namespaced_pod_exec,
                pod,
                namespace,
                container=container,
                command=["python3", "-c", source],
                stdout=True,
                stderr=True,
                _preload_content=False,
            )
            said.run_forever(timeout=30)
            text, wrong = said.read_stdout(), said.read_stderr()
            said.sock.shutdown()  # `close` leaves the socket open that the other side has closed
        assert text, f"{pod}: {wrong}"
        return json.loads(text)

    def start_client(self, namespace: str, name: str, *arguments: str) -> None:
        """Starts one of the clients beside this file, in a pod of the restricted level."""
        source = (CLIENTS / f"{name}.py").read_text()
        container = {
            "name": "client",
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", source, *arguments],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
        }
        pod = {
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [container],
            },
        }
        expect(self.api.create(f"/api/v1/namespaces/{namespace}/pods", pod), HTTPStatus.CREATED)

    def delete_pod(self, namespace: str, name: str, query: str = "") -> None:
        """Asks for it to go, as a drain of its node does."""
        expect(self.api.delete(f"/api/v1/namespaces/{namespace}/pods/{name}{query}"), HTTPStatus.OK)

    def wait_gone(self, namespace: str, name: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        wait_for(f"{name} to be gone", lambda: self.api.get(path).status == HTTPStatus.NOT_FOUND, patience=90)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether it is."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def wait_ready(cluster: Cluster, what: str, look: Callable[[], list[dict[str, Any]]], patience: float = 90) -> None:
    """Waits until there are pods and all are ready; says what ails them where it never comes to that."""
    try:
        wait_for(what, lambda: (pods := look()) and all(map(is_ready, pods)), patience)
    except TimeoutError as error:
        told = [line for pod in look() if not is_ready(pod) for line in troubles(cluster, pod)]
        raise TimeoutError("\n".join([str(error), *told])) from None


def troubles(cluster: Cluster, pod: Mapping[str, Any]) -> Iterator[str]:
    """Why a pod is not ready: what the scheduler and the runtime say, and the last words of its containers."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    yield f"{name}: {'; '.join(one['message'] for one in status.get('conditions', []) if 'message' in one)}"
    for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        if not container["ready"]:
            yield f"{name}/{container['name']}: {json.dumps(container['state'])}"
            query = f"container={container['name']}&tailLines=15"
            for which in (query, f"{query}&previous=true"):
                yield cluster.logs(pod["metadata"]["namespace"], name, which)
