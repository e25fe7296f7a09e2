"""Writes what models say: `crds/`, `docs/reference.md` and files of the chart. `--into DIR` writes a copy elsewhere."""

import argparse
from pathlib import Path

from modelfleet.api.crd import render_crds
from modelfleet.api.reference import render_reference
from tools.chart.rights import render_rights
from tools.chart.writing import NOTE, render_readme, render_schema, render_values

ROOT = Path(__file__).resolve().parent.parent
CHART = Path("charts/modelfleet")
WHOLE = (Path("crds"), CHART / "files" / "crds")
"""Folders that hold generated files and nothing else, so that a file too many is a difference too."""


def generated() -> dict[Path, str]:
    """Every generated file, by its path in the repository."""
    crds = {folder / name: text for folder in WHOLE for name, text in render_crds().items()}
    chart = {"values.schema.json": render_schema(), "values.yaml": render_values(), "README.md": render_readme()}
    chart["templates/_rights.tpl"] = render_rights(NOTE)
    files = {CHART / name: text for name, text in chart.items()}
    return {**crds, **files, Path("docs/reference.md"): render_reference()}


def main() -> None:
    """Write the files, and remove what is no longer generated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT, help="the folder that stands for the repository's root")
    root = parser.parse_args().into
    files = generated()
    stored = {path for folder in WHOLE for path in (root / folder).glob("*")}
    for stale in sorted(stored - {root / path for path in files}):
        stale.unlink()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
