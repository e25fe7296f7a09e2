"""`python -m tests.cluster`: all tests on a real control plane, in two runs side by side, each with one of its own.

Nearly all of their time is somebody's pause: two runs on two cores take little longer than the longer one alone.
A run of all of them leaves behind what our roles asked for, of which `make rights` judges.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.rights.audit import FOLDER

HERE = "tests/cluster"
AUDIT = Path(__file__).resolve().parents[2] / "build" / "audit"
APART = (f"{HERE}/gateways", f"{HERE}/placement")
"""About half of the time."""
RUNS: dict[str, Sequence[str]] = {
    "gateways, placement": APART,
    "all else": (HERE, *(f"--ignore={folder}" for folder in APART)),
}


def main(more: Sequence[str]) -> int:
    """Runs both to their ends, and tells all that one said that failed. The exit status of the worst."""
    began = time.monotonic()
    shutil.rmtree(AUDIT, ignore_errors=True)
    # A file and no pipe: nobody reads while the other one is waited for.
    with tempfile.TemporaryFile("w+") as first, tempfile.TemporaryFile("w+") as second:
        runs = {
            name: (_start(arguments, more, said), said)
            for (name, arguments), said in zip(RUNS.items(), (first, second), strict=True)
        }
        return max(_end(name, run, said, began) for name, (run, said) in runs.items())


def _start(arguments: Sequence[str], more: Sequence[str], said: IO[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, *more]
    # Some of the tests use some of the rights: of that there is nothing to be judged.
    environment = os.environ if more else {**os.environ, FOLDER: str(AUDIT)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)


def _end(name: str, run: subprocess.Popen[bytes], said: IO[str], began: float) -> int:
    status = run.wait()
    said.seek(0)
    words = said.read()
    told = [line for line in words.splitlines() if line.strip(" .s") and not line.strip().endswith("%]")]
    print(f"control plane, {name}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n".join(told) if status == 0 else words, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
