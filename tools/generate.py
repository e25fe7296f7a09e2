"""Writes what is generated from the models: `crds/` and `docs/reference.md`. `--into DIR` writes a copy elsewhere."""

import argparse
from pathlib import Path

from modelfleet.api.crd import render_crds
from modelfleet.api.reference import render_reference

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Every generated file, by its path in the repository."""
    crds = {Path("crds") / name: text for name, text in render_crds().items()}
    return {**crds, Path("docs/reference.md"): render_reference()}


def main() -> None:
    """Write the files, and remove what is no longer generated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT, help="the folder that stands for the repository's root")
    root = parser.parse_args().into
    files = generated()
    for stale in sorted(set((root / "crds").glob("*")) - {root / path for path in files}):
        stale.unlink()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
