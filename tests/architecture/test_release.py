"""The workflow of a release: pinned by hash, with no right that it does not need, and made of our own targets."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from modelfleet import __version__
from modelfleet.workloads.options import OURS
from tests.architecture.targets import TARGETS
from tests.architecture.tree import ROOT
from tools.signing import ISSUER, OUTPUT, SIGNER, SUMS

FOLDER = ROOT / ".github" / "workflows"
FILE = FOLDER / "release.yml"
BESIDES = ("grep ", "go install ", "echo ", "docker ", "cosign sign ", "gh release ")
"""What a release does beside our targets: it looks at its tag, fetches cosign, and publishes."""


def job(name: str = "image") -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(FILE.read_text(), Loader=yaml.BaseLoader)["jobs"]
    assert list(found) == ["check", "image"]
    return dict(found[name])


def test_every_action_is_pinned_by_hash_with_its_version_beside_it() -> None:
    uses = re.findall(r"^\s*-? *uses: (.*)$", FILE.read_text(), re.MULTILINE)
    assert uses
    assert [line for line in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+", line)] == []


def test_by_itself_it_may_nothing_and_its_job_what_it_says_why() -> None:
    text = FILE.read_text()
    assert yaml.safe_load(text)["permissions"] == {}
    assert job("check")["permissions"] == {}
    assert job()["permissions"] == dict.fromkeys(("contents", "packages", "id-token", "attestations"), "write")
    assert len(re.findall(r": write # \w", text)) == len(job()["permissions"])
    for name in ("check", "image"):
        assert job(name)["steps"][0]["with"] == {"persist-credentials": "false"}


def test_what_it_runs_is_a_target_of_ours_or_publishes() -> None:
    runs = [step["run"] for name in ("check", "image") for step in job(name)["steps"] if "run" in step]
    ours = [line.removeprefix("make ") for line in runs if line.startswith("make ")]
    assert ours == ["check", "image", "image-sign", "image-verify"]
    assert set(ours) <= set(TARGETS)
    assert [line for line in runs if not line.startswith(("make ", *BESIDES))] == []
    # What an outsider may choose, such as the name of a tag, reaches a shell as a variable only.
    assert not any("${{" in line for line in runs)


def test_nothing_is_published_before_it_was_verified() -> None:
    runs = [step.get("run", "") for step in job()["steps"]]
    verified = runs.index("make image-verify")
    assert job()["needs"] == "check"
    publishing = [
        at for at, line in enumerate(runs) if line.startswith(("docker login", "docker push", "gh ", "cosign "))
    ]
    assert min(publishing) > verified


def test_a_tag_publishes_the_image_that_the_chart_of_that_tag_asks_for() -> None:
    runs = [step.get("run", "") for step in job()["steps"]]
    assert 'grep -qx "__version__ = \\"${GITHUB_REF_NAME#v}\\"" operator/modelfleet/__init__.py' in runs
    (named,) = [line for line in runs if "IMAGE=" in line]
    repository = named.partition("IMAGE=")[2].partition(":")[0].replace("$GITHUB_REPOSITORY", "modelfleet/modelfleet")
    assert f"{repository}:{__version__}" == OURS


def test_who_verifies_believes_this_workflow_alone() -> None:
    assert f"https://github.com/modelfleet/modelfleet/{FILE.relative_to(ROOT)}@refs/tags/" == SIGNER
    assert ISSUER.startswith("https://token.actions.githubusercontent.com")
    subject = next(step["with"]["subject-checksums"] for step in job()["steps"] if "attest" in step.get("uses", ""))
    assert ROOT / subject == OUTPUT / SUMS
    assert yaml.safe_load(FILE.read_text())[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}


def test_a_linter_of_workflows_finds_nothing() -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not on the path: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    done = subprocess.run(["actionlint", str(FILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
