"""Our pods go one after the other while requests come, as they do when nodes are drained; callers must not notice."""

import time
from functools import partial

import pytest

from tests.e2e.cluster import wait_ready
from tests.e2e.conftest import Release
from tests.e2e.load import PACE, count, load
from tests.e2e.release import NAMESPACE, ROLES, TENANT, of_role

pytestmark = pytest.mark.alone


def usage(release: Release) -> list[str]:
    """What each pod uses, as its node counts it in the pod's control groups."""
    nodes = release.cluster.api.get("/api/v1/nodes").body["items"]
    name = nodes[0]["metadata"]["name"]
    told = release.cluster.api.get(f"/api/v1/nodes/{name}/proxy/stats/summary").body
    lines = []
    for pod in told["pods"]:
        if pod["podRef"]["namespace"] in (NAMESPACE, TENANT):
            memory = pod.get("memory", {}).get("workingSetBytes", 0) / 2**20
            cores = pod.get("cpu", {}).get("usageNanoCores", 0) / 1e6
            lines.append(f"{memory:7.1f} MiB {cores:7.1f} mCPU  {pod['podRef']['name']}")
    return sorted(lines, key=lambda line: line.split()[-1])


def test_pods_at_rest_use_little(release: Release, report: list[str]) -> None:
    # The node counts again about every ten seconds.
    time.sleep(25)
    lines = usage(release)
    report.extend(["at rest:", *lines])
    ours = [float(line.split()[0]) for line in lines if "modelfleet-" in line]
    assert len(ours) == 5
    assert max(ours) < 400


def replace_all(release: Release, report: list[str], query: str = "") -> dict[str, int]:
    """Takes each pod away while requests come; how many failed meanwhile, by role."""
    cluster, failed = release.cluster, dict.fromkeys(ROLES, 0)
    with load(release):
        for role, pod in [(one, entry["metadata"]["name"]) for one in ROLES for entry in of_role(cluster, one)]:
            before = count(release)
            cluster.delete_pod(NAMESPACE, pod, query)
            cluster.wait_gone(NAMESPACE, pod)
            wait_ready(cluster, f"{role} to be ready again", partial(of_role, cluster, role))
            time.sleep(2)
            after = count(release)
            asked, lost = after["asked"] - before["asked"], after["failed"] - before["failed"]
            report.append(f"{lost:5d} of {asked:5d} requests failed while {pod} went")
            failed[role] += lost
        report.extend(f"      {wrong['what']}" for wrong in count(release)["wrong"])
    return failed


STARTS = """
import json, subprocess, time
def seconds(*arguments):
    began = time.monotonic()
    subprocess.run(["modelfleet", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
print(json.dumps({name: min(seconds(*name.split()) for _ in range(3)) for name in ("--version", "xds --help")}))
"""


def test_the_program_starts_at_once_in_its_container(release: Release, report: list[str]) -> None:
    pod = of_role(release.cluster, "operator")[0]["metadata"]["name"]
    took = release.cluster.run(NAMESPACE, pod, "operator", STARTS)
    report.extend(f"{seconds:7.2f} s  modelfleet {name}, in its container" for name, seconds in took.items())
    # Ten times as long as on an idle machine: what is not compiled beforehand takes longer.
    assert took["--version"] < 3


def test_no_request_fails_when_each_of_our_pods_goes_in_turn(release: Release, report: list[str]) -> None:
    report.append("each of our pods deleted in turn:")
    assert replace_all(release, report) == dict.fromkeys(ROLES, 0)


def test_a_gateway_that_is_killed_costs_no_more_than_what_was_on_its_way(release: Release, report: list[str]) -> None:
    report.append("each of our pods killed in turn, without a grace:")
    failed = replace_all(release, report, "?gracePeriodSeconds=0")
    assert (failed["operator"], failed["xds"]) == (0, 0)
    # Of two gateways: what was in flight or came until the node's rules were renewed, which takes up to a second.
    assert failed["gateway"] <= 2 * int(PACE)
