from pathlib import Path

import pytest

from tests.golden.files import GoldenFolder


def test_a_missing_or_different_file_fails_with_a_diff_and_the_remedy(tmp_path: Path) -> None:
    folder = GoldenFolder(tmp_path)
    with pytest.raises(AssertionError, match=r"(?s)make golden.*\+new"):
        folder.check("case.yaml", "new\n", update=False)
    (tmp_path / "case.yaml").write_text("old\n")
    with pytest.raises(AssertionError, match=r"(?s)-old.*\+new"):
        folder.check("case.yaml", "new\n", update=False)


def test_line_ends_count(tmp_path: Path) -> None:
    folder = GoldenFolder(tmp_path)
    (tmp_path / "case.yaml").write_bytes(b"same\r\n")
    with pytest.raises(AssertionError, match="line ends"):
        folder.check("case.yaml", "same\n", update=False)


def test_an_update_writes_what_differs_and_remembers_it(tmp_path: Path) -> None:
    folder = GoldenFolder(tmp_path)
    (tmp_path / "same.yaml").write_text("same\n")
    folder.check("same.yaml", "same\n", update=True)
    folder.check("deep/new.yaml", "new\n", update=True)
    assert (tmp_path / "deep/new.yaml").read_text() == "new\n"
    assert folder.changed == {"deep/new.yaml"}
    assert folder.visited == {"deep/new.yaml", "same.yaml"}


def test_two_tests_cannot_write_different_texts_to_one_file(tmp_path: Path) -> None:
    folder = GoldenFolder(tmp_path)
    folder.check("case.yaml", "one\n", update=True)
    folder.check("case.yaml", "one\n", update=True)
    with pytest.raises(AssertionError):
        folder.check("case.yaml", "two\n", update=True)


def test_a_path_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="subpath"):
        GoldenFolder(tmp_path / "expected").check("../case.yaml", "text", update=True)


def test_deleting_orphans_leaves_no_empty_folders(tmp_path: Path) -> None:
    folder = GoldenFolder(tmp_path)
    folder.check("kept/case.yaml", "text\n", update=True)
    for name in ("kept/orphan.yaml", "gone/deep/orphan.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text\n")
    orphans = folder.orphans(folder.visited)
    assert orphans == ["gone/deep/orphan.yaml", "kept/orphan.yaml"]
    folder.delete(orphans)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert folder.orphans(folder.visited) == []
