"""What lint says of each sample: a sample must never show a newcomer something that is wrong."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelfleet.cli.main import main
from tests.golden.files import check_golden

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))
NOT_SERVED = "# Not served yet: this version refuses "


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_has_no_errors_and_says_what_it_always_said(
    sample: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["lint", sample.relative_to(ROOT).as_posix()])
    assert result.exit_code == 0, result.output
    check_golden(f"lint/{sample.stem}.txt", result.stdout, update_golden)


def test_the_samples_can_live_in_one_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["lint", "manifests/samples"])
    one_by_one = "".join((ROOT / f"tests/golden/expected/lint/{path.stem}.txt").read_text() for path in SAMPLES)
    assert result.stdout == one_by_one


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_that_does_not_serve_says_so_in_its_first_line(sample: Path) -> None:
    result = CliRunner().invoke(main, ["lint", sample.as_posix()])
    refused = re.findall(r"warning: (\S+): .*cannot enforce it yet", result.stdout)
    first = sample.read_text().partition("\n")[0]
    named = re.split(", | and ", first.removeprefix(NOT_SERVED).rstrip(".")) if first.startswith(NOT_SERVED) else []
    assert named == refused


def test_the_readme_names_the_samples_that_serve() -> None:
    text = re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
    said = re.search(r"has (\w+) fleets\. (.+?) serve today", text)
    assert said
    serving = {path.stem for path in SAMPLES if not path.read_text().startswith(NOT_SERVED)}
    assert set(re.findall(r"[\w-]+", said[2])) - {"and"} == serving
    assert said[1] == {5: "five"}.get(len(SAMPLES))
