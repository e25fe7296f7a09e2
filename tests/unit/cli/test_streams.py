"""The program as a process of its own: what its standard streams do to it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "modelfleet"]
BAD = """\
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {name: m}
spec: {model: {name: m}, engine: {name: sim}, ж: 1}
"""

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")


@pytest.fixture
def bad(tmp_path: Path) -> str:
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    return str(tmp_path / "bad.yaml")


def shell(line: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of shell, in which "$@" is the program with these arguments."""
    command = ["/bin/sh", "-c", line, "sh", *PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_lint_needs_no_standard_input_that_it_does_not_read(bad: str) -> None:
    done = shell('"$@" <&-', "lint", bad)
    assert done.returncode == 1
    assert done.stderr == "1 object in 1 file: 1 error, 0 warnings\n"


def test_a_standard_input_that_is_closed_is_an_absent_path() -> None:
    done = shell('"$@" <&-', "lint", "-")
    assert done.returncode == 2
    assert done.stderr.startswith("modelfleet lint: stdin: is closed\n")


@needs_full
@pytest.mark.parametrize("arguments", [["lint"], ["crds"], ["--help"]])
def test_output_that_cannot_be_written_is_one_sentence_and_exits_2(bad: str, arguments: list[str]) -> None:
    done = shell('"$@" >/dev/full', *arguments, *([bad] if arguments == ["lint"] else []))
    assert done.returncode == 2
    assert done.stderr == "modelfleet: the output cannot be written: No space left on device\n"


@needs_full
def test_errors_that_cannot_be_written_exit_2_in_silence(bad: str) -> None:
    done = shell('"$@" 2>/dev/full', "lint", bad)
    assert done.returncode == 2
    assert done.stdout.count("\n") == 1


def test_a_closed_pipe_is_met_with_silence(bad: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([*PROGRAM, "lint", bad], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert "Traceback" not in done.stderr
    assert "written" not in done.stderr


def test_letters_that_the_encoding_lacks_are_written_out(bad: str) -> None:
    done = shell('"$@"', "lint", bad, PYTHONIOENCODING="latin-1")
    assert done.returncode == 1
    assert r": error: spec.\u0436: is not a field here" in done.stdout
