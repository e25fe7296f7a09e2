"""Our pods go one after the other while requests come, as they do when nodes are drained; callers must not notice."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, wait_ready
from tests.e2e.conftest import Release
from tests.e2e.load import CALLERS, count, load
from tests.e2e.release import NAMESPACE, ROLES, TENANT, of_role

ENDS_S = 3.0
"""Without a grace a pod is gone from the API server at once, and its node ends it within this time."""

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


@dataclass
class Round:
    """A pod that was taken away, and the requests that failed meanwhile."""

    role: str
    began: float
    gone: float
    wrong: list[dict[str, Any]]


def replace_all(release: Release, report: list[str], query: str = "") -> list[Round]:
    """Takes each pod away while requests come."""
    with load(release):
        return [
            replaced(release, report, role, entry["metadata"]["name"], query)
            for role in ROLES
            for entry in of_role(release.cluster, role)
        ]


def replaced(release: Release, report: list[str], role: str, pod: str, query: str) -> Round:
    """Takes one away, and waits until there are as many as before."""
    cluster = release.cluster
    before, began, many = count(release), time.time(), len(of_role(cluster, role))
    cluster.delete_pod(NAMESPACE, pod, query)
    cluster.wait_gone(NAMESPACE, pod)
    gone = time.time()
    wait_ready(cluster, f"{role} to be ready again", partial(whole, cluster, role, many))
    time.sleep(2)
    after = count(release)
    asked, lost = after["asked"] - before["asked"], after["failed"] - before["failed"]
    report.append(f"{lost:5d} of {asked:5d} requests failed while {pod} went")
    wrong = after["wrong"][-lost:] if lost else []
    report.extend(f"      {told(one, began)}" for one in wrong)
    return Round(role, began, gone, wrong)


def whole(cluster: Cluster, role: str, count: int) -> list[dict[str, Any]]:
    """The pods of a role once there are as many as there are to be."""
    found = of_role(cluster, role)
    return found if len(found) >= count else []


def told(wrong: dict[str, Any], began: float) -> str:
    """What became of a request, by the seconds since its pod was told to go."""
    kept, since, until = "kept" if wrong["kept"] else "new", wrong["from"] - began, wrong["to"] - began
    return f"{since:+.2f} to {until:+.2f} s, {kept} connection, {wrong['phase']}: {wrong['what']}"


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
    rounds = replace_all(release, report)
    assert {one.role for one in rounds} == {*ROLES}
    assert [one for one in rounds if one.wrong] == []


def test_a_gateway_that_is_killed_costs_the_requests_that_it_had_and_no_other(
    release: Release, report: list[str]
) -> None:
    report.append("each of our pods killed in turn, without a grace:")
    for one in replace_all(release, report, "?gracePeriodSeconds=0"):
        if one.role != "gateway":
            assert one.wrong == []
            continue
        # Whoever had sent a request to that very pod loses the answer, and can know that it did. Nobody else does.
        assert {wrong["phase"] for wrong in one.wrong} <= {"answer"}
        assert all(wrong["from"] < one.gone + ENDS_S and wrong["to"] > one.began for wrong in one.wrong)
        assert len(one.wrong) <= CALLERS
