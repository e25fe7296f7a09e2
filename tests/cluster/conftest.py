"""The control plane that the cluster tests share: started once per run, with a namespace for each test."""

import os
import time
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import NoReturn

import pytest

from modelfleet.kube.client import Client
from modelfleet.kube.config import connect
from tests.chart.helm import Unavailable as NoHelm
from tests.chart.helm import helm
from tests.cluster.writing import Desk, make_model, writing
from tests.rights.accounts import Account, Scope, grant
from tests.rights.audit import WHOLE, audit_log
from tests.rights.granted import Mode
from tests.testbed.__main__ import crds
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.binaries import Unavailable, binaries, is_built
from tests.testbed.faults import FaultProxy
from tests.testbed.leftovers import bed_folder
from tests.testbed.namespace import enter_namespace

REPORT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A control plane of this run's own, with simulated nodes and our CRDs."""
    was_built, began = is_built(), time.monotonic()
    try:
        assets = binaries()
        helm()  # says what the accounts of our roles may do
    except (Unavailable, NoHelm) as reason:
        _leave_out(str(reason))
    built = time.monotonic()
    own_network = enter_namespace()
    with bed_folder() as folder:
        control_plane = Bed(folder / "bed", assets, pods_answer=own_network, audit=audit_log(f"{WHOLE}-{os.getpid()}"))
        control_plane.start(crds())
        request.config.stash[REPORT] = [
            "control plane: " + ("build reused" if was_built else f"built in {built - began:.0f} s"),
            f"control plane: ready nodes after {time.monotonic() - built:.1f} s",
        ]
        yield control_plane
        control_plane.stop()


def need_pods_that_answer(bed: Bed) -> None:
    """Leaves a test out where pods have no addresses of the tests' own."""
    if not bed.pods_answer:
        _leave_out("this machine allows no network of one's own, so that no pod can answer")


def _leave_out(reason: str) -> NoReturn:
    # A run that nobody watches must not pass by leaving something out.
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture
def namespace(bed: Bed) -> Iterator[str]:
    """A namespace of the test's own, in which pods can be made."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_for("the namespace's account", lambda: bed.api.get(account).status == HTTPStatus.OK)
    yield name
    bed.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def proxy(bed: Bed) -> Iterator[FaultProxy]:
    """A way to the API server that does what a test wants done to requests."""
    with FaultProxy(bed) as made:
        yield made


@pytest.fixture
def client(bed: Bed, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The one through whom children are written, known to the proxy as the writer. It may do what an operator may."""
    account = Account("operator", Mode.EVERYWHERE)
    grant(bed.api, account, Scope(), "default")
    monkeypatch.setenv("KUBECONFIG", str(proxy.kubeconfig("writer", account.user)))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return connect("modelfleet/test")


@pytest.fixture
def desk(client: Client, proxy: FaultProxy, namespace: str) -> Iterator[Desk]:
    """A writer of children at work. What a test changes of its pace it changes before."""
    with writing(client, proxy, namespace) as made:
        yield made


@pytest.fixture
def uid(bed: Bed, namespace: str) -> str:
    """Of the model that the children are for."""
    return make_model(bed, namespace)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash.get(REPORT, []):
        terminalreporter.write_line(line)
