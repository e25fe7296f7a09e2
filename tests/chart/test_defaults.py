"""The chart as it is where nobody says anything: each thing that could be safe or handy is the safe one."""

import pytest

from tests.chart.rendering import NAMESPACE, Rendered, containers, template


@pytest.fixture
def out() -> Rendered:
    return template({})


def test_both_sides_of_the_xds_stream_know_each_other_by_certificates(out: Rendered) -> None:
    options = ("--tls-cert=", "--tls-key=", "--tls-ca=")
    for name, container in (("modelfleet-xds", "xds"), ("modelfleet-gateway-default", "relay")):
        told = out.arguments(name, container)
        assert all(any(it.startswith(option) for it in told) for option in options), name


def test_secrets_are_read_by_name_in_the_namespace_of_the_release_alone(out: Rendered) -> None:
    readers = [
        (kind, one["metadata"].get("namespace", ""), rule["verbs"])
        for kind in ("Role", "ClusterRole")
        for one in out.all(kind)
        for rule in one["rules"]
        if "secrets" in rule["resources"]
    ]
    assert readers == [("Role", NAMESPACE, ["get"])] * 2
    for name in ("operator", "xds"):
        told = out.arguments(f"modelfleet-{name}", name)
        assert [it for it in told if it.startswith("--secrets")] == [f"--secrets-namespace={NAMESPACE}"]


def test_roles_are_bound_to_our_own_accounts_and_no_role_of_others_is_bound(out: Rendered) -> None:
    own = {f"modelfleet-{role}" for role in ("operator", "xds")}
    for kind in ("Role", "ClusterRole"):
        for binding in out.all(f"{kind}Binding"):
            assert binding["roleRef"]["kind"] == kind
            assert binding["roleRef"]["name"] in out.names(kind), "not cluster-admin, and no other that is there"
            assert {one["name"] for one in binding["subjects"]} <= own
            assert {one["namespace"] for one in binding["subjects"]} == {NAMESPACE}


def test_envoys_own_interface_is_a_socket_in_its_pod(out: Rendered) -> None:
    assert "--admin=/run/modelfleet/admin.sock" in out.arguments("modelfleet-gateway-default", "bootstrap")
    ports = {
        name: {port["containerPort"] for one in containers(pod["spec"]) for port in one.get("ports", ())}
        for name, pod in out.pods()
    }
    assert ports == {
        "modelfleet-operator": {8081},
        "modelfleet-xds": {18000, 9090},
        "modelfleet-gateway-default": {8080, 9091},
    }


def test_nothing_is_reached_from_outside_of_the_cluster(out: Rendered) -> None:
    assert {one["spec"]["type"] for one in out.all("Service")} == {"ClusterIP"}
    assert not out.all("Ingress")


def test_each_role_has_its_policy_and_no_policy_lets_everybody_in_but_at_the_gateways_port(out: Rendered) -> None:
    assert out.names("NetworkPolicy") == {f"modelfleet-{role}" for role in ("operator", "xds", "gateway")}
    open_ = [
        (one["metadata"]["name"], [port["port"] for port in rule["ports"]])
        for one in out.all("NetworkPolicy")
        for rule in one["spec"].get("ingress", ())
        if "from" not in rule
    ]
    assert open_ == [("modelfleet-gateway", ["http", "https"])]


def test_keys_are_kept_in_memory_and_logs_tell_nothing_for_who_debugs(out: Rendered) -> None:
    volumes = {one["name"]: one.get("emptyDir") for one in out.pod("modelfleet-gateway-default")["volumes"]}
    assert volumes["state"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    told = [it for _, pod in out.pods() for one in containers(pod["spec"]) for it in one.get("args", ())]
    assert "--log-level=info" in told
    assert "--log-level=debug" not in told
    assert told[told.index("--log-level") + 1] == "warning"


def test_images_are_of_a_version(out: Rendered) -> None:
    images = {one["image"] for _, pod in out.pods() for one in containers(pod["spec"])}
    assert len(images) == 2
    assert not any(image.endswith(":latest") or ":" not in image.rpartition("/")[2] for image in images)
