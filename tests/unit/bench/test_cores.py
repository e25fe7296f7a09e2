"""The CPU that is charged to a target is all that it took: also that of its children and of its other threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.cores import cpu_ns, family, on_core, unsuited

pytestmark = pytest.mark.skipif(bool(unsuited()), reason=unsuited() or "it can be measured here")

BURNT_S = 0.2
BURN = f"""
import os, subprocess, sys, threading, time

def burn():
    while time.thread_time() < {BURNT_S}:
        pass

if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    done = threading.Event()
    threading.Thread(target=lambda: (burn(), done.set(), sys.stdin.read()), daemon=True).start()
    done.wait()
burn()
print("burnt", flush=True)
sys.stdin.read()
"""


def test_children_and_threads_count(tmp_path: Path) -> None:
    script = tmp_path / "burn.py"
    script.write_text(BURN)
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "burnt\n"
        assert len(family(process.pid)) == 2
        assert cpu_ns(process.pid) > 3 * BURNT_S * 1e9
        process.communicate("")


def test_what_is_started_on_a_core_stays_there_and_we_do_not() -> None:
    ours = os.sched_getaffinity(0)
    with on_core(1):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        assert os.sched_getaffinity(child.pid) == {sorted(ours)[1]}
        assert os.sched_getaffinity(0) == ours
    finally:
        child.communicate()
