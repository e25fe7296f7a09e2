"""The manual's table of engines says what the engines are."""

from pathlib import Path

import pytest

from modelfleet.api.hardwareclass.spec import Family
from modelfleet.api.modeldeployment.engine import EngineName
from modelfleet.workloads.engines import ENGINES

MANUAL = Path(__file__).resolve().parents[3] / "docs" / "engines.md"


@pytest.mark.parametrize("name", EngineName)
def test_the_manual_has_the_row_of_an_engine(name: EngineName) -> None:
    engine = ENGINES[name]
    (line,) = (line for line in MANUAL.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    gpus, cpus, port, ready, metric, user = (cell.strip().strip("`") for cell in line.strip("|").split("|")[1:])
    assert (port, user) == (str(engine.port), f"{engine.user}:{engine.group}")
    assert (ready, metric) == (engine.health or "it listens", engine.metric)
    if name is not EngineName.SIM:
        assert (gpus, cpus) == (engine.images.get(Family.GPU, ""), engine.images.get(Family.CPU, ""))


def test_the_manual_has_no_row_too_many() -> None:
    rows = [line for line in MANUAL.read_text().splitlines() if line.startswith("| `") and line.count("|") == 8]
    assert len(rows) == len(EngineName)
