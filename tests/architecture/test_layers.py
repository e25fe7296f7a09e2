"""The import contracts of pyproject.toml do fail: each forbidden import is tried in a scratch copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

PURE = "The core is pure"
DOWN = "Imports go down only"
KUBE = "Only kube imports the kubernetes client"
KOPF = "Only controllers imports kopf"
ALONE = "engines_sim imports nothing of ours"
UNKNOWN = "Nothing imports engines_sim"


def broken_contracts(folder: Path, module: str, line: str) -> set[str]:
    """The names of the contracts that fail once the module, which is made where it is missing, begins with the line."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    package = folder / "operator/modelfleet"
    shutil.copytree(ROOT / "operator/modelfleet", package, ignore=shutil.ignore_patterns("__pycache__"))
    file = package / module
    file.parent.mkdir(exist_ok=True)
    for path in (file.parent / "__init__.py", file):
        path.touch()
    file.write_text(f"{line}\n{file.read_text()}")
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "operator"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = set(re.findall(r"^(.+) BROKEN\b", result.stdout, re.MULTILINE))
    assert result.returncode == (1 if broken else 0), result.stdout + result.stderr
    return broken


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("findings.py", "import time", {PURE}),
        ("findings.py", "import datetime", {PURE}),
        ("findings.py", "import asyncio", {PURE}),
        ("findings.py", "import grpc", {PURE}),
        ("findings.py", "from os.path import exists", {PURE}),
        ("findings.py", "import kubernetes.client", {PURE, KUBE}),
        ("findings.py", "import kopf", {PURE, KOPF}),
        ("findings.py", "import modelfleet.api", {DOWN}),
        ("helpers.py", "import time", {DOWN, PURE}),
        ("controllers/loop.py", "import asyncio, time, kubernetes", {KUBE}),
        ("kube/apply.py", "import asyncio, kopf", {KOPF}),
        ("engines_sim/server.py", "import asyncio, modelfleet.findings", {ALONE}),
        ("engines_sim/server.py", "import asyncio, time", set()),
        ("kube/apply.py", "import kubernetes, time", set()),
        ("controllers/loop.py", "import kopf, modelfleet.kube", set()),
    ],
)
def test_an_import_breaks_exactly_the_contracts_that_forbid_it(
    tmp_path: Path, module: str, line: str, broken: set[str]
) -> None:
    assert broken_contracts(tmp_path, module, line) == broken
