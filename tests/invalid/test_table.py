"""Every mistake that we know how to name, and every word that is said of it."""

from collections import Counter

import pytest

from modelfleet.api.crd import object_schema
from modelfleet.api.kinds import KINDS
from modelfleet.findings import Reason
from tests.invalid.table import Case, cases
from tests.support.structural import nodes

CASES = cases()
MESSAGES = {message for case in CASES for *_, message in case.finds}
REASONS = {reason for case in CASES for _, _, reason, _, _ in case.finds}

REASONS_OF_STATES = frozenset(list(Reason)[list(Reason).index(Reason.ACCEPTED) :])
"""What is said of the state of a cluster, which no file has; their tests are those of statuses."""
NOT_YET = {
    Reason.IMMUTABLE: "needs the object before the change, which a file does not have",
    Reason.SECRET_NOT_READABLE: "needs an API server that forbids it",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.name}")
def test_lint_says_this_and_nothing_else(case: Case) -> None:
    assert case.said() == sorted(case.finds)


def test_every_case_has_a_name_of_its_own_in_its_file() -> None:
    names = Counter((case.file, case.name) for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_of_a_kind_is_broken_somewhere(kind: str) -> None:
    assert [rule.name for rule in KINDS[kind].RULES if rule.message not in MESSAGES] == []


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_the_api_server_can_say_in_our_words_is_said_somewhere(kind: str) -> None:
    changes = {change.message for change in KINDS[kind].TRANSITIONS}  # these need the object before the change
    words = {
        rule["message"]
        for _, node in nodes(object_schema(KINDS[kind]))
        for rule in node.get("x-kubernetes-validations", ())
    }
    assert words - changes - MESSAGES == set()


def test_every_reason_occurs() -> None:
    assert {reason for reason in Reason if reason.value not in REASONS} == set(NOT_YET) | REASONS_OF_STATES
