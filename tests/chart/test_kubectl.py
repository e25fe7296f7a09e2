"""Who installs without Helm: the real kubectl builds the kustomization, applies it and takes it away."""

import json
import os
import subprocess
from collections.abc import Iterator
from http import HTTPStatus

import pytest
import yaml

from tests.chart.installing import our_kinds
from tests.chart.manifests import NAMESPACE, STORED
from tests.cluster.kubectl import needs_kubectl
from tests.testbed.api import wait_for
from tests.testbed.bed import CRDS, Bed

FOLDER = STORED.parent
pytestmark = needs_kubectl


def kubectl(*arguments: str, bed: Bed | None = None) -> str:
    """What kubectl prints. It warns of nothing."""
    place = [f"--kubeconfig={bed.kubeconfig}", f"--cache-dir={bed.folder / 'kubectl'}"] if bed else []
    done = subprocess.run(["kubectl", *place, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def objects(text: str) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of each."""
    found = [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]
    return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in found}


@pytest.fixture
def applied(bed: Bed) -> Iterator[str]:
    """The kustomization, applied as the page says, where nobody has the kinds yet."""
    for one in our_kinds(bed):
        bed.api.delete(f"{CRDS}/{one['metadata']['name']}")
    wait_for("kinds that were kept to be gone", lambda: not our_kinds(bed), patience=90)
    yield kubectl("apply", "--server-side", "-k", str(FOLDER), bed=bed)
    kubectl("delete", "--wait=false", "-k", str(FOLDER), bed=bed)
    # Others install the same kinds, and cannot while these go.
    wait_for("the kinds to be gone", lambda: not our_kinds(bed), patience=90)


def test_the_kustomization_builds_to_what_the_file_has() -> None:
    assert objects(kubectl("kustomize", str(FOLDER))) == objects(STORED.read_text())


def test_it_is_applied_whole_and_again_without_a_change(bed: Bed, applied: str) -> None:
    wanted = objects(STORED.read_text())
    assert len(applied.splitlines()) == len(wanted)
    assert all(line.endswith(" serverside-applied") for line in applied.splitlines())
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/modelfleet-xds"
    before = bed.api.get(path).body["metadata"]["generation"]
    kubectl("apply", "--server-side", "-k", str(FOLDER), bed=bed)
    assert bed.api.get(path).body["metadata"]["generation"] == before
    sample = FOLDER / "samples" / "minimal.yaml"
    wait_for("our kinds to be served", lambda: bed.api.get("/apis/modelfleet.dev/v1alpha1").status == HTTPStatus.OK)
    assert "modeldeployment.modelfleet.dev/chat-small serverside-applied" in kubectl(
        "apply", "--server-side", "-f", str(sample), bed=bed
    )


def test_a_kustomization_of_ones_own_stands_on_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    own = tmp_path_factory.mktemp("own")
    about = {"name": "modelfleet-xds", "namespace": NAMESPACE}
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": {"replicas": 3}}
    text = {"resources": [os.path.relpath(FOLDER, own)], "patches": [{"patch": json.dumps(patch)}]}
    (own / "kustomization.yaml").write_text(json.dumps(text))
    made = [one for one in yaml.load_all(kubectl("kustomize", str(own)), Loader=yaml.CSafeLoader) if one]
    counts = {one["metadata"]["name"]: one["spec"]["replicas"] for one in made if one["kind"] == "Deployment"}
    assert counts["modelfleet-xds"] == 3
    assert counts["modelfleet-operator"] == 1
