"""No key or token of anybody's is in the repository: tests make those that they need."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import files, label

# Joined here, so that this file is none of its own finds.
KEYS = re.compile(
    "|".join(
        [
            r"-----BEGIN (?:[A-Z]+ )*" + "PRIVATE KEY-----\n[A-Za-z0-9+/=]{20}",
            r"\bAKIA" + r"[0-9A-Z]{16}\b",
            r"\bgh[pousr]_" + r"[A-Za-z0-9]{36}\b",
            r"\bgithub_pat_" + r"\w{22,}\b",
            r"\bglpat-" + r"[\w-]{20}\b",
            r"\bhf_" + r"[A-Za-z0-9]{34}\b",
            r"\bsk-(?:proj-|ant-)?" + r"[A-Za-z0-9_-]{32,}\b",
            r"\bxox[abprs]-" + r"[\w-]{20,}\b",
            r"\bAIza" + r"[\w-]{35}\b",
            r"\beyJ[\w-]{20,}\." + r"eyJ[\w-]{20,}\.[\w-]{20,}",
        ]
    )
)


def finds(path: Path) -> Iterator[str]:
    for match in KEYS.finditer(path.read_bytes().decode("utf-8", "replace")):
        yield f"{label(path)}: {match[0][:12]}…"


def test_no_file_holds_a_key() -> None:
    assert [found for path in files("") for found in finds(path)] == []


@pytest.mark.parametrize("text", ["AKIA" + "A" * 16, "ghp_" + "a" * 36, "sk-" + "a" * 40, "glpat-" + "b" * 20])
def test_a_key_would_be_seen(text: str) -> None:
    assert KEYS.search(f"token: {text}\n")
