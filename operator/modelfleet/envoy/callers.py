"""TLS of the port that callers come to: what it speaks, and the certificate that Envoy reads from files beside it."""

from collections.abc import Mapping
from typing import Any

from modelfleet.envoy.mtls import TYPE, TlsFiles, pair_file, secret_source
from modelfleet.fleet.world import Gateway

CERTIFICATE = "listener-certificate"
"""The secret, and the file, by which Envoy reads the pair. What is sent to it names the file and holds no key."""
READY = "/readyz"
"""Answered where a certificate is there. That the port is open says less: Envoy opens it also with files that are
damaged, and then ends each connection."""

_HEALTH = "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck"


def certificate_file(files: TlsFiles, folder: str) -> Mapping[str, Mapping[str, Any]]:
    """What Envoy reads the certificate of its port by, as JSON by path."""
    return pair_file(files, folder, CERTIFICATE)


def secured(gateway: Gateway) -> dict[str, Any]:
    """What a filter chain has besides its filters; nothing where the port is in clear."""
    if not gateway.secrets:
        return {}
    tls = {
        "@type": f"{TYPE}DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {
                "tls_minimum_protocol_version": gateway.tls_minimum.replace(".", "_"),
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "alpn_protocols": ["h2", "http/1.1"],
            # An Envoy that does not have this file refuses the listener, and goes on with the one that it has.
            "tls_certificate_sds_secret_configs": [secret_source(gateway.secrets, CERTIFICATE)],
        },
    }
    return {
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
        # As long as a request may take to say what it wants.
        "transport_socket_connect_timeout": "10s",
    }


def readiness(gateway: Gateway) -> list[dict[str, Any]]:
    """What answers probes of a port with TLS. In clear a probe of the port says as much."""
    if not gateway.secrets:
        return []
    asked = {"name": ":path", "string_match": {"exact": READY}}
    return [{"name": "ready", "typed_config": {"@type": _HEALTH, "pass_through_mode": False, "headers": [asked]}}]
