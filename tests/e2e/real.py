"""The real node of the testbed, as a cluster for these tests, and what has to be there before it can be started."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelfleet.workloads.options import OURS
from tests.e2e.cluster import Cluster
from tests.rights.audit import audit_log
from tests.testbed import programs
from tests.testbed.alone import is_alone, obstacle
from tests.testbed.bases import envoy, pause_image
from tests.testbed.bed import ADMIN, ADMIN_TOKEN
from tests.testbed.binaries import binaries
from tests.testbed.leftovers import bed_folder
from tests.testbed.node import RealBed

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "build" / "image" / "modelfleet.tar"
ENVOY = "docker.io/envoyproxy/envoy:distroless-v1.40.0"
"""The name that the chart gives it."""


def lacking() -> str:
    """Why there can be no real node here now; nothing where there can."""
    if reason := obstacle():
        return reason
    if missing := programs.missing_packages():
        return f"these packages are not installed: {' '.join(missing)}; make e2e installs them"
    if not IMAGE.exists():
        return "there is no image yet; make e2e builds it"
    return "" if is_alone() else "a real node runs in namespaces of its own: start these tests with make e2e"


@contextmanager
def real_cluster() -> Iterator[tuple[Cluster, dict[str, float]]]:
    """A cluster of one real node, and how long its parts took to start."""
    with bed_folder() as folder:
        bed = RealBed(folder / "bed", binaries(), programs.coredns(), audit_log("node"))
        took: dict[str, float] = {}
        try:
            with timed(took, "control plane"):
                bed.start([])
            with timed(took, "node ready, with images"):
                bed.start_node([pause_image(), envoy(ENVOY), IMAGE])
            certificate = bed.folder / "certs" / "apiserver.crt"
            yield Cluster(bed.api, bed.kubeconfig_of(ADMIN), certificate, ADMIN_TOKEN, OURS), took
        finally:
            bed.stop()


@contextmanager
def timed(into: dict[str, float], name: str) -> Iterator[None]:
    """Notes the seconds that something took."""
    began = time.monotonic()
    yield
    into[name] = time.monotonic() - began
