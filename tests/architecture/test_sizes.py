"""The limits that no linter we use can hold. A longer one is split by noun, not by part number."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import files, label

LONGEST_FILE = 400
LONGEST_FUNCTION = 40


def long_functions(path: Path) -> Iterator[str]:
    """Name every function with too many lines, its docstring counted and its decorators not."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{label(path)}:{node.lineno} {node.name} has {length} lines"


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {label(path): len(path.read_bytes().splitlines()) for path in files(".py", ".lua", ".go")}
    assert "tests/architecture/tree.py" in lengths
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    assert [words for path in files(".py") for words in long_functions(path)] == []
