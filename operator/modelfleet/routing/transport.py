"""Addresses that are asked without TLS."""

from collections.abc import Iterator

from modelfleet.findings import Finding, Key, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot

LOOPBACK = ("127.", "localhost", "[::1]")
"""What is said to these never leaves the machine."""


def check_transport(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Hosted models and key sets behind plain http."""
    for subject, path, url in _addresses(snapshot):
        if url.startswith("http:") and not any(url.startswith(f"http://{host}") for host in LOOPBACK):
            message = "prompts, keys and answers would travel in the clear: use https"
            yield Finding(subject, path, Reason.INSECURE_TRANSPORT, message, Severity.WARNING)


def _addresses(snapshot: FleetSnapshot) -> Iterator[tuple[Key, Path, str]]:
    for model in snapshot.models.values():
        if model.spec.external:
            yield model.key, ("spec", "external", "url"), model.spec.external.url
    for policy in snapshot.policies.values():
        if policy.spec.access and policy.spec.access.jwt:
            yield policy.key, ("spec", "access", "jwt", "jwks", "url"), policy.spec.access.jwt.jwks.url
