"""How a review is printed."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from modelfleet.api.routingpolicy.rules.tries import WorstCase
from modelfleet.findings import Key, Severity, printable
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


def as_json(review: Review, worst_cases: Mapping[Key, WorstCase]) -> str:
    """The same for programs, with the worst cases; fields may be added."""
    findings = [
        {
            "file": finding.file,
            "line": finding.line,
            "column": finding.column,
            "severity": str(finding.severity),
            "path": _short(finding.path),
            "reason": finding.reason.value,
            "message": _short(finding.message),
            "object": _object(finding.subject),
        }
        for finding in review.findings
    ]
    counts = {"errors": review.count(Severity.ERROR), "warnings": review.count(Severity.WARNING)}
    totals = {"files": review.files, "objects": review.objects, **counts}
    worst = [{"object": _object(key), "tries": it.tries, **asdict(it)} for key, it in worst_cases.items()]
    output = {"summary": totals, "findings": findings, "worstCases": worst, "absent": review.absent}
    return json.dumps(output, indent=2) + "\n"


def _object(key: Key) -> dict[str, str]:
    return {part: _short(name) for part, name in key._asdict().items()}


def notes(worst_cases: Mapping[Key, WorstCase]) -> str:
    """What is nobody's mistake and yet worth knowing, one policy a line."""
    return "".join(f"{key}: {_tries(worst)}\n" for key, worst in worst_cases.items())


def _tries(worst: WorstCase) -> str:
    if worst.tries == 1:
        return "at most 1 try for a request"
    each = worst.repeats + 1
    parts = [f"{each} on each of {worst.rungs} rungs" if worst.rungs > 1 else f"{each} on one rung"]
    parts += [_many(worst.climbs, "climb")] if worst.climbs else []
    return f"at most {worst.tries} tries for a request ({' and '.join(parts)})"


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
