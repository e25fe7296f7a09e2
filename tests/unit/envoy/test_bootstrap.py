"""The bootstrap in Envoy's own terms: that there are such fields, and what rests on their values."""

from typing import Any

import pytest
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.extensions.resource_monitors.downstream_connections.v3 import downstream_connections_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from modelfleet.envoy.bootstrap import Bootstrap, is_literal, render_bootstrap
from modelfleet.envoy.mtls import TlsFiles, secret_files
from modelfleet.envoy.protorules import violations

# Imported for their descriptors: a message inside of a message is found by its name.
NAMED = (downstream_connections_pb2, http_protocol_options_pb2, secret_pb2, tls_pb2)


def read(*xds: str, region: str = "", zone: str = "") -> Any:
    """The bootstrap as Envoy would read it; a field that there is not is an error."""
    rendered = render_bootstrap(Bootstrap("default", "edge-0", xds, "127.0.0.1:9901", region, zone))
    return json_format.ParseDict(rendered, bootstrap_pb2.Bootstrap())


@pytest.mark.parametrize("xds", [("/run/xds",), ("10.0.0.1:1", "[::1]:2", "/run/xds"), ("xds:1", "10.0.0.1:2")])
def test_envoy_knows_every_field_and_none_breaks_a_rule_of_its_own(xds: tuple[str, ...]) -> None:
    assert list(violations(read(*xds, region="eu", zone="a"))) == []


def test_an_envoy_that_nobody_has_told_anything_waits_and_is_not_ready() -> None:
    dynamic = read("/run/xds").dynamic_resources
    for source in (dynamic.cds_config, dynamic.lds_config):
        assert source.HasField("initial_fetch_timeout")
        assert source.initial_fetch_timeout.ToMilliseconds() == 0


def test_the_stream_is_tried_again_within_seconds_however_often_it_broke() -> None:
    (service,) = read("/run/xds").dynamic_resources.ads_config.grpc_services
    assert service.envoy_grpc.retry_policy.retry_back_off.max_interval.ToMilliseconds() <= 1000


def test_a_control_plane_that_is_down_is_passed_over_while_another_is_up_and_only_then() -> None:
    (cluster,) = read("10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1").static_resources.clusters
    assert cluster.outlier_detection.consecutive_5xx.value == 1
    assert cluster.outlier_detection.max_ejection_percent.value == 100
    # With the usual half, one of three would be asked no sooner than the two that are down; with 0 nobody ever.
    assert 0 < cluster.common_lb_config.healthy_panic_threshold.value < 100 / 3


@pytest.mark.parametrize(
    ("address", "literal"),
    [("/run/xds", True), ("10.0.0.1:1", True), ("[::1]:1", True), ("xds:1", False), ("localhost:1", False)],
)
def test_only_a_name_has_to_be_looked_up(address: str, literal: bool) -> None:
    assert is_literal(address) is literal


def test_envoy_knows_every_field_of_tls_and_none_breaks_a_rule_of_its_own() -> None:
    files = TlsFiles("/tls/tls.crt", "/tls/tls.key", "/ca/ca.crt", "xds.svc")
    rendered = render_bootstrap(Bootstrap("g", "n", ("xds.svc:1",), "127.0.0.1:9901", tls=files, secrets="/run/sds"))
    bootstrap = json_format.ParseDict(rendered, bootstrap_pb2.Bootstrap())
    assert list(violations(bootstrap)) == []
    secrets = {
        path: json_format.ParseDict(dict(content), discovery_pb2.DiscoveryResponse())
        for path, content in secret_files(files, "/run/sds").items()
    }
    assert set(secrets) == {"/run/sds/xds-certificate.json", "/run/sds/xds-authority.json"}
    assert all(path in str(bootstrap.static_resources.clusters) for path in secrets)
    for response in secrets.values():
        (packed,) = response.resources
        assert list(violations(packed)) == []


def test_a_renewed_file_is_looked_for_in_its_own_folder() -> None:
    certificate, authority = secret_files(TlsFiles("/tls/tls.crt", "/tls/tls.key", "/ca.crt", "xds"), "/x").values()
    assert certificate["resources"][0]["tls_certificate"]["watched_directory"] == {"path": "/tls"}
    assert authority["resources"][0]["validation_context"]["watched_directory"] == {"path": "/"}
