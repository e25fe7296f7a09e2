"""The files of this project, found without git, so that the tests also run in an unpacked archive."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Caches and environments begin with a dot.
BUILT = {"__pycache__", "build", "dist"}


def files(*suffixes: str) -> Iterator[Path]:
    """Every file of ours that ends so."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in BUILT)
        for name in sorted(names):
            if name.endswith(suffixes):
                yield Path(folder, name)


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
