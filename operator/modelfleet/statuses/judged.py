"""An object as it was judged by itself, whether it may take part or not: both have a status."""

from dataclasses import dataclass

from modelfleet.api.resource import Resource
from modelfleet.findings import Finding, Key
from modelfleet.fleet.envoys import Reported
from modelfleet.fleet.inforce import Version
from modelfleet.fleet.parse import Invalid, Valid


@dataclass(frozen=True, slots=True)
class Judged:
    """An object that status is written on."""

    key: Key
    uid: str
    generation: int
    resource: Resource | None
    """What it says, None where it may not take part."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with it by itself."""
    in_force: Version | None = None
    """The version of it that is in force."""


def judged_of(parsed: Valid | Invalid, in_force: Version | None = None, reported: Reported | None = None) -> Judged:
    """The verdict on an object that was parsed."""
    if isinstance(parsed, Valid) and reported and reported.serves(parsed.key, parsed.uid, parsed.generation):
        # Who feeds gateways saw it in order, be it before or after us. If nobody wrote down that it was, the next bad
        # edit would take it from whoever starts after that.
        in_force = Version(parsed.generation, parsed.resource)
    if isinstance(parsed, Valid):
        return Judged(parsed.key, parsed.uid, parsed.generation, parsed.resource, in_force=in_force)
    return Judged(parsed.key, parsed.uid, parsed.generation, None, parsed.findings, in_force)
