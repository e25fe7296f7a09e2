"""Secrets that must be at hand when a fleet serves; lint, which sees manifests alone, cannot ask for that."""

from collections.abc import Iterator

from modelfleet.findings import Condition, Finding, Key, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Hidden

PATH = ("spec", "external", "credentials", "secretRef", "key")


def check_readable(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Hosted models whose key is not there, or could not travel in a header; what was not read is not judged."""
    for finding, secret in _keyless(snapshot):
        if secret not in snapshot.unread and secret not in snapshot.forbidden:
            yield finding


def keyless(snapshot: FleetSnapshot) -> frozenset[Key]:
    """Hosted models that cannot be asked, for want of their key and for whatever reason."""
    return frozenset(finding.subject for finding, _ in _keyless(snapshot))


def _keyless(snapshot: FleetSnapshot) -> Iterator[tuple[Finding, Key]]:
    """What there is to say of each of these models, and its Secret."""
    for model in snapshot.models.values():
        external = model.spec.external
        reference = external.credentials.secret_ref if external and external.credentials else None
        if reference:
            key = Key("Secret", model.key.namespace, reference.name)
            problem = _problem(snapshot.world.secrets.get(key, {}).get(reference.key))
            if problem:
                message = f'entry "{reference.key}" of {key} {problem}'
                condition = Condition.RESOLVED_REFS
                yield Finding(model.key, PATH, Reason.SECRET_NOT_FOUND, message, condition=condition), key


def _problem(hidden: Hidden | None) -> str:
    if hidden is None:
        return "is not there, or is no text: add the Secret with this entry"
    token = hidden.text.strip()
    if not token:
        return "is empty: put the key into it"
    if not (token.isascii() and token.isprintable()):
        return "has letters that no header may have: put the key into it and nothing else"
    return ""
