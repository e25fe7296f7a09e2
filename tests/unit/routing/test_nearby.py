"""Where a hosted model in a cluster cannot be."""

from dataclasses import replace

import pytest

from modelfleet.compiler import compile_fleet
from modelfleet.findings import Finding, Key, Reason, keeps_out
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.nearby import check_nearby
from tests.support.documents import fleet, model, policy


def found(host: str, *, in_cluster: bool = True) -> list[Finding]:
    hosted = model(f"{{engine: null, external: {{url: 'http://{host}/v1'}}}}")
    return list(check_nearby(replace(fleet(hosted), world=World(in_cluster=in_cluster))))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080",
        "127.9.9.9",
        "127.000.000.1:8080",
        "000.0.0.0",
        "0.0.0.0",
        "localhost:8080",
        "LocalHost",
        "a.localhost",
        "[::1]:8080",
        "[::]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "[fe80::1]",
    ],
)
def test_what_is_in_the_gateway_s_pod_or_on_its_link_is_refused_in_a_cluster(host: str) -> None:
    (finding,) = found(host)
    assert (finding.path, finding.reason) == (("spec", "external", "url"), Reason.INVALID_VALUE)
    assert keeps_out(finding)
    assert "name a host" in finding.message


@pytest.mark.parametrize("host", ["10.0.0.7", "models.team-a.svc:8000", "api.example.com", "[fd00::1]", "localhosts"])
def test_other_addresses_are_nobody_s_mistake(host: str) -> None:
    assert found(host) == []


def test_on_a_machine_of_one_s_own_they_are_where_engines_are() -> None:
    assert found("127.0.0.1:8080", in_cluster=False) == []


def test_a_version_that_was_in_force_before_it_was_refused_is_not_kept() -> None:
    hosted = fleet(policy(), model("{engine: null, external: {url: 'https://localhost:8080/v1'}}"))
    gateways = {"default": Gateway("default")}
    before = compile_fleet(replace(hosted, world=World(gateways)))
    after = compile_fleet(replace(hosted, world=World(gateways, in_cluster=True)), before.in_force)
    key = Key("ModelDeployment", "default", "m")
    assert (key in before.in_force.models, key in after.in_force.models) == (True, False)
    assert any(b"localhost" in it.body for it in before.gateways["default"])
    assert not any(b"localhost" in it.body for it in after.gateways["default"])
