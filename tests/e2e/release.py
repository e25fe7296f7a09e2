"""The chart of this tree, as Helm installs it and takes it away."""

import json
import subprocess
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster
from tests.testbed.api import wait_for
from tests.testbed.bed import expect

CHART = Path(__file__).resolve().parents[2] / "charts" / "modelfleet"
NAME, NAMESPACE = "modelfleet", "modelfleet-system"
SAMPLE = Path(__file__).resolve().parents[2] / "manifests" / "samples" / "minimal.yaml"
TENANT, MODEL = "minimal", "chat"
SERVICE = f"http://{NAME}-gateway-default.{NAMESPACE}.svc/v1/chat/completions"
ROLES = ("operator", "xds", "gateway")
# A gateway that goes serves this long, which is what each round of the test on replaced pods takes.
VALUES: dict[str, Any] = {"gatewayDefaults": {"drainSeconds": 8}}


@dataclass(frozen=True)
class Helm:
    """Helm, for one cluster."""

    program: Path
    cluster: Cluster
    home: Path
    """Where it may keep things."""

    def install(self, values: dict[str, Any]) -> None:
        """Installs the chart. Gateways have nothing to serve yet, so it is not waited for them."""
        file = self.home / "values.json"
        file.write_text(json.dumps(values))
        self._run("install", NAME, str(CHART), "--namespace", NAMESPACE, "--values", str(file))

    def upgrade(self, values: dict[str, Any]) -> None:
        """Gives the release these values."""
        file = self.home / "values.json"
        file.write_text(json.dumps(values))
        self._run("upgrade", NAME, str(CHART), "--namespace", NAMESPACE, "--values", str(file))

    def uninstall(self) -> None:
        """Takes the release away, and returns when its pods are gone, which serve a while longer."""
        self._run("uninstall", NAME, "--namespace", NAMESPACE)
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        wait_for("the pods to be gone", lambda: not self.cluster.api.get(pods).body["items"], patience=90)

    def _run(self, *arguments: str) -> None:
        environment = {"HOME": str(self.home), "KUBECONFIG": str(self.cluster.kubeconfig), "PATH": "/usr/bin:/bin"}
        command = [str(self.program), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr or done.stdout}"


PASSING = ("events", "componentstatuses", "ipaddresses", "endpoints", "endpointslices")
"""Kinds that come and go by themselves, or with a Service."""


def of_role(cluster: Cluster, role: str) -> list[dict[str, Any]]:
    """The pods of one of the chart's roles."""
    return cluster.pods(NAMESPACE, f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={role}")


def inventory(cluster: Cluster) -> set[str]:
    """Every object of the cluster by its path, but for what comes and goes by itself."""
    found: set[str] = set()
    for group in _groups(cluster):
        listed = expect(cluster.api.get(group), HTTPStatus.OK)
        for kind in listed["resources"]:
            if "list" in kind["verbs"] and "/" not in kind["name"] and kind["name"] not in PASSING:
                found |= _names(cluster, f"{group}/{kind['name']}")
    return found


def _groups(cluster: Cluster) -> list[str]:
    groups = expect(cluster.api.get("/apis"), HTTPStatus.OK)["groups"]
    return ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]


def _names(cluster: Cluster, path: str) -> set[str]:
    answer = cluster.api.get(path)
    if answer.status != HTTPStatus.OK:  # a kind that can be listed within something only
        return set()
    heads = [item["metadata"] for item in answer.body["items"]]
    found = {f"{path.rpartition('/')[2]} {head.get('namespace', '')}/{head['name']}" for head in heads}
    return {entry for entry in found if not entry.startswith("leases kube-node-lease/")}
