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
from tests.cluster.gateways.rights import HOME, LEASES, OPERATOR, SHARED, XDS, Grants, without
from tests.cluster.gateways.roles import Xds
from tests.cluster.gateways.scene import Scene
from tests.cluster.operator.objects import make, manifest, routed
from tests.cluster.operator.process import Operator, Role, lasting_port, settled
from tests.cluster.operator.test_secrets import keep, with_key
from tests.testbed.api import wait_for
from tests.testbed.bed import expect

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = (DOCS / "gateways.md", DOCS / "operator.md")
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/modelfleet-xds"
PLACED = {"model": {"name": "m"}, "engine": {"name": "sim"}}


def begin(scene: Scene, role: Any, account: Grants) -> None:
    """Starts a role as this account."""
    account.give_token(role)
    (scene.xds if isinstance(role, Xds) else scene.operators).append(role)
    role.start()


def server(scene: Scene, name: str, namespace: str, *options: str) -> Xds:
    return Xds(scene.proxy, name, [f"default=127.0.0.1:{scene.ports['default']}"], f"--namespace={namespace}", *options)


def test_the_xds_role_needs_the_rights_that_are_listed_and_writes_nothing(scene: Scene, namespace: str) -> None:
    name = f"xds-{uuid.uuid4().hex[:6]}"
    keep(scene.api, namespace, "keys", token="sesame")
    make(scene.api, with_key("hosted", namespace, "keys"), routed("chat", namespace, "hosted", f"{namespace}/chat"))
    xds = server(scene, name, namespace)
    begin(scene, xds, Grants(scene.bed, name, SHARED, {namespace: XDS}))
    xds.wait_until_ready()
    scene.start_operator()
    scene.start_envoy()
    scene.is_programmed("chat", namespace)
    assert [write for write in scene.proxy.writes if write.client == name] == []
    done = {(verb, resource) for client, verb, resource in scene.proxy.reads if client == name}
    listed = {(verb, resource) for _, resource, verbs in (*SHARED, *XDS) for verb in verbs}
    assert {(verb, resource) for verb, resource in done if resource} - {("get", "version")} == listed
    assert xds.metric("rbac_denied_total") == 0
    assert families(xds) <= on_a_page("modelfleet_[a-z_]+")


def families(role: Role) -> set[str]:
    """What its metrics are called."""
    found = set(re.findall(r"^# TYPE (modelfleet_\w+) ", role.ask("/metrics")[1], re.MULTILINE))
    return {name for name in found if not name.endswith("_created")}


def on_a_page(pattern: str) -> set[str]:
    """What the pages on the two roles quote of this form."""
    return {found for page in PAGES for found in re.findall(rf"`({pattern})[`{{]", page.read_text())}


def test_the_rights_on_the_page_are_these() -> None:
    section = PAGES[0].read_text().partition("\n## Rights\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    listed = {
        (verb, resource)
        for resources, _, verbs, *_ in rows
        for verb in re.findall(r"`(\w+)`", verbs)
        for resource in re.findall(r"`(\w+)`", resources)
    }
    assert listed == {(verb, resource) for _, resource, verbs in (*SHARED, *XDS) for verb in verbs}


def test_without_one_of_them_it_says_which_and_does_what_can_be_done(scene: Scene, namespace: str) -> None:
    """All of them at once: each is a process of its own that may do one thing less."""
    keep(scene.api, namespace, "keys", token="sesame")
    make(scene.api, manifest("ModelDeployment", "m", namespace, PLACED), with_key("hosted", namespace, "keys"))
    make(scene.api, routed("chat", namespace, "m"))
    needed = ("modeldeployments", "routingpolicies", "endpointslices")
    lesser = ("pods", "nodes", "hardwareclasses")
    found: dict[str, Xds] = {}
    for resource in (*needed, *lesser, "secrets"):
        name = f"no-{resource}-{uuid.uuid4().hex[:6]}"
        found[resource] = server(scene, name, namespace)
        rights = {namespace: without(XDS, resource)}
        begin(scene, found[resource], Grants(scene.bed, name, without(SHARED, resource), rights))
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
    account = Grants(scene.bed, name, SHARED, {namespace: OPERATOR, "default": (*HOME, *LEASES)})
    operator = Operator(scene.proxy, name, f"--namespace={namespace}")
    make(scene.api, manifest("ModelDeployment", "m", namespace, PLACED), routed("chat", namespace, "m"))
    begin(scene, operator, account)
    scene.start_envoy(xds=[behind_a_service.address])
    scene.is_programmed("chat", namespace)
    assert operator.metric("rbac_denied_total", resource="pods") == 0
    account.allow("default", (*without(HOME, "pods"), *LEASES))
    wait_for("the right to be missed", partial(is_denied, operator, "list", "pods"))
    account.allow("default", LEASES)
    wait_for("the other to be missed", partial(is_denied, operator, "list", "endpointslices"))
    settled(lambda: says(scene, namespace, "True"), 2)  # what is known is not taken back
    operator.stop()
    account.give_token(operator)
    operator.start()
    assert scene.becomes("chat", namespace, "Programmed", "Unknown").startswith(
        "xds replicas cannot be looked for: 403 Forbidden: endpointslices.discovery.k8s.io is forbidden"
    )
    assert scene.says("chat", namespace, "Accepted")["status"] == "True"
    account.allow("default", (*HOME, *LEASES))
    scene.is_programmed("chat", namespace)


def says(scene: Scene, namespace: str, status: str) -> None:
    assert scene.says("chat", namespace)["status"] == status
