"""Peers that are Python packages: each in an environment of its own, pinned with hashes, made once and then kept.

Never in the environment of the project, whose versions they would choose. To renew a lock, edit NAME.in and run
`uv pip compile NAME.in --universal --python-version 3.11 --generate-hashes --no-header -o NAME.lock`.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.bench.traffic import Missing
from tests.support.cached import kept, place

HERE = Path(__file__).parent


def program(name: str) -> list[str]:
    """How to run the program of that name. Raises Missing."""
    lock = HERE / f"{name}.lock"
    folder = place("bench", name, [lock.read_bytes(), sys.version.encode()])
    programs = kept(folder, lambda made: _install(name, lock, made)) / "bin"
    # The script's own first line names the folder in which it was installed, and that had another name.
    return [str(programs / "python"), str(programs / name)]


def version(name: str) -> str:
    """The one that is pinned."""
    found = re.search(r"==(\S+)", (HERE / f"{name}.in").read_text())
    assert found, name
    return found[1]


def _install(name: str, lock: Path, folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], f"an environment for {name} could not be made")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    _run([*pip, "--require-hashes", "-r", str(lock)], f"{name} could not be installed; a network and its registry help")


def _run(command: list[str], trouble: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{trouble}: {(done.stderr or done.stdout).strip()[-400:]}")
