"""What a gateway never gets to see: headers of callers that it takes off, and what is inside of lists."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.decision import When
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Finding, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.clauses.conditions import HEADER
from modelfleet.routing.facts import conditions
from modelfleet.routing.stripped import is_stripped


def check_unseen(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Conditions and identifiers that go by what no gateway sees."""
    for policy in snapshot.policies.values():
        for path, message in _unseen(policy):
            yield Finding(policy.key, path, Reason.NEVER_MATCHES, message, Severity.WARNING)


def _unseen(policy: RoutingPolicy) -> Iterator[tuple[Path, str]]:
    names = policy.spec.identifiers
    for field in ("session", "step", "feature"):
        header = names and getattr(names, field)
        if header and is_stripped(header):
            yield ("spec", "identifiers", field), _taken_off(header)
    for path, when in conditions(policy):
        for header in when.headers or ():
            if is_stripped(header):
                yield (*path, "headers", header), _taken_off(header)
        for place, item in _items(when):
            yield from (((*path, *place), message) for message in _of_item(item))


def _items(when: When) -> Iterator[tuple[Path, str]]:
    for field, items in (("missing", when.missing), ("empty", when.empty)):
        yield from (((field, index), item) for index, item in enumerate(items or ()))


def _of_item(item: str) -> Iterator[str]:
    if item.startswith(HEADER):
        header = item.removeprefix(HEADER)
        if is_stripped(header):
            yield _taken_off(header)
        return
    steps = item.split(".")
    numbered = next((index for index, step in enumerate(steps) if step.isdecimal()), None)
    if numbered is not None:
        yield f"is never found in a list, since lists are not entered: ask for {'.'.join(steps[:numbered])}"


def _taken_off(header: str) -> str:
    return f"what callers send as {header} is taken off before anything looks at it: choose a header of another name"
