"""Everything that can be said of manifests without a cluster: each object alone, then all of them side by side."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.compiler import check_fleet
from modelfleet.findings import Finding, Key, Path, Reason, Severity, dotted
from modelfleet.fleet.parse import Foreign, Invalid, Parsed, parse_object
from modelfleet.fleet.snapshot import entries_of, readable_snapshot
from modelfleet.sources.files import Source
from modelfleet.sources.reading.documents import Document, Position, objects, read_documents
from modelfleet.sources.reading.problems import QUOTE_IT, Origin, Problem
from modelfleet.sources.reading.yaml import positions

NOBODY = Key("", "", "")
"""The subject of what is said about a file before an object was found in it."""
MAX_FINDINGS: Final = 100
"""How many findings of one object are told; more would bury those of the others."""

_NAME: Final = ("metadata", "name")
_Places = Mapping[Origin, Mapping[Path, Position]]


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


@dataclass(slots=True, eq=False)
class _Seen:
    """An object that was read, the way back to its text, and what was found in it. `twin` is the same object before."""

    file: str
    origin: Origin
    base: Path
    parsed: Parsed
    findings: list[Finding] = field(default_factory=list)
    twin: "_Seen | None" = None
    is_whole: bool = True
    """Whether nothing is wrong with the text that it is read from."""

    @property
    def order(self) -> tuple[str, Position, Path]:
        # Where the document begins is known; where things stand in it costs another reading.
        return self.file, self.origin.start, self.base


@dataclass(slots=True)
class Review:
    """What was read and what was found, in the order of the files and their lines."""

    files: int = 0
    objects: int = 0
    findings: list[Located] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    """Paths that are not there or may not be read."""
    policies: Mapping[Key, RoutingPolicy] = field(default_factory=dict)
    """Those that can be read, in the order of their names, for what is worth saying beside findings."""

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
    seen.sort(key=lambda one: one.order)
    first = _first_of_each(seen)
    snapshot = readable_snapshot((one.parsed for one in first.values()), entries)
    for finding in check_fleet(snapshot):
        first[finding.subject].findings.append(finding)
    review.policies = {key: policy for key, policy in snapshot.policies.items() if first[key].is_whole}
    review.findings.sort()
    review.findings.extend(_located(seen))
    # By place alone: what is at one place keeps its order, so that the word about the rest of an object is its last.
    review.findings = sorted(dict.fromkeys(review.findings), key=lambda one: one[:3])
    review.absent.sort()
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
        seen = [*_objects(source.name, document, namespace, review, entries)]
        unknown = {
            (*one.base, *finding.path)
            for one in seen
            for finding in one.findings
            if finding.reason is Reason.UNKNOWN_FIELD
        }
        for problem in document.problems:
            where = problem.position, problem.path, problem.reason, _advised(problem, unknown)
            review.findings.append(_about_text(source.name, *where))
        yield from seen


def _advised(problem: Problem, unknown: Collection[Path]) -> str:
    """What is wrong with the text. Quotes are no remedy for a key that is no field under any reading of it."""
    readings = [(*problem.path[:-1], reading) for reading in ("true", "false")]
    return problem.message.removesuffix(QUOTE_IT if any(path in unknown for path in readings) else "")


def _objects(
    file: str, document: Document, namespace: str, review: Review, entries: dict[Key, frozenset[str]]
) -> Iterator[_Seen]:
    for base, raw in objects(document):
        review.objects += 1
        parsed = parse_object(raw, namespace)
        if (names := entries_of(raw)) is not None:
            entries[parsed.key] = entries.get(parsed.key, frozenset()) | names
        # An object of others is not kept, for its document would be: there may be gigabytes of them.
        if not isinstance(parsed, Foreign):
            found = [*parsed.findings] if isinstance(parsed, Invalid) else []
            yield _Seen(file, document.origin, base, parsed, found, is_whole=not document.problems)


def _about_text(file: str, position: Position, path: Path, reason: Reason, message: str) -> Located:
    return Located(file, *position, Severity.ERROR, dotted(path), message, reason, NOBODY)


def _first_of_each(seen: Iterable[_Seen]) -> Mapping[Key, _Seen]:
    first: dict[Key, _Seen] = {}
    for one in seen:
        key = one.parsed.key
        if not (key.kind and key.name):
            continue  # nobody can refer to it, and what it lacks has been said
        twin = first.setdefault(key, one)
        one.twin = twin if twin is not one else None
    return first


def _located(seen: Iterable[_Seen]) -> Iterator[Located]:
    """What was found in the objects, with its places; each document is read once for all that is asked of it."""
    said = [one for one in seen if one.findings or one.twin]
    wanted: defaultdict[Origin, set[Path]] = defaultdict(set)
    for one in said:
        wanted[one.origin].update(one.base + finding.path for finding in one.findings)
        if one.twin:
            wanted[one.origin].add((*one.base, *_NAME))
            wanted[one.twin.origin].add(one.twin.base)
    places = {origin: positions(origin, paths) for origin, paths in wanted.items()}
    for one in said:
        found = [*one.findings, *_duplicate(one, places)]
        yield from _bounded(sorted({_locate(one, finding, places) for finding in found}))


def _duplicate(one: _Seen, places: _Places) -> Iterator[Finding]:
    if one.twin:
        key, line = one.parsed.key, places[one.twin.origin][one.twin.base].line
        message = f"{key} is declared at {one.twin.file}:{line} already: remove one of the two, or rename it"
        yield Finding(key, _NAME, Reason.DUPLICATE_OBJECT, message)


def _locate(one: _Seen, finding: Finding, places: _Places) -> Located:
    line, column = places[one.origin][one.base + finding.path]
    path = dotted(finding.path)
    return Located(one.file, line, column, finding.severity, path, finding.message, finding.reason, finding.subject)


def _bounded(found: list[Located]) -> list[Located]:
    """The first findings of an object, and one word about the rest of them."""
    rest = found[MAX_FINDINGS:]
    if not rest:
        return found
    worst = min(one.severity for one in rest)
    message = f"and {len(rest)} more finding{'s' if len(rest) > 1 else ''} in this object"
    return [*found[:MAX_FINDINGS], rest[0]._replace(severity=worst, path=dotted(()), message=message)]
