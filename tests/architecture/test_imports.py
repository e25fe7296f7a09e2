"""A module of tests is nobody's library: what several need stands in a module of its own, where it is looked for."""

import re

import pytest

from tests.architecture.tree import files, label

OURS = r"(?:tests\.|\.+)(?:\w+\.)*"
# Lines, so that the program which a test keeps as text is seen, too.
IMPORT = re.compile(rf"^\s*(?:(?:from|import)\s+{OURS}test_\w+|from\s+{OURS}?\w*\s+import\s.*\btest_\w+)", re.MULTILINE)


def test_nothing_is_imported_from_a_module_of_tests() -> None:
    sources = list(files(".py"))
    assert "tests/architecture/tree.py" in map(label, sources)
    found = [f"{label(path)}: {line.strip()}" for path in sources for line in IMPORT.findall(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("from tests.unit.test_a import b", True),
        ("from tests.unit import test_a", True),
        ("from .test_a import b", True),
        ("from . import test_a", True),
        ("    import tests.test_a", True),
        ("from tests.unit.a import b", False),
        ("from aiohttp.test_utils import b", False),
        ("assert imports('import tests.test_a')", False),
    ],
)
def test_each_form_of_such_an_import_is_seen(line: str, seen: bool) -> None:
    assert bool(IMPORT.search(f"import a\n{line}\n")) is seen
