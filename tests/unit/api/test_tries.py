"""The worst case of tries: what counts, what does not, and where the bound is told."""

import pytest

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.rules.tries import MOST, TRIES, WorstCase, worst_case
from modelfleet.findings import dotted
from tests.support.documents import Document, findings, policy, valid

NAMES = ("s", "m", "l", "xl")
TIERS = [{"name": name, "models": [{"name": "m"}]} for name in NAMES]
SURE = "when: {confidenceBelow: 0.5, from: {json: sure}}"
SOME, ALL = "degrade: [{tier: m}, {tier: s}]", "degrade: [{tier: xl}, {tier: l}, {tier: m}, {tier: s}]"

CASES: dict[str, tuple[str, tuple[int, int, int]]] = {
    # The change of a policy with four tiers, and the rungs, repeats and climbs that it comes to.
    "without a ladder the only rung is repeated once": ("", (1, 1, 0)),
    "an empty ladder is none": ("degrade: []", (1, 1, 0)),
    "a ladder falls instead of repeating": ("degrade: [{tier: m}]", (2, 0, 0)),
    "an answer alone is a ladder, and no rung": ("degrade: [{answer: {body: busy}}]", (1, 0, 0)),
    "an answer at the end is no rung": ("degrade: [{tier: m}, {answer: {body: busy}}]", (2, 0, 0)),
    "retries without a number leave the default with a ladder": (f"{{retries: {{}}, {SOME}}}", (2, 0, 0)),
    "retries without a number leave the default without one": ("retries: {budgetPercent: 5}", (1, 1, 0)),
    "no repeats is a number as good as any": ("retries: {attempts: 0}", (1, 0, 0)),
    "a number of repeats holds with a ladder, too": (f"{{retries: {{attempts: 2}}, {SOME}}}", (2, 2, 0)),
    "the first tier is wanted by default, and on the ladder once": (SOME, (2, 0, 0)),
    "the first tier is wanted by default, and beyond the ladder": ("degrade: [{tier: l}, {tier: m}]", (3, 0, 0)),
    "a rule wants a tier that is on the ladder": (f"{{rules: [{{name: a, tier: m}}], {SOME}}}", (2, 0, 0)),
    "a rule wants a tier beyond the ladder": (f"{{rules: [{{name: a, tier: l}}], {SOME}}}", (3, 0, 0)),
    "two rules beyond the ladder are two ladders of which each has one rung more": (
        f"{{rules: [{{name: a, when: {{tools: true}}, tier: l}}, {{name: b, tier: xl}}], {SOME}}}",
        (3, 0, 0),
    ),
    "the models of a rule are a rung beside all tiers": (
        f"{{rules: [{{name: a, models: [{{name: m}}]}}], {ALL}}}",
        (5, 0, 0),
    ),
    "a score can want every tier, so also the one beyond the ladder": (
        f"{{rules: [{{name: a, classify: {{s: <0.5, m: else, unsure: s}}}}], {SOME}}}",
        (3, 0, 0),
    ),
    "a score wants nothing beyond a ladder of all tiers": (
        f"{{rules: [{{name: a, classify: {{s: <0.5, l: else}}}}], {ALL}}}",
        (4, 0, 0),
    ),
    "a rule that answers wants no tier": (f"{{rules: [{{name: a, answer: {{body: busy}}}}], {SOME}}}", (2, 0, 0)),
    "the default counts although a rule takes every request": (
        "{rules: [{name: all, tier: l}], degrade: [{tier: l}, {tier: m}]}",
        (3, 0, 0),
    ),
    "one climb unless more are asked for": (f"escalate: {{{SURE}}}", (1, 1, 1)),
    "as many climbs as are asked for": (f"escalate: {{{SURE}, max: 3}}", (1, 1, 3)),
    "climbs come on top, and are not repeated": (
        f"{{retries: {{attempts: 1}}, escalate: {{{SURE}, max: 2}}, {SOME}}}",
        (2, 1, 2),
    ),
}


def made(change: str) -> Document:
    return policy(change, tiers=TIERS)


@pytest.mark.parametrize("reason", CASES)
def test_the_worst_case_is_of_the_longest_ladder(reason: str) -> None:
    change, expected = CASES[reason]
    resource = valid(made(change))
    assert isinstance(resource, RoutingPolicy)
    assert worst_case(resource.spec) == WorstCase(*expected)


@pytest.mark.parametrize(
    ("worst", "tries"),
    [
        (WorstCase(rungs=1, repeats=0, climbs=0), 1),
        (WorstCase(rungs=3, repeats=0, climbs=0), 3),
        (WorstCase(rungs=3, repeats=2, climbs=0), 9),
        (WorstCase(rungs=3, repeats=2, climbs=2), 11),
    ],
)
def test_each_rung_is_tried_and_repeated_and_each_climb_is_one_try_more(worst: WorstCase, tries: int) -> None:
    assert worst.tries == tries


def places(change: str) -> list[str]:
    (rule,) = TRIES
    found = findings(made(change))
    assert {finding.message for finding in found} <= {rule.message}
    return [dotted(finding.path) for finding in found]


@pytest.mark.parametrize(
    ("just_right", "one_too_many"),
    [
        ("retries: {attempts: 11}", f"{{retries: {{attempts: 11}}, escalate: {{{SURE}}}}}"),
        (f"{{retries: {{attempts: 5}}, {SOME}}}", f"{{retries: {{attempts: 6}}, {SOME}}}"),
        (
            f"{{retries: {{attempts: 3}}, rules: [{{name: a, tier: l}}], {SOME}}}",
            f"{{retries: {{attempts: 3}}, rules: [{{name: a, tier: l}}], {SOME}, escalate: {{{SURE}}}}}",
        ),
        (f"{{retries: {{attempts: 2}}, {ALL}}}", f"{{retries: {{attempts: 3}}, {ALL}}}"),
        (
            f"{{retries: {{attempts: 2}}, rules: [{{name: a, tier: xl}}], {ALL}}}",
            f"{{retries: {{attempts: 2}}, rules: [{{name: a, models: [{{name: m}}]}}], {ALL}}}",
        ),
    ],
)
def test_twelve_tries_are_allowed_and_thirteen_are_told_where_repeats_are(just_right: str, one_too_many: str) -> None:
    assert MOST == 12
    assert places(just_right) == []
    assert places(one_too_many) == ["spec.retries.attempts"]


def test_where_nothing_is_repeated_the_climbs_are_too_many() -> None:
    names = [*NAMES, "a", "b", "c", "d"]
    tiers = [{"name": name, "models": [{"name": "m"}]} for name in names]
    degrade = [{"tier": name} for name in reversed(names)]
    change = f"{{rules: [{{name: a, models: [{{name: m}}]}}], escalate: {{{SURE}, max: 4}}}}"
    (finding,) = findings(policy(change, tiers=tiers, degrade=degrade))
    assert dotted(finding.path) == "spec.escalate.max"
    assert findings(policy(change.replace("4", "3"), tiers=tiers, degrade=degrade)) == ()
