"""Generate everything into a scratch folder and compare: what is generated is never edited and never stale."""

import difflib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Folders that hold generated files and nothing else, so that a file too many is a difference too.
WHOLE = ("crds", "charts/modelfleet/files/crds")


def files_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []


def differences(tree: Path, scratch: Path) -> Iterator[str]:
    """Compare what was generated with what is in the tree, in lines of unified diff."""
    expected = files_below(scratch)
    stored = {f"{folder}/{name}" for folder in WHOLE for name in files_below(tree / folder)}
    for name in sorted(expected | stored):
        old, new = lines_of(tree / name), lines_of(scratch / name)
        yield from difflib.unified_diff(old, new, f"stored/{name}", f"generated/{name}")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "tools.generate", "--into", folder], check=True, cwd=ROOT)
        found = list(differences(ROOT, Path(folder)))
        count = len(files_below(Path(folder)))
    if found:
        sys.stdout.writelines(found)
        print("\nGenerated files differ from their source: run `make generate`.")
        return 1
    print(f"{count} generated files are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
