"""What is said of every object, whatever its kind: whether its spec is taken, and whether its references close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelfleet.findings import Condition, Finding, Key, Reason, keeps_out
from modelfleet.fleet.references import holders_of, referred_kinds
from modelfleet.statuses.conditions import FALSE, TRUE, UNKNOWN, Row, told, unread
from modelfleet.statuses.judged import Judged

OF_KINDS: Mapping[Reason, frozenset[str]] = {
    Reason.HARDWARE_CLASS_NOT_FOUND: frozenset({"HardwareClass"}),
    Reason.MODEL_NOT_FOUND: frozenset({"ModelDeployment"}),
    Reason.SECRET_NOT_FOUND: frozenset({"Secret", "ConfigMap"}),
}
"""What is found missing, and the kinds that must have been read for that."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An object with all that was found in it, by itself and beside the others."""

    judged: Judged
    findings: Sequence[Finding]
    unknown: Mapping[str, str]
    unread: Mapping[Key, str] = field(default_factory=dict)
    """Secrets and ConfigMaps that could not be read, and why."""

    def of(self, *types: Condition) -> list[Finding]:
        """What was found for these conditions: what keeps the object out first."""
        found = [one for one in self.findings if one.condition in types and not self._is_unfounded(one)]
        return sorted(found, key=lambda one: not keeps_out(one))

    def _is_unfounded(self, finding: Finding) -> bool:
        # Whoever looked for it may have looked into nothing, because nothing could be read.
        kinds = OF_KINDS.get(finding.reason, frozenset())
        return bool(kinds & self.unread_kinds())

    def unread_kinds(self) -> frozenset[str]:
        """The kinds that it refers to and that could not be read."""
        resource = self.judged.resource
        return referred_kinds(resource) & self.unknown.keys() if self.unknown and resource else frozenset()

    def accepted(self, *own: Condition) -> Row:
        """Whether the spec is in order; `own` are the conditions that the kind has beside this one."""
        found = self.of(*(type_ for type_ in Condition if type_ not in own))
        if found and keeps_out(found[0]):
            return Row(Condition.ACCEPTED, FALSE, found[0].reason, told(found))
        message = f"taken, and warned of: {told(found)}" if found else "the spec is in order"
        return Row(Condition.ACCEPTED, TRUE, Reason.ACCEPTED, message)

    def resolved(self) -> Row:
        """Whether everything that the object refers to is there, and may be referred to."""
        type_ = Condition.RESOLVED_REFS
        found = self.of(type_)
        if found and keeps_out(found[0]):
            return Row(type_, FALSE, found[0].reason, told(found))
        if self.judged.resource is None:
            return not_judged(type_)
        for kind in sorted(self.unread_kinds()):
            return unread(type_, kind, self.unknown[kind])
        for key in sorted(holders_of(self.judged.resource) & self.unread.keys() if self.unread else ()):
            return Row(type_, UNKNOWN, Reason.NOT_READABLE, f"{key} could not be read: {self.unread[key]}")
        return Row(type_, TRUE, Reason.RESOLVED_REFS, "every reference closes")


def not_judged(type_: Condition) -> Row:
    """What there is to say of an object that may not take part."""
    return Row(type_, UNKNOWN, Reason.NOT_ACCEPTED, "not judged before what is wrong with the spec is put right")
