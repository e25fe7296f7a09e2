"""A whole soak of a throwaway folder, as a process of its own: what is told, what is kept, and how it ends."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.soak.child import ROOT

DRIVER = """
import sys
from pathlib import Path

from tests.soak.__main__ import main
from tests.soak.phases import Phase

tests, folder, *words = sys.argv[1:]
phases = [Phase("quits", (f"{tests}/quits",)), Phase("mixed", ("-n", "1", f"{tests}/mixed"))]
sys.exit(main(words, phases, Path(folder)))
"""
MIXED = """
import os

import pytest

def test_good(evidence):
    evidence(requests=1234, p50_ms=1.25)

@pytest.mark.parametrize("number", range(6))
def test_many(number, evidence):
    evidence(pairs=300, ms=float(number))

def test_bad(evidence):
    evidence(found=7)
    assert 1 == 2, "as was to be shown"

@pytest.mark.skip(reason="nothing here to test")
def test_left_out():
    pass

def test_of_seed_and_size():
    assert (os.environ["MODELFLEET_SEED"], os.environ["MODELFLEET_SOAK"]) == ("7", "1")
"""
DIES = "import os\n\ndef test_dies():\n    os._exit(9)\n"
FINE = "def test_fine():\n    pass\n"
SLOW = """
import subprocess
import time
from pathlib import Path

import pytest

@pytest.fixture
def engine():
    with subprocess.Popen(["sleep", "1000"]) as engine:
        yield engine
        Path(__file__).with_name("ended").touch()
        engine.kill()

def test_slow(engine):
    Path(__file__).with_name("began").write_text(str(engine.pid))
    time.sleep(1000)
"""


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # This test may itself be run by a worker, or by a soak.
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "MODELFLEET_S"))]:
        monkeypatch.delenv(name)
    files = {"mixed/test_it": MIXED, "mixed/test_absent": "import absent\n", "mixed/test_crash": DIES}
    files |= {"quits/test_fine": FINE, "quits/test_it": DIES, "quits/test_absent": "import absent\n"}
    for name, text in files.items():
        path = tmp_path / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tests" / "mixed" / "conftest.py").write_text("from tests.conftest import evidence\n")
    (tmp_path / "tests" / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    return tmp_path / "tests"


def command(tests: Path, *words: str) -> list[str]:
    return [sys.executable, "-c", DRIVER, str(tests), str(tests.parent / "kept"), *words]


def soak(tests: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(command(tests, *words), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def kept(tests: Path, name: str) -> Any:
    return json.loads((tests.parent / "kept" / name).read_text())


def test_whatever_fails_is_told_and_the_rest_runs(tests: Path) -> None:
    status, said = soak(tests, "--seed", "7")
    assert status == 1
    before, _, after = said.partition("\nPhases")
    for part in (before, after):
        assert "test_bad: AssertionError: as was to be shown\n" in part
        assert part.count("test_absent.py: ModuleNotFoundError: No module named 'absent'\n") == 2
        assert "test_dies: worker 'gw0' crashed" in part
        assert "quits: pytest ended with 9: see " in part
    assert "again: python -m tests.soak --phase quits --seed 7\n" in after
    summary = kept(tests, "summary.json")
    columns = ("phase", "tests", "passed", "failed", "skipped", "notRun")
    assert [tuple(row[column] for column in columns) for row in summary["phases"]] == [
        ("quits", 2, 1, 0, 0, 1),
        ("mixed", 11, 8, 2, 1, 0),
    ]
    assert summary["phases"][1]["skips"] == {"nothing here to test": 1}
    assert "as was to be shown" in Path(summary["phases"][1]["log"]).read_text()
    assert (summary["seed"], summary["brokenOff"]) == (7, False)
    assert {"commit", "machine", "versions", "date"} <= summary.keys()
    rows = {row.pop("test").rpartition("::")[2]: row for row in summary["evidence"]}
    figures = {"test_good": {"requests": 1234, "p50_ms": 1.25}, "test_bad": {"found": 7}}
    assert rows == {**figures, "test_many": {"runs": 6, "pairs": 1800, "ms": "0 to 5.00"}}
    assert re.search(r"^it: good +requests 1,234, p50_ms 1.25 *$", after, re.MULTILINE)


def test_two_at_once_would_write_over_each_other_so_the_second_says_so(tests: Path) -> None:
    (tests.parent / "kept").mkdir()
    with (tests.parent / "kept" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, said = soak(tests)
    assert status == 1
    assert said.startswith("another soak runs")


# What a shell puts in the background hears of no SIGINT, and neither would what it starts.
@pytest.mark.parametrize(("number", "ignored"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_broken_off_it_ends_what_tests_started_and_tells_what_is_known(
    tests: Path, number: signal.Signals, ignored: bool
) -> None:
    at = tests / "quits"
    (at / "test_slow.py").write_text(SLOW)
    words = command(tests, "--phase", "quits", "-k", "fine or slow")

    def begin() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)

    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=begin) as run:  # noqa: PLW1509
        try:
            until = time.monotonic() + 100
            while not (at / "began").exists() and time.monotonic() < until:
                time.sleep(0.05)
            run.send_signal(number)
            said, _ = run.communicate(timeout=100)
        finally:
            run.kill()
    assert run.returncode == 130, said
    assert "soak broken off: 1 of 2 tests" in said
    assert (at / "ended").exists()
    # Of a part of it, whatever its end, the figures are no evidence of the whole.
    assert [row["passed"] for row in kept(tests, "part.json")["phases"]] == [1]
    assert not (tests.parent / "kept" / "summary.json").exists()
    assert not Path(f"/proc/{(at / 'began').read_text()}").exists()
