"""Rights of the xds role, and of the operator where it looks at gateways: each is used, and missed by name."""

import re
import uuid
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import need_pods_that_answer
from tests.cluster.gateways.rights import IN_SERVED, Grants, granted, without
from tests.cluster.gateways.roles import Xds
from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.objects import make, manifest, routed
from tests.cluster.operator.process import Operator, Role, lasting_port, settled
from tests.cluster.operator.secrets import keep, with_key
from tests.rights.granted import Mode, Place, rights
from tests.testbed.api import wait_for
from tests.testbed.bed import expect

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = (DOCS / "gateways.md", DOCS / "operator.md")
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/modelfleet-xds"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
PLACED = {"model": {"name": "m"}, "engine": {"name": "sim"}}


def begin(scene: Scene, role: Any, account: Grants) -> None:
    """Starts a role as this account."""
    account.give_token(role)
    (scene.xds if isinstance(role, Xds) else scene.operators).append(role)
    role.start()


def server(scene: Scene, name: str, namespace: str, *options: str) -> Xds:
    return Xds(scene.proxy, name, [f"default=127.0.0.1:{scene.ports['default']}"], f"--namespace={namespace}", *options)


@pytest.fixture
def another(scene: Scene, namespace: str) -> Iterator[str]:
    """A namespace that is served, and whose Secrets nobody is to read."""
    name = f"{namespace}-b"
    expect(scene.api.create("/api/v1/namespaces", {"metadata": {"name": name}}), HTTPStatus.CREATED)
    yield name
    scene.api.delete(f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize("single", [False, True], ids=["all namespaces", "single namespaces"])
def test_the_xds_role_uses_all_that_the_chart_grants_lacks_nothing_and_writes_nothing(
    scene: Scene, namespace: str, another: str, single: bool
) -> None:
    for place in (namespace, another):
        keep(scene.api, place, "keys", token="sesame")
        make(scene.api, with_key("hosted", place, "keys"), routed("chat", place, "hosted", f"{place}/chat"))
    served = [f"--namespace={place}" for place in (namespace, another)] if single else []
    xds = scene.start_xds("in-use", *served, f"--secrets-namespace={namespace}")
    scene.start_operator()
    scene.start_envoy()
    scene.is_programmed("chat", namespace)
    assert [write for write in scene.proxy.writes if write.client == "in-use"] == []
    done = {(verb, resource) for client, verb, resource in scene.proxy.reads if client == "in-use"}
    mode = Mode.SINGLE if single else Mode.EVERYWHERE
    assert {(verb, resource) for verb, resource in done if resource} - {("get", "version")} == {
        (right.verb, right.resource) for right in rights("xds", mode)
    }
    # What it may not read it does not ask for, and would not be given.
    assert xds.metric("findings", reason="SecretNotReadable") >= 1
    assert xds.metric("rbac_denied_total") == 0
    assert may(scene, xds, "get", namespace)
    assert not may(scene, xds, "list", namespace)
    assert not may(scene, xds, "get", another)
    assert families(xds) <= on_a_page("modelfleet_[a-z_]+")


def may(scene: Scene, role: Role, verb: str, namespace: str) -> bool:
    """Whether the account of a role may do this with the Secrets of a namespace. It is not asked in its name."""
    spec = {"user": role.user, "resourceAttributes": {"namespace": namespace, "verb": verb, "resource": "secrets"}}
    return bool(expect(scene.api.create(REVIEWS, {"spec": spec}), HTTPStatus.CREATED)["status"]["allowed"])


def families(role: Role) -> set[str]:
    """What its metrics are called."""
    found = set(re.findall(r"^# TYPE (modelfleet_\w+) ", role.ask("/metrics")[1], re.MULTILINE))
    return {name for name in found if not name.endswith("_created")}


def on_a_page(pattern: str) -> set[str]:
    """What the pages on the two roles quote of this form."""
    return {found for page in PAGES for found in re.findall(rf"`({pattern})[`{{]", page.read_text())}


def test_without_one_of_them_it_says_which_and_does_what_can_be_done(scene: Scene, namespace: str) -> None:
    """All of them at once: each is a process of its own that may do one thing less."""
    keep(scene.api, namespace, "keys", token="sesame")
    make(scene.api, manifest("ModelDeployment", "m", namespace, PLACED), with_key("hosted", namespace, "keys"))
    make(scene.api, routed("chat", namespace, "m"))
    needed = ("modeldeployments", "routingpolicies", "endpointslices")
    lesser = ("pods", "nodes", "hardwareclasses")
    shared, served = granted("xds", Place.CLUSTER), granted("xds", *IN_SERVED)
    found: dict[str, Xds] = {}
    for resource in (*needed, *lesser, "secrets"):
        name = f"no-{resource}-{uuid.uuid4().hex[:6]}"
        found[resource] = server(scene, name, namespace)
        within = {namespace: without(served, resource)}
        begin(scene, found[resource], Grants(scene.bed, name, without(shared, resource), within))
    for resource in needed:
        xds = found[resource]
        wait_for(f"{resource} to be missed", partial(is_denied, xds, "list", resource))
        status, text = xds.ask("/readyz")
        assert (status, f"{resource} in {namespace}: " in text, "403" in text) == (503, True, True), text
        assert xds.acks()["gateways"] == [], "half a fleet is another fleet"
    for resource in lesser:
        found[resource].wait_until_ready()
        assert found[resource].metric("rbac_denied_total", resource=resource) > 0
        assert found[resource].metric("unread") == 1
        assert [one["name"] for one in found[resource].acks()["gateways"][0]["policies"]] == ["chat"]
    found["secrets"].wait_until_ready()
    assert is_denied(found["secrets"], "get", "secrets")
    assert found["secrets"].metric("findings", reason="SecretNotReadable") == 1
    assert [write for write in scene.proxy.writes if write.client.startswith("no-")] == []


def is_denied(role: Role, verb: str, resource: str) -> bool:
    return role.metric("rbac_denied_total", verb=verb, resource=resource) > 0


@pytest.fixture
def behind_a_service(scene: Scene, namespace: str) -> Iterator[Xds]:
    """A replica that is found as one in a cluster is."""
    need_pods_that_answer(scene.bed)
    port = lasting_port()
    xds = server(scene, f"xds-{uuid.uuid4().hex[:6]}", namespace, f"--metrics=0.0.0.0:{port}")
    xds.metrics = f"127.0.0.1:{port}"
    scene.xds.append(xds)
    xds.start()
    xds.wait_until_ready()
    labels = {"app.kubernetes.io/part-of": "modelfleet", "app.kubernetes.io/component": "xds"}
    made = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "modelfleet-xds", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "metrics", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.244.77.1"]}],
    }
    expect(scene.api.apply(SLICES, made), HTTPStatus.OK, HTTPStatus.CREATED)
    yield xds
    scene.api.delete(SLICES)


def test_the_operator_finds_replicas_by_two_rights_in_its_own_namespace_and_says_which_one_it_lacks(
    scene: Scene, namespace: str, behind_a_service: Xds
) -> None:
    name = f"operator-{uuid.uuid4().hex[:6]}"
    home = granted("operator", Place.HOME)
    within = {namespace: granted("operator", *IN_SERVED), "default": home}
    account = Grants(scene.bed, name, granted("operator", Place.CLUSTER), within)
    operator = Operator(scene.proxy, name, f"--namespace={namespace}")
    make(scene.api, manifest("ModelDeployment", "m", namespace, PLACED), routed("chat", namespace, "m"))
    begin(scene, operator, account)
    scene.start_envoy(xds=[behind_a_service.address])
    scene.is_programmed("chat", namespace)
    assert operator.metric("rbac_denied_total", resource="pods") == 0
    account.grant(without(home, "pods"), "default")
    wait_for("the right to be missed", partial(is_denied, operator, "list", "pods"))
    account.grant(without(without(home, "pods"), "endpointslices"), "default")
    wait_for("the other to be missed", partial(is_denied, operator, "list", "endpointslices"))
    settled(lambda: says(scene, namespace, "True"), 2)  # what is known is not taken back
    operator.stop()
    account.give_token(operator)
    operator.start()
    assert scene.becomes("chat", namespace, "Programmed", "Unknown").startswith(
        "xds replicas cannot be looked for: 403 Forbidden: endpointslices.discovery.k8s.io is forbidden"
    )
    assert scene.says("chat", namespace, "Accepted")["status"] == "True"
    account.grant(home, "default")
    scene.is_programmed("chat", namespace)


def says(scene: Scene, namespace: str, status: str) -> None:
    assert scene.says("chat", namespace)["status"] == status
