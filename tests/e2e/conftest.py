"""One cluster and one release for all of these tests; what they found is told at the end, as a table."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from tests.chart.helm import helm
from tests.e2e import kinds
from tests.e2e.cluster import Cluster, wait_ready
from tests.e2e.real import lacking, real_cluster
from tests.e2e.release import MODEL, NAMESPACE, SAMPLE, SERVICE, TENANT, VALUES, Helm, inventory, of_role
from tests.testbed.api import wait_for

REPORT = pytest.StashKey[list[str]]()


@dataclass
class Release:
    """The chart, installed, and what was seen of it."""

    cluster: Cluster
    helm: Helm
    before: set[str]
    """What was in the cluster beforehand."""

    answer: dict[str, Any] = field(default_factory=dict)
    """What the first request got."""


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run."""
    return request.config.stash.setdefault(REPORT, [])


@pytest.fixture(scope="session")
def cluster(report: list[str]) -> Iterator[Cluster]:
    """Where the chart is installed."""
    on_kind = bool(os.environ.get("KIND"))
    if reason := kinds.lacking() if on_kind else lacking():
        (pytest.fail if on_kind else pytest.skip)(reason)
    with kinds.kind_cluster() if on_kind else real_cluster() as (found, took):
        report.extend(f"{seconds:7.1f} s  {name}" for name, seconds in took.items())
        yield found


@pytest.fixture(scope="session")
def release(cluster: Cluster, report: list[str], tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The chart and the sample, both applied, and one request answered."""
    before = inventory(cluster)
    made = Release(cluster, Helm(helm(), cluster, tmp_path_factory.mktemp("helm")), before)
    for namespace in (NAMESPACE, TENANT):
        cluster.namespace(namespace)
    began = time.time()

    def passed(what: str) -> None:
        report.append(f"{time.time() - began:7.1f} s  after helm install began: {what}")

    made.helm.install(VALUES)
    passed("helm is done")
    cluster.apply(SAMPLE)
    cluster.start_client(TENANT, "first", SERVICE, MODEL, "60")
    for role in ("operator", "xds", "gateway"):
        wait_ready(cluster, f"the {role} to be ready", partial(of_role, cluster, role))
        passed(f"every {role} is ready")
    wait_for("the first answer", lambda: cluster.logs(TENANT, "first").strip(), patience=120)
    made.answer = json.loads(cluster.logs(TENANT, "first"))
    report.append(f"{made.answer['at'] - began:7.1f} s  after helm install began: the first routed answer")
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash.get(REPORT, []):
        terminalreporter.write_line(line)
