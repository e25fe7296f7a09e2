"""The page on threats: each line leads to tests that there are, or says why a risk is left."""

import re
from functools import cache
from pathlib import Path

from tests.architecture.tree import ROOT

PAGE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
ACCEPTED = "accepted: "


def rows() -> dict[str, list[str]]:
    """Threat, answer and evidence by id."""
    found = [(name, [cell.strip() for cell in rest.split("|")]) for name, rest in ROW.findall(PAGE.read_text())]
    assert len({name for name, _ in found}) == len(found), "an id is used twice"
    return dict(found)


@cache
def names_of(path: Path) -> frozenset[str]:
    """The tests that a file defines."""
    return frozenset(re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE))


def missing(text: str) -> list[str]:
    """What is named there and does not exist: a file of tests, or a test of it."""
    gone = []
    for name, test in NAMED.findall(text):
        path = ROOT / "tests" / name
        if not path.is_file() or not path.name.startswith("test_") or (test and test not in names_of(path)):
            gone.append(f"{name}::{test}")
    return gone


def test_there_are_enough_and_each_has_its_four_cells() -> None:
    assert len(rows()) >= 25
    assert {len(cells) for cells in rows().values()} == {3}


def test_every_threat_has_a_test_or_a_reason_why_it_is_left() -> None:
    for name, (_, answer, evidence) in rows().items():
        if answer.startswith(ACCEPTED):
            assert len(answer.removeprefix(ACCEPTED).split()) >= 8, f"{name}: say why"
            assert not evidence, f"{name} is accepted, or shown"
        else:
            assert NAMED.search(evidence), f"{name} names no test"


def test_every_test_that_the_page_names_exists() -> None:
    text = PAGE.read_text()
    assert len(NAMED.findall(text)) >= 25
    assert missing(text) == []


def test_a_test_that_does_not_exist_is_seen() -> None:
    here = "architecture/test_security_page.py"
    assert missing(f"`{here}::test_a_test_that_does_not_exist_is_seen`, `{here}`") == []
    assert missing(f"`{here}::test_x` `no/test_such.py` `architecture/tree.py`") == [
        f"{here}::test_x",
        "no/test_such.py::",
        "architecture/tree.py::",
    ]


def test_the_policy_on_reports_says_how_when_and_for_what() -> None:
    policy = (ROOT / "SECURITY.md").read_text()
    for words in ("in private", "3 business days", "7 days", "90 days", "latest minor version", "docs/security.md"):
        assert words in policy
    assert "../SECURITY.md" in PAGE.read_text()
