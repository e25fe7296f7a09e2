"""The scripts and recipes that a contributor meets before any of our code."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.targets import TARGETS
from tests.architecture.tree import ROOT, label
from tests.conftest import ON_DEMAND
from tests.soak.phases import PHASES
from tools.environment import complaint
from tools.phase import main as run_phase
from tools.verify import differences


def test_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([\w-]+) ", listed, re.MULTILINE) == TARGETS


def test_recipes_are_one_or_two_lines() -> None:
    rules = re.findall(r"^[^\s#.].*:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(rules) >= len(TARGETS) - 2
    assert [rule for rule in rules if rule.count("\n") > 2] == []


def test_what_runs_only_on_demand_is_demanded_by_make_test_and_by_a_soak() -> None:
    steps = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    soaked = {argument for phase in PHASES for argument in phase.arguments}
    for folder in map(label, ON_DEMAND):
        if folder != "tests/bench":
            # By its path, or as a module that runs all of it in parts.
            assert {folder, folder.replace("/", ".")} & {*steps.split()}
            # A soak is not run as root, and there is no more to be found on a real node by the hour.
            assert folder in soaked or folder == "tests/e2e"


def test_ci_does_nothing_that_a_user_could_not() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["exec make test </dev/null"]


@pytest.mark.parametrize(
    ("version", "missing", "words"),
    [
        ((3, 11), [], ""),
        ((3, 14), [], ""),
        ((3, 10), [], "Python 3.10 is too old"),
        ((3, 12), ["ensurepip"], "apt install python3-venv"),
    ],
)
def test_an_interpreter_that_cannot_serve_is_told_why(version: tuple[int, int], missing: list[str], words: str) -> None:
    said = complaint(version, missing)
    assert words in said
    assert bool(said) == bool(words)


def test_a_phase_prints_one_line_or_everything(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_phase("good", ["sh", "-c", "echo first; echo '== 3 passed =='"]) == 0
    assert re.fullmatch(r"good +\d+\.\d s  3 passed\n", capfd.readouterr().out)
    assert run_phase("bad", ["sh", "-c", "echo first; echo second >&2; exit 3"]) == 3
    assert "first\nsecond\n" in capfd.readouterr().out


def test_verify_sees_a_changed_a_missing_and_a_needless_file(tmp_path: Path) -> None:
    stored = {"crds/same.yaml": "a\n", "crds/old.yaml": "a\n", "crds/extra.yaml": "a\n", "docs/by-hand.md": "a\n"}
    made = {"crds/same.yaml": "a\n", "crds/old.yaml": "b\n", "docs/new.md": "c\n"}
    for root, texts in (("tree", stored), ("scratch", made)):
        for name, text in texts.items():
            (tmp_path / root / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / root / name).write_text(text)
    heads = [line for line in differences(tmp_path / "tree", tmp_path / "scratch") if line.startswith("--- ")]
    assert heads == ["--- stored/crds/extra.yaml\n", "--- stored/crds/old.yaml\n", "--- stored/docs/new.md\n"]
