"""Targets as clusters: how replicas are chosen and left alone, and how hosted models are reached."""

from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from modelfleet.envoy.clusters import render_cluster
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.endpoints import render_endpoints
from modelfleet.envoy.secrets import render_secret
from modelfleet.findings import Key
from modelfleet.fleet.world import Endpoint, Gateway, Hidden, World
from modelfleet.routing.plan import BreakerPlan, HostPlan, TargetPlan

M, P = Key("ModelDeployment", "team", "m"), Key("RoutingPolicy", "team", "p")
KEYS = Key("Secret", "team", "keys")
GATEWAY = Gateway("default", roots="/roots.pem")


def target(host: HostPlan | None = None, breaker: tuple[int, int] = (5, 10_000), slow_start_ms: int = 0) -> TargetPlan:
    return TargetPlan("team/m/x", M, True, "alias", BreakerPlan(*breaker), 250, slow_start_ms, 1, host)


def host(
    name: str = "a.example.com", port: int = 443, *, secure: bool = True, secret: tuple[Key, str] | None = None
) -> HostPlan:
    return HostPlan(secure, name, port, "/v1", "", secret, passes_through=False)


def message(made: TargetPlan) -> Any:
    return Cluster.FromString(render_cluster(made, GATEWAY, frozenset({P})).body)


def shown(made: TargetPlan) -> Any:
    return display_resource(render_cluster(made, GATEWAY, frozenset({P})))["resource"]


def protocol(made: HostPlan) -> Any:
    return shown(target(made))["typed_extension_protocol_options"][
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ]


def test_a_model_of_one_s_own_has_endpoints_under_its_own_name() -> None:
    made = message(target())
    assert (made.name, made.type) == ("team/m/x", Cluster.EDS)
    assert made.eds_cluster_config.service_name == "team/m"


def test_a_connection_has_as_long_as_the_target_says() -> None:
    assert shown(target())["connect_timeout"] == "0.250s"


def test_nothing_of_envoy_s_own_binds_in_silence() -> None:
    (limits,) = message(target()).circuit_breakers.thresholds
    assert {limits.max_connections.value, limits.max_pending_requests.value, limits.max_requests.value} == {10**9}
    assert limits.max_retries.value == 10**9
    assert shown(target())["common_lb_config"] == {"healthy_panic_threshold": {}}


@pytest.mark.parametrize(
    ("breaker", "interval", "most"),
    [((5, 10_000), "1s", "10s"), ((1, 500), "0.100s", "0.500s"), ((9, 600_000), "60s", "600s")],
)
def test_a_replica_that_fails_is_left_alone_and_looked_at_often(
    breaker: tuple[int, int], interval: str, most: str
) -> None:
    ejection = shown(target(breaker=breaker))["outlier_detection"]
    assert ejection["consecutive_5xx"] == breaker[0]
    assert (ejection["interval"], ejection["max_ejection_time"]) == (interval, most)
    assert ejection["max_ejection_percent"] == ejection["enforcing_consecutive_5xx"] == 100
    assert ejection["enforcing_success_rate"] == 0


@pytest.mark.parametrize(("window", "expected"), [(0, None), (90_000, {"slow_start_window": "90s"})])
def test_a_slow_start_is_asked_for_where_there_is_one(window: int, expected: Any) -> None:
    (policy,) = shown(target(slow_start_ms=window))["load_balancing_policy"]["policies"]
    assert policy["typed_extension_config"]["typed_config"].get("slow_start_config") == expected


@pytest.mark.parametrize(
    ("made", "kind", "named"),
    [
        (host(), Cluster.LOGICAL_DNS, "a.example.com"),
        (host(port=8443), Cluster.LOGICAL_DNS, "a.example.com:8443"),
        (host(port=80, secure=False), Cluster.LOGICAL_DNS, "a.example.com"),
        (host(port=443, secure=False), Cluster.LOGICAL_DNS, "a.example.com:443"),
        (host("10.0.0.1", 80, secure=False), Cluster.STATIC, "10.0.0.1"),
        (host("::1", 9000, secure=False), Cluster.STATIC, "[::1]:9000"),
    ],
)
def test_a_hosted_model_is_called_by_the_name_of_its_address(made: HostPlan, kind: Any, named: str) -> None:
    cluster = message(target(made))
    ((endpoint,),) = (locality.lb_endpoints for locality in cluster.load_assignment.endpoints)
    assert (cluster.type, endpoint.endpoint.hostname) == (kind, named)
    assert endpoint.endpoint.address.socket_address.address == made.host


def test_who_answers_over_tls_is_checked_by_name_and_authority() -> None:
    context = shown(target(host()))["transport_socket"]["typed_config"]
    assert context["sni"] == "a.example.com"
    assert context["common_tls_context"]["validation_context"] == {
        "trusted_ca": {"filename": "/roots.pem"},
        "match_typed_subject_alt_names": [
            {"san_type": kind, "matcher": {"exact": "a.example.com"}} for kind in ("DNS", "IP_ADDRESS")
        ],
    }
    # What is automatic there goes by the host that the caller named.
    assert "upstream_http_protocol_options" not in protocol(host())
    assert "transport_socket" not in shown(target(host(secure=False)))


def test_no_filters_stand_in_a_cluster_of_replicas() -> None:
    """They stand in the way to it, and would be passed over here."""
    for made in (host(), host(secret=(KEYS, "token")), host(secure=False, secret=(KEYS, "token"))):
        assert "http_filters" not in protocol(made)


def test_a_resource_without_the_entry_is_not_made() -> None:
    world = World(secrets={KEYS: {"token": Hidden(" key\n")}})
    made = render_secret(KEYS, "token", world, M)
    assert made is not None
    assert (made.name, made.owners) == ("team/keys/token", frozenset({M}))
    assert b"Bearer key" in made.body
    assert b"key\n" not in made.body
    assert render_secret(KEYS, "other", world, M) is None
    assert render_secret(Key("Secret", "other", "keys"), "token", world, M) is None


def test_endpoints_are_grouped_by_place_in_order_and_say_their_hardware() -> None:
    found = [
        Endpoint("10.0.0.3", 80, "gpu", "eu", "b"),
        Endpoint("10.0.0.2", 80, "", "eu", "a"),
        Endpoint("10.0.0.1", 81, "gpu", "eu", "a"),
        Endpoint("10.0.0.1", 80, "gpu", "us", ""),
    ]
    made = display_resource(render_endpoints(M, found))["resource"]
    assert render_endpoints(M, found[::-1]) == render_endpoints(M, found)
    places = [(one["locality"], one["load_balancing_weight"]) for one in made["endpoints"]]
    assert places == [({"region": "eu", "zone": "a"}, 2), ({"region": "eu", "zone": "b"}, 1), ({"region": "us"}, 1)]
    first, second = made["endpoints"][0]["lb_endpoints"]
    assert first["endpoint"]["address"]["socket_address"] == {"address": "10.0.0.1", "port_value": 81}
    hardware = [one["metadata"]["filter_metadata"]["modelfleet"]["hardware"] for one in (first, second)]
    assert hardware == ["gpu", "-"]


@pytest.mark.parametrize(("address", "named"), [("10.0.0.1", "10.0.0.1:80"), ("fd00::1", "[fd00::1]:80")])
def test_an_engine_hears_the_address_of_its_replica_as_host(address: str, named: str) -> None:
    made = display_resource(render_endpoints(M, [Endpoint(address, 80, "")]))["resource"]
    (entry,) = made["endpoints"][0]["lb_endpoints"]
    assert entry["endpoint"]["hostname"] == named


def test_a_model_without_a_replica_has_endpoints_all_the_same() -> None:
    assert display_resource(render_endpoints(M, []))["resource"] == {"cluster_name": "team/m"}
