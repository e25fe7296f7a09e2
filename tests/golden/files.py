"""Golden files: what the product is expected to write, byte for byte, as files that a reviewer can read."""

from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

EXPECTED = Path(__file__).parent / "expected"


@dataclass
class GoldenFolder:
    """A folder of golden files, and what the tests of this process did with it."""

    root: Path
    visited: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def check(self, path: str | Path, text: str, update: bool) -> None:
        """Compare the text with the file, whose path is relative to the folder; with `update`, write it instead."""
        file = self.root / path
        name = file.resolve().relative_to(self.root.resolve()).as_posix()
        old = file.read_bytes().decode() if file.is_file() else ""
        first = name not in self.visited
        self.visited.add(name)
        if file.is_file() and old == text:
            return
        # A second test that wants other bytes in the same file would undo the first one without a word.
        if not update or not first:
            raise AssertionError(difference(name, old, text))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        self.changed.add(name)

    def orphans(self, visited: set[str]) -> list[str]:
        """The files that no test asked for, in order."""
        there = {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}
        return sorted(there - visited)

    def delete(self, names: list[str]) -> None:
        """Delete these files, and the folders that are then empty."""
        for name in names:
            file = self.root / name
            file.unlink()
            for folder in file.parents:
                if folder == self.root or any(folder.iterdir()):
                    break
                folder.rmdir()


STORE = GoldenFolder(EXPECTED)


def check_golden(path: str | Path, text: str, update: bool) -> None:
    """Compare the text with a file below tests/golden/expected; with `update`, write it there instead.

    Tests hand on the fixture `update_golden`, which `make golden` sets.
    """
    STORE.check(path, text, update)


def difference(name: str, old: str, new: str) -> str:
    """What a test says about a golden file that is not as expected."""
    lines = unified_diff(old.splitlines(), new.splitlines(), f"expected/{name}", "now", lineterm="")
    # Texts that differ in their line ends alone have an empty diff.
    body = "\n".join(lines) or "They differ in line ends only."
    return f"{name} is not what it was. If it should change, run `make golden` and review the diff.\n{body}"
