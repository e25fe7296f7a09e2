import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.routingpolicy.unenforced import ENFORCED
from modelfleet.api.rule import attributes
from modelfleet.cli.main import COMMANDS, main
from modelfleet.cli.render import command as render

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def text_of(page: Path) -> str:
    """Without the ends of its lines, which may stand within a sentence or a span of code."""
    return re.sub(r"\s+", " ", page.read_text())


def section(heading: str) -> str:
    return README.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| (.+?) \|", table, re.MULTILINE)


def test_what_the_readme_shows_is_a_fleet_without_findings() -> None:
    result = CliRunner().invoke(main, ["lint", "-"], input="---\n".join(blocks("yaml")))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 objects" in result.stderr


def test_every_command_of_the_readme_exists() -> None:
    words = re.findall(r"modelfleet ([a-z]+)\b", " ".join(blocks("")))
    assert {"lint", "crds"} <= set(words)
    assert set(words) <= set(main.list_commands(None))  # type: ignore[arg-type]


def test_the_table_of_commands_has_every_command_once() -> None:
    table = section("## The commands")
    named = [tuple(found.split()) for found in re.findall(r"`modelfleet ([a-z ]+)`", "\n".join(first_cells(table)))]
    groups = {"render": render.list_commands(None)}  # type: ignore[arg-type]
    there = [(name, *sub) for name in COMMANDS for sub in [[one] for one in groups.get(name, ())] or [[]]]
    assert sorted(named) == sorted(there)


def test_commands_that_are_said_not_to_be_there_are_not() -> None:
    said = re.search(r"The commands (.+?) are not there yet", text_of(README))
    assert said
    assert set(re.findall(r"`([a-z]+)`", said[1])) & set(COMMANDS) == set()


EVERYTHING = """
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {name: a}
spec: {model: {name: a}, engine: {name: sim}}
---
apiVersion: modelfleet.dev/v1alpha1
kind: RoutingPolicy
metadata: {name: all}
spec:
  serves: {models: [all]}
  tiers: [{name: light, models: [{name: a}], maxInFlight: 8}]
  rules: [{name: score, classify: {light: else}}]
  mode: Observe
"""
"""What is refused of a clause that is not refused as a whole."""


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "lint.md"], ids=lambda path: path.name)
def test_the_pages_list_each_clause_that_is_not_enforced_yet(page: Path) -> None:
    parts = CliRunner().invoke(main, ["lint", "-"], input=EVERYTHING).stdout
    refused = {path.rpartition(".")[2] for path in re.findall(r": spec\.(\S+): .*cannot enforce it yet", parts)}
    assert refused == {"maxInFlight", "classify", "mode"}
    said = re.search(r"\*\*Not enforced yet\*\* are(.+?)\. A policy with one of them is refused", text_of(page))
    assert said
    named = re.findall(r"`(\w+)(?:: \w+)?`", said[1])
    assert sorted(named) == sorted({*attributes(RoutingPolicySpec)} - ENFORCED | refused)
