"""The control plane of the tests, tested: it must come back from every fault, and leave nothing behind."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cluster.conftest import need_pods_that_answer
from tests.testbed import leftovers
from tests.testbed.__main__ import crds
from tests.testbed.api import wait_for
from tests.testbed.bed import STOP_ORDER, Bed, expect, is_true
from tests.testbed.binaries import NEEDED, Unavailable, binaries

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import signal, sys, time
from pathlib import Path
from tests.testbed.__main__ import crds
from tests.testbed.bed import Bed
from tests.testbed.binaries import binaries
from tests.testbed.leftovers import bed_folder
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs in the background was made to ignore it
with bed_folder() as folder:
    bed = Bed(folder / "bed", binaries())
    try:
        bed.start(crds())
        print(folder, flush=True)
        time.sleep(60)
    finally:
        bed.stop()
"""

ORPHAN = """
import os, sys
from pathlib import Path
from tests.testbed.__main__ import crds
from tests.testbed.bed import Bed
from tests.testbed.binaries import binaries
Bed(Path(sys.argv[1]) / "bed", binaries(), detached=True).start(crds())
os._exit(0)
"""


def pod(bed: Bed, namespace: str, name: str, **annotations: str) -> str:
    """Makes a pod for the large CPU nodes; answers with its path."""
    notes = {f"modelfleet.dev/test-{key.replace('_', '-')}": value for key, value in annotations.items()}
    spec = {
        "nodeSelector": {"modelfleet.example.com/pool": "cpu-large"},
        "containers": [{"name": "engine", "image": "engine"}],
    }
    made = {"metadata": {"name": name, "labels": {"app": name}, "annotations": notes}, "spec": spec}
    expect(bed.api.create(f"/api/v1/namespaces/{namespace}/pods", made), HTTPStatus.CREATED)
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def is_ready(bed: Bed, path: str) -> bool:
    return is_true(bed.api.get(path).body, "Ready")


def test_a_pod_is_scheduled_gets_an_address_and_becomes_ready(bed: Bed, namespace: str) -> None:
    path = pod(bed, namespace, "plain")
    wait_for("the pod", lambda: is_ready(bed, path))
    found = bed.api.get(path).body
    assert found["spec"]["nodeName"].startswith("cpu-large-")
    assert found["status"]["podIP"].startswith("10.244.")


def test_a_pod_loads_as_long_as_it_says_and_can_stop_being_ready(bed: Bed, namespace: str) -> None:
    path = pod(bed, namespace, "slow", load_time="2s", address="10.244.7.7")
    wait_for("an address", lambda: bed.api.get(path).body["status"].get("podIP") == "10.244.7.7")
    assert not is_ready(bed, path)
    wait_for("the pod", lambda: is_ready(bed, path))
    bed.api.merge(path, {"metadata": {"annotations": {"modelfleet.dev/test-unready": "true"}}})
    wait_for("the pod to be not ready", lambda: not is_ready(bed, path))


def test_the_address_of_a_pod_can_be_answered(bed: Bed) -> None:
    need_pods_that_answer(bed)
    stub = "import socket; s = socket.create_server(('10.244.9.9', 8000)); s.accept()[0].sendall(b'served')"
    with subprocess.Popen([sys.executable, "-c", stub]) as serving:
        ask = (
            "import socket, time\n"
            "for _ in range(100):\n"
            "    try: print(socket.create_connection(('10.244.9.9', 8000)).recv(6).decode()); break\n"
            "    except OSError: time.sleep(0.1)\n"
        )
        said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
        serving.kill()
    assert said == "served\n"


def test_a_taint_keeps_a_pod_off_a_node_until_it_is_tolerated(bed: Bed, namespace: str) -> None:
    def made(name: str, **spec: object) -> str:
        selector = {"nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"}}
        body = {"metadata": {"name": name}, "spec": {**selector, "containers": [{"name": "c", "image": "i"}], **spec}}
        expect(bed.api.create(f"/api/v1/namespaces/{namespace}/pods", body), HTTPStatus.CREATED)
        return f"/api/v1/namespaces/{namespace}/pods/{name}"

    refused, taken = made("refused"), made("taken", tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}])
    wait_for("the pod that tolerates the taint", lambda: is_ready(bed, taken))
    conditions = bed.api.get(refused).body["status"]["conditions"]
    assert any("untolerated taint" in one.get("message", "") for one in conditions)


@pytest.mark.parametrize("name", STOP_ORDER)
def test_a_component_that_is_killed_comes_back_and_pods_are_made_again(bed: Bed, namespace: str, name: str) -> None:
    bed.processes[name].kill()
    assert not bed.processes[name].is_running()
    bed.restart(name)
    path = pod(bed, namespace, "after")
    wait_for(f"a pod after {name} was killed", lambda: is_ready(bed, path), patience=60)


def test_a_frozen_store_holds_writes_up_and_loses_none(bed: Bed, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    bed.processes["etcd"].freeze()
    began = time.monotonic()
    threading.Timer(1.5, bed.processes["etcd"].thaw).start()
    expect(bed.api.create(path, {"metadata": {"name": "held-up"}}), HTTPStatus.CREATED)
    assert time.monotonic() - began > 1
    assert bed.api.get(f"{path}/held-up").status == HTTPStatus.OK


@pytest.fixture
def run() -> Iterator[subprocess.Popen[str]]:
    """A second run beside this one, with a bed of its own that is ready."""
    with subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def folder_of(run: subprocess.Popen[str]) -> Path:
    assert run.stdout
    return Path(run.stdout.readline().strip())


def pids_of(folder: Path) -> list[int]:
    found = list(leftovers.living(folder))
    assert len(found) == len(STOP_ORDER)
    return found


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or leftovers.is_zombie(pid)


def test_two_runs_side_by_side_do_not_meet(bed: Bed, namespace: str, run: subprocess.Popen[str]) -> None:
    other = folder_of(run)
    assert other != bed.folder.parent
    names = {item["metadata"]["name"] for item in bed.api.get("/api/v1/namespaces").body["items"]}
    assert namespace in names
    assert leftovers.sweep() == []
    assert not any(is_gone(pid) for pid in pids_of(other))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_broken_off_leaves_no_process_and_no_file(run: subprocess.Popen[str], ending: int) -> None:
    folder = folder_of(run)
    pids = pids_of(folder)
    run.send_signal(ending)
    run.wait(30)
    wait_for("its processes to end", lambda: all(is_gone(pid) for pid in pids))
    leftovers.sweep()
    assert not folder.exists()


def test_a_run_that_is_killed_leaves_no_process_and_the_next_start_removes_its_files(
    run: subprocess.Popen[str],
) -> None:
    folder = folder_of(run)
    pids = pids_of(folder)
    run.kill()
    run.wait(30)
    wait_for("its processes to end", lambda: all(is_gone(pid) for pid in pids))
    assert folder in leftovers.sweep()
    assert not folder.exists()


def test_a_bed_that_outlived_its_owner_is_ended_by_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / f"{leftovers.PREFIX}orphan"
    folder.mkdir()
    (folder / "owner").touch()
    subprocess.run([sys.executable, "-c", ORPHAN, str(folder)], cwd=ROOT, check=True)
    pids = pids_of(folder)
    assert not any(is_gone(pid) for pid in pids)
    assert leftovers.sweep(tmp_path) == [folder]
    assert all(is_gone(pid) for pid in pids)
    assert not folder.exists()


def test_ready_programs_are_honoured_and_missing_ones_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    (tmp_path / "etcd").touch()
    with pytest.raises(Unavailable, match="lacks kube-apiserver, kube-controller-manager"):
        binaries()
    for name in NEEDED:
        (tmp_path / name).touch()
    assert binaries() == tmp_path


def test_ready_programs_need_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        (tmp_path / name).symlink_to((binaries() / name).resolve())
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    bed = Bed(tmp_path / "bed", binaries())
    bed.start(crds())
    bed.stop()
