"""Addresses that are asked without TLS."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from modelfleet.findings import Finding, Key, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_transport(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Hosted models and key sets behind plain http."""
    for subject, path, url in _addresses(snapshot):
        if url.startswith("http:") and not _stays_here(urlsplit(url).hostname or ""):
            message = "prompts, keys and answers would travel in the clear: use https"
            yield Finding(subject, path, Reason.INSECURE_TRANSPORT, message, Severity.WARNING)


def _addresses(snapshot: FleetSnapshot) -> Iterator[tuple[Key, Path, str]]:
    for model in snapshot.models.values():
        if model.spec.external:
            yield model.key, ("spec", "external", "url"), model.spec.external.url
    for policy in snapshot.policies.values():
        if policy.spec.access and policy.spec.access.jwt:
            yield policy.key, ("spec", "access", "jwt", "jwks", "url"), policy.spec.access.jwt.jwks.url


def _stays_here(host: str) -> bool:
    """Whether what is said to the host never leaves the machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name, of which only a resolver knows where it leads
        return False
