"""Everything that can be said of manifests without a cluster: each object alone, then all of them side by side."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from modelfleet.compiler import check_fleet
from modelfleet.findings import Finding, Key, Path, Reason, Severity, dotted
from modelfleet.fleet.parse import Foreign, Invalid, Parsed, parse_object
from modelfleet.fleet.snapshot import entries_of, snapshot_of
from modelfleet.sources.files import Source
from modelfleet.sources.reading.documents import Document, Position, objects, read_documents

NOBODY = Key("", "", "")
"""The subject of what is said about a file before an object was found in it."""


class Located(NamedTuple):
    """A finding, and where in which file it is. Sorts as a reader goes through the files."""

    file: str
    line: int
    column: int
    severity: Severity
    path: str
    message: str
    reason: Reason
    subject: Key


@dataclass(frozen=True, slots=True)
class _Seen:
    """An object that was read, and the way back to its text."""

    file: str
    document: Document
    base: Path
    parsed: Parsed

    @property
    def order(self) -> tuple[str, Position, Path]:
        # Where the document begins is known; where things stand in it costs another reading.
        return self.file, self.document.origin.start, self.base

    def locate(self, finding: Finding) -> Located:
        line, column = self.document.position(self.base + finding.path)
        path, key = dotted(finding.path), finding.subject
        return Located(self.file, line, column, finding.severity, path, finding.message, finding.reason, key)


@dataclass(slots=True)
class Review:
    """What was read and what was found, in the order of the files and their lines."""

    files: int = 0
    objects: int = 0
    findings: list[Located] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    """Paths that are not there or may not be read."""

    def count(self, severity: Severity) -> int:
        """How many findings are of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def review_sources(sources: Iterable[Source], namespace: str) -> Review:
    """Reads and judges everything. `namespace` is that of objects which name none."""
    review = Review()
    seen: list[_Seen] = []
    entries: dict[Key, frozenset[str]] = {}
    for source in sources:
        seen.extend(_read(source, namespace, review, entries))
    # Sorted before they are compared, so that neither the order of arguments nor of files changes what is said.
    ours = sorted((one for one in seen if not isinstance(one.parsed, Foreign)), key=lambda one: one.order)
    first = _first_of_each(ours, review)
    snapshot = snapshot_of((one.parsed for one in first.values()), entries)
    review.findings.extend(first[finding.subject].locate(finding) for finding in check_fleet(snapshot))
    review.findings = sorted(set(review.findings))
    return review


def _read(source: Source, namespace: str, review: Review, entries: dict[Key, frozenset[str]]) -> Iterator[_Seen]:
    if source.missing:
        review.absent.append(f"{source.name}: {source.problem}")
        return
    review.files += 1
    if source.data is None:
        review.findings.append(_about_text(source.name, Position(1, 1), (), Reason.UNREADABLE, source.problem or ""))
        return
    for document in read_documents(source.data):
        for problem in document.problems:
            where = problem.position, problem.path, problem.reason, problem.message
            review.findings.append(_about_text(source.name, *where))
        for base, raw in objects(document):
            review.objects += 1
            parsed = parse_object(raw, namespace)
            if (names := entries_of(raw)) is not None:
                entries[parsed.key] = entries.get(parsed.key, frozenset()) | names
            seen = _Seen(source.name, replace(document, value=None), base, parsed)
            review.findings.extend(seen.locate(finding) for finding in _own_findings(parsed))
            yield seen


def _own_findings(parsed: Parsed) -> tuple[Finding, ...]:
    return parsed.findings if isinstance(parsed, Invalid) else ()


def _about_text(file: str, position: Position, path: Path, reason: Reason, message: str) -> Located:
    return Located(file, *position, Severity.ERROR, dotted(path), message, reason, NOBODY)


def _first_of_each(ours: Iterable[_Seen], review: Review) -> Mapping[Key, _Seen]:
    first: dict[Key, _Seen] = {}
    for one in ours:
        key = one.parsed.key
        if not (key.kind and key.name):
            continue  # nobody can refer to it, and what it lacks has been said
        if key in first:
            line = first[key].document.position(first[key].base).line
            message = f"{key} is declared at {first[key].file}:{line} already: remove one of the two, or rename it"
            finding = Finding(key, ("metadata", "name"), Reason.DUPLICATE_OBJECT, message)
            review.findings.append(one.locate(finding))
        first.setdefault(key, one)
    return first
