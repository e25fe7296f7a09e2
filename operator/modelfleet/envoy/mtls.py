"""TLS between an Envoy and the control plane: which files, whose names, and what Envoy is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

DOMAIN = "gateway.modelfleet.dev"
CERTIFICATE, AUTHORITY = "xds-certificate", "xds-authority"
"""The secrets by which Envoy reads the files. Each is a file of its own, since Envoy takes one from each."""

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of one side, all PEM."""

    cert: str
    """Its certificate, and those between it and the authority."""
    key: str
    ca: str = ""
    """The authorities that the other side's certificate is checked by. Nothing where nobody is asked for one."""
    server_name: str = ""
    """What the server is called in its certificate, for a client. Nothing is the host that it connects to."""


def certificate_name(gateway: str) -> str:
    """The DNS name by which a certificate is that of the gateway."""
    return f"{gateway}.{DOMAIN}"


def secret_files(files: TlsFiles, folder: str) -> Mapping[str, Mapping[str, Any]]:
    """What Envoy reads the TLS files by, as JSON by path. Files that a bootstrap names itself it reads only once."""
    ca: dict[str, Any] = {
        "trusted_ca": {"filename": files.ca},
        "watched_directory": {"path": _folder(files.ca)},
        "match_typed_subject_alt_names": [
            {"san_type": "IP_ADDRESS" if _is_ip(files.server_name) else "DNS", "matcher": {"exact": files.server_name}}
        ],
    }
    return pair_file(files, folder, CERTIFICATE) | _secret_file(folder, AUTHORITY, {"validation_context": ca})


def pair_file(files: TlsFiles, folder: str, name: str) -> dict[str, Mapping[str, Any]]:
    """The file, by its path, by which Envoy reads a certificate and its key and takes renewed ones."""
    pair = {
        "certificate_chain": {"filename": files.cert},
        "private_key": {"filename": files.key},
        "watched_directory": {"path": _folder(files.cert)},
    }
    return _secret_file(folder, name, {"tls_certificate": pair})


def transport_socket(files: TlsFiles, folder: str) -> Mapping[str, Any]:
    """How Envoy connects, with the secrets in this folder."""
    tls: dict[str, Any] = {
        "@type": f"{TYPE}UpstreamTlsContext",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [secret_source(folder, CERTIFICATE)],
            "validation_context_sds_secret_config": secret_source(folder, AUTHORITY),
        },
    }
    if not _is_ip(files.server_name):  # TLS has no such thing as the name of an address
        tls["sni"] = files.server_name
    return {"name": "envoy.transport_sockets.tls", "typed_config": tls}


def secret_source(folder: str, name: str) -> Mapping[str, Any]:
    """Where Envoy has a secret from: the file of this name."""
    source = {"path_config_source": {"path": _path(folder, name)}, "resource_api_version": "V3"}
    # Without a bound: an Envoy that stops to wait for its certificate connects without one, and is refused.
    return {"name": name, "sds_config": {**source, "initial_fetch_timeout": "0s"}}


def _secret_file(folder: str, name: str, secret: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {_path(folder, name): {"resources": [{"@type": f"{TYPE}Secret", "name": name, **secret}]}}


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}.json"


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
