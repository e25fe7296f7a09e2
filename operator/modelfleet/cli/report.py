"""How a review is printed."""

import json

from modelfleet.findings import Severity
from modelfleet.sources.review import Located, Review


def as_text(review: Review) -> str:
    """One finding a line, as compilers print them."""
    return "".join(f"{_line(finding)}\n" for finding in review.findings)


def _line(finding: Located) -> str:
    place = f"{finding.file}:{finding.line}:{finding.column}"
    return printable(f"{place}: {finding.severity}: {finding.path}: {finding.message}")


def printable(text: str) -> str:
    """The text on one line. Names in it come from files, and a file may try to speak to the terminal."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def as_json(review: Review) -> str:
    """The same for programs; fields may be added."""
    findings = [
        {
            "file": finding.file,
            "line": finding.line,
            "column": finding.column,
            "severity": str(finding.severity),
            "path": finding.path,
            "reason": finding.reason.value,
            "message": finding.message,
            "object": finding.subject._asdict(),
        }
        for finding in review.findings
    ]
    counts = {"errors": review.count(Severity.ERROR), "warnings": review.count(Severity.WARNING)}
    totals = {"files": review.files, "objects": review.objects, **counts}
    return json.dumps({"summary": totals, "findings": findings, "absent": review.absent}, indent=2) + "\n"


def summary(review: Review) -> str:
    """What came of it, in a line."""
    errors, warnings = review.count(Severity.ERROR), review.count(Severity.WARNING)
    read = f"{_many(review.objects, 'object')} in {_many(review.files, 'file')}"
    return f"{read}: {_many(errors, 'error')}, {_many(warnings, 'warning')}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
