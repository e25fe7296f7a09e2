"""The figures that a bench prints are those that it measured."""

import json
from pathlib import Path

import pytest

from tests.bench import report as reports
from tests.bench.report import Spread, figure, percentile, report


def test_a_spread_is_the_median_of_the_rounds_and_their_range() -> None:
    assert str(Spread([1.97, 1.62, 1.75])) == "1.75 [1.62-1.97]"
    assert str(Spread([1.5, 1.75])) == "1.62 [1.50-1.75]"
    assert str(Spread([187.4])) == "187"
    with pytest.raises(ValueError, match="nothing"):
        Spread([])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.012345, "0.012"),
        (0.5, "0.50"),
        (9.994, "9.99"),
        (15.55, "15.6"),
        (12345.6, "12,346"),
        (-2.5, "-2.50"),
    ],
)
def test_a_figure_has_the_digits_that_mean_something(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("count", "part", "which"),
    [(100, 0.99, 99), (101, 0.99, 100), (100, 0.5, 50), (3, 0.5, 2), (1, 0.01, 1), (100, 1.0, 100), (100, 0.07, 7)],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(count: int, part: float, which: int) -> None:
    assert percentile(range(count, 0, -1), part) == which


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 0.5)


def test_a_report_keeps_what_was_measured_where_and_by_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reports, "FOLDER", tmp_path)
    rows = [{"target": "ours", "ratio": Spread([2.0, 1.0, 4.0]), "failed": 3}]
    kept = json.loads(report("sample", rows, ["a note"], {"peer": "1.2"}).read_text())
    assert kept["rows"] == [
        {"target": "ours", "ratio": {"median": 2.0, "min": 1.0, "max": 4.0, "rounds": [2.0, 1.0, 4.0]}, "failed": 3}
    ]
    assert kept["versions"]["peer"] == "1.2"
    assert kept["machine"]["cores"] > 0
    assert set(kept["commit"]) == {"hash", "dirty"}
    printed = capsys.readouterr().out
    assert "2.00 [1.00-4.00]" in printed
    assert "a note" in printed
