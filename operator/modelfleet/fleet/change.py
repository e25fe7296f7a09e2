"""What a change of an object may not do; the API server refuses it by itself, a folder of files does not."""

from collections.abc import Iterator

from modelfleet.api.resource import Resource
from modelfleet.api.rule import locate, split
from modelfleet.findings import Finding, Reason


def check_change(old: Resource, new: Resource) -> Iterator[Finding]:
    """Every rule about changes that the step from the old object to the new one breaks."""
    for rule in new.TRANSITIONS:
        before = dict(locate(old, split(rule.at)))
        for path, value in locate(new, split(rule.at)):
            if path in before and rule.broken(before[path], value):
                yield Finding(new.key, path, Reason.IMMUTABLE, rule.message)
