"""What edits came to since the gateway first answered: what is in force now, is in order again, or is gone."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from modelfleet.api.modeldeployment.spec import ModelDeploymentSpec
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.compiler import FleetPlan
from modelfleet.findings import Key

MOST_LINES: Final = 5
"""So many at once have a line each; more of them share one."""


_Version = tuple[str, ModelDeploymentSpec | RoutingPolicySpec]
"""The revision of a policy, or none, and the spec that is in force."""


@dataclass(slots=True)
class Edits:
    """What was told of a fleet. Nothing is told before `begin`: at the start all is new."""

    has_begun: bool = False
    _taken: dict[Key, _Version] = field(default_factory=dict)
    _wrong: frozenset[str] = frozenset()

    def begin(self, plan: FleetPlan) -> None:
        """From here on changes are told: this much is in force."""
        self.has_begun = True
        self._taken = dict(_versions(plan))

    def taken(self, plan: FleetPlan, missing: Collection[Key]) -> Iterator[str]:
        """What is newly in force now that the gateway has acknowledged the plan; `missing` is not there yet."""
        if not self.has_begun:
            return
        now = dict(_versions(plan))
        fresh = {key: one for key, one in now.items() if key not in missing and self._taken.get(key) != one}
        self._taken = {key: one for key, one in {**self._taken, **fresh}.items() if key in now}
        found = (
            f"{key}: {f'revision {it}' if it else 'what it says now'} is in force" for key, (it, _) in fresh.items()
        )
        yield from lines([*found], "are in force")

    def mended(self, wrong: Collection[str], there: Collection[str], unclear: Collection[str]) -> Iterator[str]:
        """Which of the objects and files that had errors have none now; of what is unclear nothing is known now."""
        before = self._wrong
        self._wrong = frozenset({*wrong, *before.intersection(unclear)})
        if self.has_begun:
            yield from lines([f"{name}: is mended" for name in sorted(before - self._wrong) if name in there])


def removed(keys: Collection[Key]) -> Iterator[str]:
    """That these objects are gone."""
    yield from lines([f"{key}: is no longer declared, removed" for key in sorted(keys)])


def lines(found: list[str], several: str = "") -> Iterator[str]:
    """The sentences, or one that stands for many of them."""
    if len(found) <= MOST_LINES:
        yield from found
        return
    subject, _, words = found[0].rpartition(": ")
    words = several or f"are{words.removeprefix('is')}"
    yield f"{subject} and {len(found) - 1:,} more: {words}"


def _versions(plan: FleetPlan) -> Iterator[tuple[Key, _Version]]:
    in_force = plan.in_force
    yield from ((key, (it, in_force.policies[key].spec)) for key, it in plan.revisions.items())
    yield from ((key, ("", it.spec)) for key, it in in_force.models.items())
