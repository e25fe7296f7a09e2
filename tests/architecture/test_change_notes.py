import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, label

SECTIONS = {"breaking", "docs", "features", "fixes"}
RELEASE = re.compile(r"unreleased|v\d+\.\d+\.\d+")
NAME = re.compile(r"[1-9]\d*-[a-z0-9]+(-[a-z0-9]+)*\.md")
SENTENCE = re.compile(r"[A-Z`][^\n].*?[.!?](\s|$)", re.DOTALL)


def complaints(folder: Path) -> Iterator[str]:
    """Say what is wrong with the notes in this folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path == folder / "README.md":
            continue
        where = path.relative_to(folder)
        match where.parts:
            case (release, section, name) if RELEASE.fullmatch(release) and section in SECTIONS:
                if not NAME.fullmatch(name):
                    yield f"{where}: a note is called <number>-<slug>.md"
                elif not SENTENCE.match(path.read_text(encoding="utf-8").split("\n\n")[0]):
                    yield f"{where}: a note begins with a sentence"
            case _:
                yield f"{where}: a note is in <release>/<section>/, a section being {' or '.join(sorted(SECTIONS))}"


def test_every_change_note_has_its_place_its_name_and_a_sentence() -> None:
    assert label(ROOT / "changes") == "changes"
    assert list(complaints(ROOT / "changes")) == []


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("unreleased/features/3-a-slug.md", "It works.\n", ""),
        ("v0.1.0/fixes/12-slug.md", "`x` no longer\nfails. More.\n", ""),
        ("README.md", "", ""),
        ("unreleased/features/slug.md", "It works.\n", "<number>-<slug>.md"),
        ("unreleased/features/3_a.md", "It works.\n", "<number>-<slug>.md"),
        ("unreleased/features/3-a.md", "", "begins with a sentence"),
        ("unreleased/features/3-a.md", "# Title\n\nIt works.\n", "begins with a sentence"),
        ("unreleased/features/3-a.md", "no full stop", "begins with a sentence"),
        ("unreleased/other/3-a.md", "It works.\n", "<release>/<section>/"),
        ("3-a.md", "It works.\n", "<release>/<section>/"),
    ],
)
def test_a_note_in_the_wrong_form_is_named(tmp_path: Path, path: str, text: str, words: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found = list(complaints(tmp_path))
    assert len(found) == (1 if words else 0)
    assert words in "".join(found)
