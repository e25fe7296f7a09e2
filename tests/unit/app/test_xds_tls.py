"""The xds role with TLS files, without a cluster: who is let in at its port, and what it counts."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from prometheus_client import generate_latest

from modelfleet.app.xds import Xds, XdsOptions
from modelfleet.envoy.mtls import certificate_name
from modelfleet.envoy.types import CLUSTER
from modelfleet.xds.state import gateway_resources
from tests.support.authority import Authority, Issued, Mounted
from tests.unit.xds.making import static_cluster
from tests.unit.xds.talking import METHOD, hello

LOST = "modelfleet_tls_connections_lost_total "


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def role(tmp_path: Path, authority: Authority) -> Iterator[Xds]:
    """It serves a gateway that has one cluster."""
    mounted = Mounted(tmp_path / "files", authority, authority.issue("127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    client: Any = SimpleNamespace()
    role = Xds(client, XdsOptions(address, tls=mounted.files))
    role._plane.start()
    role._plane.publish("default", gateway_resources([static_cluster("a")]))
    role._plane.open()
    yield role
    role._plane.stop()


def told(role: Xds, authority: Authority, issued: Issued | None) -> list[str] | grpc.StatusCode:
    """The clusters that a client is told of, or how it was refused."""
    pair = (issued.key, issued.cert) if issued else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.pem, *pair)
    with grpc.secure_channel(role._listen, credentials, (("grpc.use_local_subchannel_pool", 1),)) as channel:
        stream: Any = channel.stream_stream(
            METHOD + "DeltaAggregatedResources",
            request_serializer=None,
            response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
        )
        call = stream(iter([hello(CLUSTER, gateway="default")]), timeout=5)
        try:
            return [resource.name for resource in next(call).resources]
        except grpc.RpcError:
            code: grpc.StatusCode = call.code()
            return code


def test_only_who_has_the_certificate_of_the_gateway_is_told_what_it_is_to_do(role: Xds, authority: Authority) -> None:
    assert told(role, authority, authority.issue(certificate_name("default"))) == ["a"]
    assert told(role, authority, authority.issue(certificate_name("other"))) is grpc.StatusCode.PERMISSION_DENIED
    assert told(role, authority, None) is grpc.StatusCode.UNAVAILABLE
    assert "modelfleet_xds_denied_total 1.0" in generate_latest(role.telemetry.registry).decode()
    assert set(role.acks.connected()) <= {"default"}


def lost(role: Xds) -> float:
    text = generate_latest(role.telemetry.registry).decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(LOST))


def test_connections_whose_handshake_fails_are_counted(
    role: Xds, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelfleet.xds.arrivals.PATIENCE_S", 0.3)
    assert told(role, authority, authority.issue(certificate_name("default"))) == ["a"]
    assert told(role, authority, authority.issue(certificate_name("other"))) is grpc.StatusCode.PERMISSION_DENIED
    time.sleep(0.5)
    assert lost(role) == 0
    expired = authority.issue(certificate_name("default"), ends=timedelta(seconds=-1))
    for issued in (None, expired, Authority(tmp_path, "stranger").issue(certificate_name("default"))):
        before = lost(role)
        assert told(role, authority, issued) is grpc.StatusCode.UNAVAILABLE
        time.sleep(0.5)
        assert lost(role) > before
