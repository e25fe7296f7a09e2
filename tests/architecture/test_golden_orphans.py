"""Whole test runs over a scratch copy of the golden machinery, with one wanted and one orphaned file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

CASE = """
from tests.golden.files import check_golden

def test_case(update_golden: bool) -> None:
    check_golden("case.txt", "new\\n", update_golden)
"""
COPIED = ["pyproject.toml", *(f"tests/{name}.py" for name in ("__init__", "conftest", "sizes"))]
COPIED += [f"tests/golden/{name}.py" for name in ("files", "session")]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    expected = tmp_path / "tests/golden/expected"
    expected.mkdir(parents=True)
    for name in COPIED:
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests/golden/test_case.py").write_text(CASE)
    (expected / "case.txt").write_text("new\n")
    (expected / "orphan.txt").write_text("old\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    # The options of the run that this test is part of must not reach the run that it starts.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # Of all that is installed it needs one plugin: to load the others takes longer than to run.
    clean["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [(), ("tests/golden", "-n2")])
def test_an_orphan_fails_a_full_run(scratch: Path, arguments: tuple[str, ...]) -> None:
    code, words = run(scratch, *arguments)
    assert code == 1, words
    assert "no test asks for it: orphan.txt" in words
    assert (scratch / "tests/golden/expected/orphan.txt").exists()


def test_an_orphan_does_not_fail_a_narrowed_run(scratch: Path) -> None:
    code, words = run(scratch, "-k", "case")
    assert code == 0, words


def test_an_update_deletes_the_orphan_and_says_what_it_did(scratch: Path) -> None:
    (scratch / "tests/golden/expected/case.txt").write_text("old\n")
    code, words = run(scratch, "tests/golden", "--update-golden")
    assert code == 0, words
    assert "rewritten: case.txt\ndeleted: orphan.txt\n" in words
    assert [path.name for path in (scratch / "tests/golden/expected").iterdir()] == ["case.txt"]


def test_an_update_with_a_failed_test_deletes_nothing(scratch: Path) -> None:
    (scratch / "tests/golden/test_bad.py").write_text("def test_bad() -> None:\n    assert False\n")
    code, words = run(scratch, "tests/golden", "--update-golden")
    assert code == 1, words
    assert (scratch / "tests/golden/expected/orphan.txt").exists()
