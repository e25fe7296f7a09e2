"""How a review is printed."""

import json
from typing import Final

from modelfleet.findings import Severity, printable
from modelfleet.sources.review import Located, Review

LONGEST: Final = 500
"""No path, message or name is printed longer: a key may have megabytes, and a line is for people to read."""


def as_text(review: Review) -> str:
    """One finding a line, as compilers print them."""
    return "".join(f"{_line(finding)}\n" for finding in review.findings)


def _line(finding: Located) -> str:
    place = f"{finding.file}:{finding.line}:{finding.column}"
    return printable(f"{place}: {finding.severity}: {_short(finding.path)}: {_short(finding.message)}")


def _short(text: str) -> str:
    """The text without its middle where it is long: where a path leads and what to do stand at the end."""
    half = (LONGEST - len("...")) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[-half:]}"


def as_json(review: Review) -> str:
    """The same for programs; fields may be added."""
    findings = [
        {
            "file": finding.file,
            "line": finding.line,
            "column": finding.column,
            "severity": str(finding.severity),
            "path": _short(finding.path),
            "reason": finding.reason.value,
            "message": _short(finding.message),
            "object": {part: _short(name) for part, name in finding.subject._asdict().items()},
        }
        for finding in review.findings
    ]
    counts = {"errors": review.count(Severity.ERROR), "warnings": review.count(Severity.WARNING)}
    totals = {"files": review.files, "objects": review.objects, **counts}
    return json.dumps({"summary": totals, "findings": findings, "absent": review.absent}, indent=2) + "\n"


def absences(review: Review, command: str = "lint") -> str:
    """What could not be looked at, one path a line."""
    return "".join(f"modelfleet {command}: {printable(sentence)}\n" for sentence in review.absent)


def summary(review: Review) -> str:
    """What came of it, in a line."""
    errors, warnings = review.count(Severity.ERROR), review.count(Severity.WARNING)
    read = f"{_many(review.objects, 'object')} in {_many(review.files, 'file')}"
    return f"{read}: {_many(errors, 'error')}, {_many(warnings, 'warning')}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
