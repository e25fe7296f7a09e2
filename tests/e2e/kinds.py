"""The same on kind, for who has docker: `make e2e KIND=1`. The cluster is made for the run and deleted after it.

KIND_IMAGE names another node image than kind's own: another Kubernetes, or one that is there where none can be pulled.
"""

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from modelfleet.workloads.options import OURS
from tests.e2e.cluster import Cluster
from tests.e2e.real import IMAGE, timed
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect

NAME = "modelfleet-e2e"
ACCOUNT = "e2e-admin"


def lacking() -> str:
    """Why there can be no kind here now; nothing where there can."""
    missing = [program for program in ("docker", "kind", "kubectl") if shutil.which(program) is None]
    if missing:
        return f"KIND=1 takes {' and '.join(missing)}: install what is missing, or leave KIND away"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "KIND=1 takes a docker that runs: `docker info` says what ails it, or leave KIND away"
    return ""


@contextmanager
def kind_cluster() -> Iterator[tuple[Cluster, dict[str, float]]]:
    """A cluster of one kind node with our image in it, and how long its parts took to start."""
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        image = ("--image", named) if (named := os.environ.get("KIND_IMAGE")) else ()
        # A run that was killed has left its cluster.
        _kind("delete", "cluster", "--kubeconfig", str(kubeconfig))
        try:
            with timed(took, "kind"):
                _kind("create", "cluster", *image, "--wait", "120s", "--kubeconfig", str(kubeconfig))
            with timed(took, "our image in it"):
                _kind("load", "image-archive", str(IMAGE))
            cluster = _cluster(kubeconfig, Path(folder, "ca.crt"))
            with closing(cluster.api):
                with timed(took, "kind's own pods"):
                    wait_for("kind's own pods", partial(at_rest, cluster.api), patience=180)
                yield cluster, took
        finally:
            _kind("delete", "cluster", "--kubeconfig", str(kubeconfig))


def at_rest(api: Api) -> bool:
    """Whether all that kind runs itself is there: what came later would look as if the chart had left it."""
    listed = [expect(api.get(f"/apis/apps/v1/{kind}"), HTTPStatus.OK) for kind in ("daemonsets", "deployments")]
    return all(_is_whole(owner) for owners in listed for owner in owners["items"])


def _is_whole(owner: Mapping[str, Any]) -> bool:
    status = owner.get("status", {})
    wanted = status.get("desiredNumberScheduled", owner["spec"].get("replicas"))
    return "observedGeneration" in status and status.get("numberReady", status.get("readyReplicas", 0)) == wanted


def _kind(*arguments: str) -> None:
    command = ["kind", *arguments, "--name", NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"`{' '.join(command)}`: {done.stderr}"


def _kubectl(kubeconfig: Path, *arguments: str) -> str:
    command = ["kubectl", "--kubeconfig", str(kubeconfig), "--namespace", "kube-system", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"`{' '.join(command)}`: {done.stderr}"
    return done.stdout.strip()


def _cluster(kubeconfig: Path, certificate: Path) -> Cluster:
    """The cluster by a token, as these tests speak to every cluster."""
    _kubectl(kubeconfig, "create", "serviceaccount", ACCOUNT)
    binding = (ACCOUNT, "--clusterrole=cluster-admin", f"--serviceaccount=kube-system:{ACCOUNT}")
    _kubectl(kubeconfig, "create", "clusterrolebinding", *binding)
    token = _kubectl(kubeconfig, "create", "token", ACCOUNT, "--duration=2h")
    found = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    certificate.write_bytes(base64.b64decode(found["certificate-authority-data"]))
    address, _, port = found["server"].removeprefix("https://").partition(":")
    api = Api(int(port), certificate, token, address)
    expect(api.get("/api/v1/nodes"), HTTPStatus.OK)
    return Cluster(api, kubeconfig, certificate, token, OURS)
