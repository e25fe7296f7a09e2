"""What our pods, and a tenant, can do beyond what they need: tried from within, and refused."""

from http import HTTPStatus
from typing import Any

import pytest

from tests.e2e.conftest import Release
from tests.e2e.release import NAME, NAMESPACE, TENANT, of_role
from tests.testbed.api import MERGE, Api
from tests.testbed.bed import expect

SELF = """
import json, os, pathlib
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
found = {name: status[name].split()[0] for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid", "Gid")}
for place in ("/", "/opt/modelfleet", "/opt/modelfleet/lib", "/etc", "/usr/bin"):
    try:
        pathlib.Path(place, "new").write_text("")
        found["written"] = place
    except OSError as error:
        found[place] = error.strerror
found["shells"] = [path for path in ("/bin/sh", "/bin/bash", "/bin/dash", "/usr/bin/apt") if os.path.exists(path)]
print(json.dumps(found))
"""

API = """
import json, os, ssl, urllib.error, urllib.request
context = ssl._create_unverified_context()
def ask(path):
    try:
        return urllib.request.urlopen(f"https://kubernetes.default.svc{path}", context=context, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
found = {path: ask(path) for path in (
    "/api/v1/secrets", "/api/v1/namespaces/modelfleet-system/secrets", "/api/v1/nodes", "/api/v1/pods",
    "/apis/modelfleet.dev/v1alpha1/routingpolicies", "/apis/apps/v1/deployments",
)}
print(json.dumps({"token": os.path.exists("/var/run/secrets/kubernetes.io"), "answers": found}))
"""


LISTENING = """
import json, pathlib
found = []
for table in ("tcp", "tcp6"):
    for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
        address, _, port = line.split()[1].partition(":")
        if line.split()[3] == "0A":
            found.append([address, int(port, 16)])
print(json.dumps(found))
"""

REACHED = """
import json, socket
def answers(port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("{address}", port)) == 0
print(json.dumps([port for port in {ports} if answers(port)]))
"""
LOOPBACK = ("0100007F", "00000000000000000000000001000000")
OPEN = [8080, 9091]
"""Of a gateway: where clients ask, and the relay's metrics."""


def in_pod_of(release: Release, role: str, container: str, source: str) -> Any:
    """What this prints in the first pod of a role."""
    pod = of_role(release.cluster, role)[0]["metadata"]["name"]
    return release.cluster.run(NAMESPACE, pod, container, source)


@pytest.mark.parametrize(("role", "container"), [("operator", "operator"), ("xds", "xds"), ("gateway", "relay")])
def test_a_container_of_ours_can_neither_rise_nor_write(release: Release, role: str, container: str) -> None:
    found = in_pod_of(release, role, container, SELF)
    assert (found["CapEff"], found["CapBnd"]) == ("0" * 16, "0" * 16)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert (found["Uid"], found["Gid"]) == ("65532", "65532")
    assert "written" not in found, found
    assert found["/opt/modelfleet/lib"] == "Read-only file system"
    assert found["shells"] == []


def test_a_gateway_has_no_token_and_the_api_server_tells_it_nothing(release: Release) -> None:
    found = in_pod_of(release, "gateway", "relay", API)
    assert found["token"] is False
    assert set(found["answers"].values()) <= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}, found


def test_a_gateways_pod_listens_where_it_has_to_and_nowhere_else(release: Release) -> None:
    # All containers of a pod have one network, Envoy's among them.
    listening = in_pod_of(release, "gateway", "relay", LISTENING)
    assert sorted({port for address, port in listening if address not in LOOPBACK}) == OPEN
    address = of_role(release.cluster, "gateway")[0]["status"]["podIP"]
    tried = sorted({9901, 15000, 18000, *(port for _, port in listening)})
    reached = in_pod_of(release, "operator", "operator", REACHED.format(address=address, ports=tried))
    # Where the network enforces policies, the operator does not get at the metrics of a gateway.
    assert OPEN[0] in reached
    assert set(reached) <= set(OPEN)


# What each service account of ours must not, beside what it may.
FORBIDDEN = {
    "operator": [
        ("GET", "/api/v1/secrets"),
        ("GET", f"/api/v1/namespaces/{TENANT}/secrets"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
        ("GET", "/api/v1/namespaces/kube-system/configmaps"),
        ("DELETE", f"/api/v1/namespaces/{TENANT}"),
        ("DELETE", f"/apis/modelfleet.dev/v1alpha1/namespaces/{TENANT}/routingpolicies/chat"),
        ("DELETE", f"/api/v1/namespaces/{TENANT}/pods/first"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
        ("POST", f"/api/v1/namespaces/{TENANT}/pods"),
    ],
    "xds": [
        ("GET", "/api/v1/secrets"),
        ("GET", f"/api/v1/namespaces/{TENANT}/secrets"),
        ("PATCH", f"/apis/modelfleet.dev/v1alpha1/namespaces/{TENANT}/routingpolicies/chat/status"),
        ("DELETE", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}-operator"),
        ("POST", f"/api/v1/namespaces/{TENANT}/events"),
        ("POST", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"),
    ],
    "gateway": [
        ("GET", "/apis/modelfleet.dev/v1alpha1/routingpolicies"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/pods"),
    ],
}


@pytest.mark.parametrize("role", sorted(FORBIDDEN))
def test_an_account_of_ours_may_nothing_beyond_its_role(release: Release, role: str) -> None:
    with release.cluster.as_account(NAMESPACE, f"{NAME}-{role}") as account:
        assert_forbidden(account, FORBIDDEN[role])


def assert_forbidden(account: Api, requests: list[tuple[str, str]]) -> None:
    for method, path in requests:
        content = MERGE if method == "PATCH" else "application/json"
        answer = account.request(method, path, None if method == "GET" else {}, content)
        assert answer.status == HTTPStatus.FORBIDDEN, (method, path, answer.status, answer.message)


OBJECTS = "/apis/modelfleet.dev/v1alpha1"
TENANT_FORBIDDEN = [
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{NAME}-ca"),
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/pods"),
    ("GET", f"{OBJECTS}/routingpolicies"),
    ("GET", f"{OBJECTS}/namespaces/{NAMESPACE}/modeldeployments"),
    ("POST", f"{OBJECTS}/namespaces/{NAMESPACE}/routingpolicies"),
    ("POST", f"{OBJECTS}/hardwareclasses"),
    ("DELETE", f"{OBJECTS}/hardwareclasses/any"),
    ("PATCH", f"{OBJECTS}/namespaces/{TENANT}/routingpolicies/chat/status"),
    ("PATCH", f"{OBJECTS}/namespaces/{TENANT}/modeldeployments/chat-small/status"),
    ("DELETE", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}-xds"),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/pods"),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}-operator/token"),
    ("PATCH", f"/api/v1/namespaces/{NAMESPACE}/configmaps/any"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    ("PATCH", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/routingpolicies.modelfleet.dev"),
]


def test_a_tenant_who_edits_a_namespace_can_touch_our_objects_there_and_nothing_else_of_ours(release: Release) -> None:
    cluster = release.cluster
    path = f"/api/v1/namespaces/{TENANT}"
    expect(cluster.api.create(f"{path}/serviceaccounts", {"metadata": {"name": "tenant"}}), HTTPStatus.CREATED)
    binding = {
        "metadata": {"name": "tenant"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": TENANT}],
    }
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/rolebindings"
    expect(cluster.api.create(bindings, binding), HTTPStatus.CREATED)
    with cluster.as_account(TENANT, "tenant") as tenant:
        expect(tenant.get(f"{OBJECTS}/namespaces/{TENANT}/routingpolicies/chat"), HTTPStatus.OK)
        labelled = {"metadata": {"labels": {"touched": "yes"}}}
        expect(tenant.merge(f"{OBJECTS}/namespaces/{TENANT}/routingpolicies/chat", labelled), HTTPStatus.OK)
        assert_forbidden(tenant, TENANT_FORBIDDEN)
