"""What models become in Kubernetes' words: of each model the objects that are made for it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modelfleet.cli.main import main
from modelfleet.cli.rendering import as_yaml
from tests.golden.files import check_golden

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))
CASES = sorted((ROOT / "tests" / "golden" / "cases" / "kubernetes").glob("*.yaml"))
REFUSED = {"refused"}
"""Cases with something in them that is refused."""
PROMETHEUS = {"scaling": ("--prometheus", "http://prometheus.monitoring:9090")}
LONGEST = 180
MODEL = "modelfleet.dev/model"


def render(path: Path, *options: str) -> Result:
    arguments = [path.relative_to(ROOT).as_posix(), *PROMETHEUS.get(path.stem, ()), *options]
    result = CliRunner().invoke(main, ["render", "kubernetes", *arguments])
    assert result.exit_code == (path.stem in REFUSED), result.output
    return result


def by_model(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The children of each model."""
    items = json.loads(render(path, "-o", "json").stdout)["items"]
    # What is printed as documents is the same, byte for byte.
    assert render(path).stdout == as_yaml(items)
    names = dict.fromkeys(item["metadata"]["labels"][MODEL] for item in items)
    return {name: [item for item in items if item["metadata"]["labels"][MODEL] == name] for name in names}


def check(path: str, text: str, update_golden: bool) -> None:
    assert len(text.splitlines()) < LONGEST, f"{path} has too many lines for anybody to read"
    check_golden(f"kubernetes/{path}", text, update_golden)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_becomes_what_it_always_became(
    sample: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for name, children in by_model(sample).items():
        check(f"samples/{sample.stem}/{name}.yaml", as_yaml(children), update_golden)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_case_becomes_what_it_always_became(case: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name, children in by_model(case).items():
        check(f"{case.stem}/{name}.yaml", as_yaml(children), update_golden)
    if case.stem in REFUSED:
        check(f"{case.stem}.txt", render(case).stderr, update_golden)
