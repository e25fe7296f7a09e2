"""What is just allowed: a rule that refuses too much is worse than none, for nobody can work around it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.api.kinds import KINDS
from tests.support.documents import document, findings

ALLOWED: dict[str, dict[str, list[dict[str, Any]]]] = yaml.safe_load(
    (Path(__file__).parent / "allowed.yaml").read_text(encoding="utf-8")
)
CHANGES = [
    pytest.param(kind, change, id=f"{kind}-{rule}-{number}")
    for kind, rules in ALLOWED.items()
    for rule, changes in rules.items()
    for number, change in enumerate(changes)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_leaves_something_allowed(kind: str) -> None:
    assert list(ALLOWED[kind]) == [rule.name for rule in KINDS[kind].RULES]


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_what_only_just_keeps_a_rule_is_allowed(kind: str, change: dict[str, Any]) -> None:
    assert findings(document(kind, **change)) == ()
