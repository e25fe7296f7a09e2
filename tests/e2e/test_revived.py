"""A relay that crashes takes nothing from callers: its Envoy serves on, and the pod stays where requests are led."""

import time
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import is_ready, wait_ready
from tests.e2e.conftest import Release
from tests.e2e.load import count, load
from tests.e2e.release import NAMESPACE, of_role
from tests.testbed.api import wait_for

CHILD = """
import json, os, pathlib, signal
def parent(path):
    return (path / "stat").read_text().rpartition(")")[2].split()[1]
(relay,) = [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit() and parent(path) == "1"]
"""
CRASH = f"{CHILD}os.kill(relay, signal.SIGSEGV)\nprint(json.dumps(relay))"
LOOK = f"{CHILD}print(json.dumps(relay))"
# Not at once, nor with our pipes open: what it would end is also where this is heard from.
END = """
import os, signal, time
if os.fork() == 0:
    for number in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    time.sleep(1)
    os.kill(1, signal.SIGTERM)
else:
    print(1)
"""

pytestmark = pytest.mark.alone


def state(pod: dict[str, Any]) -> tuple[str, str, int]:
    """Whether it is ready, since when, and how often its relay's container was started anew."""
    (ready,) = [one for one in pod["status"]["conditions"] if one["type"] == "Ready"]
    (relay,) = [one for one in pod["status"]["initContainerStatuses"] if one["name"] == "relay"]
    return ready["status"], ready["lastTransitionTime"], relay["restartCount"]


def test_a_relay_that_crashes_is_back_at_once_and_its_pod_was_never_unready(
    release: Release, report: list[str]
) -> None:
    cluster = release.cluster
    pods = of_role(cluster, "gateway")
    with load(release):
        for name in [pod["metadata"]["name"] for pod in pods]:
            crashed = cluster.run(NAMESPACE, name, "relay", CRASH)
            time.sleep(5)
            assert cluster.run(NAMESPACE, name, "relay", LOOK) != crashed
        counted = count(release)
    report.append(f"{counted['failed']:5d} of {counted['asked']:5d} requests failed while each relay crashed")
    assert counted["failed"] == 0, counted
    assert [state(pod) for pod in of_role(cluster, "gateway")] == [state(pod) for pod in pods]


def test_a_container_of_a_relay_that_ends_makes_its_pod_unready_for_a_while_and_costs_no_request(
    release: Release, report: list[str]
) -> None:
    cluster = release.cluster
    name = of_role(cluster, "gateway")[0]["metadata"]["name"]

    def pod() -> dict[str, Any]:
        return next(one for one in of_role(cluster, "gateway") if one["metadata"]["name"] == name)

    before = state(pod())[2]
    with load(release):
        cluster.run(NAMESPACE, name, "relay", END)
        wait_for("the pod to be unready", lambda: not is_ready(pod()))
        began = time.monotonic()
        wait_ready(cluster, "the gateways to be ready again", partial(of_role, cluster, "gateway"))
        took = time.monotonic() - began
        time.sleep(2)
        counted = count(release)
    report.append(f"{took:7.1f} s  a gateway was not ready since the container of its relay had ended")
    report.append(f"{counted['failed']:5d} of {counted['asked']:5d} requests failed meanwhile")
    assert counted["failed"] == 0, counted
    assert state(pod())[2] == before + 1
