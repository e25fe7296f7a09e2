"""Make the virtual environment that everything else in the Makefile uses.

Usage: environment.py FOLDER

The folder is made from nothing each time, so that nothing stays in it that the lock no longer names. Only the
standard library, and only what old versions of Python can read (hence the quoted annotations): an old Python must
reach the sentence about itself.
"""

import subprocess
import sys
from importlib.util import find_spec

OLDEST = (3, 11)
PARTS = ("venv", "ensurepip")


def complaint(version: "tuple[int, int]", missing: "list[str]") -> str:
    """Say why this interpreter cannot make an environment; empty where it can."""
    if version < OLDEST:
        have, need = (f"{major}.{minor}" for major, minor in (version, OLDEST))
        return f"Python {have} is too old: modelfleet needs {need} or newer. Name one: make PYTHON=python3.12"
    if missing:
        return f"This Python has no {' and no '.join(missing)}. On Debian and Ubuntu: apt install python3-venv"
    return ""


def make(folder: str) -> None:
    """Fill the folder with exactly what is locked, and with this project in editable form."""
    subprocess.check_call([sys.executable, "-m", "venv", "--clear", folder])
    install = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.check_call([*install, "--require-hashes", "--requirement", "requirements.lock"])
    # The build backend is in the lock, and so are the dependencies: nothing is left to download.
    subprocess.check_call([*install, "--no-index", "--no-deps", "--no-build-isolation", "--editable", "."])


def main(folder: str) -> int:
    version = sys.version_info[:2]
    words = complaint(version, [part for part in PARTS if find_spec(part) is None])
    if words:
        print(words)
        return 1
    make(folder)
    print(f"{folder} made for Python {version[0]}.{version[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
