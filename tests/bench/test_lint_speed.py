"""How long lint takes over a large fleet, and how much memory: reported, never asserted."""

import platform
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.report import Spread, report
from tests.sizes import scale
from tests.support.fleets import generated_fleet

OBJECTS = 5_000
PER_FILE = 50

PEAK = """
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def write_fleet(folder: Path, broken: float) -> int:
    """Fills the folder, and answers with the bytes that are in it."""
    objects = list(generated_fleet(OBJECTS, broken=broken, seed=3))
    size = 0
    for start in range(0, OBJECTS, PER_FILE):
        size += (folder / f"{start:05}.yaml").write_text("---\n".join(objects[start : start + PER_FILE]))
    return size


def measure(folder: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one run, as a process of its own."""
    command = [sys.executable, "-c", PEAK, sys.executable, "-m", "modelfleet", "lint", str(folder)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    assert done.returncode in (0, 1), done.stderr
    unit = 1024 * 1024 if platform.system() == "Darwin" else 1024
    return seconds, int(done.stdout) / unit


def test_lint_of_a_large_fleet(tmp_path: Path) -> None:
    rounds = scale(3, 9)
    rows = []
    folders = {name: tmp_path / name for name in ("sound", "a tenth broken")}
    sizes = {}
    for (name, folder), broken in zip(folders.items(), (0.0, 0.1), strict=True):
        folder.mkdir()
        sizes[name] = write_fleet(folder, broken)
    runs = [(name, *measure(folder)) for _ in range(rounds) for name, folder in folders.items()]
    for name in folders:
        row = {"fleet": name, "objects": OBJECTS, "megabytes": round(sizes[name] / 1e6, 1)}
        seconds = Spread([round(run[1], 2) for run in runs if run[0] == name])
        rows.append({**row, "seconds": seconds, "peak megabytes": round(max(run[2] for run in runs if run[0] == name))})
    report("lint", rows, [f"{rounds} rounds, each a process of its own."])
