"""A fleet from files that people edit while it serves: what cannot be read keeps what it last said."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from modelfleet.api.kinds import KINDS
from modelfleet.api.resource import Resource
from modelfleet.findings import Finding, Key
from modelfleet.fleet.change import check_change
from modelfleet.fleet.parse import Foreign, Invalid, Parsed, Valid, parse_object
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.secrets import hidden_entries
from modelfleet.fleet.snapshot import FleetSnapshot, entries_of, snapshot_of
from modelfleet.fleet.world import Hidden, World
from modelfleet.sources.files import Source
from modelfleet.sources.reading.documents import Document, objects, read_documents
from modelfleet.sources.slips import slip

HOLDERS = ("Secret", "ConfigMap")


@dataclass(frozen=True, slots=True)
class Held:
    """An object as a file last said it."""

    key: Key
    resource: Resource | None = None
    entries: frozenset[str] | None = None
    hidden: Mapping[str, Hidden] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    """What is wrong with what the file says now, where that is not what is held."""
    kept: bool = False
    """Whether the file may have stopped to say so: it stays until that can be told."""

    @property
    def is_good(self) -> bool:
        """Whether there is something that serves."""
        return self.resource is not None or self.entries is not None


@dataclass(slots=True)
class FolderStore:
    """The objects of some files, over all edits. `namespace` is that of objects which name none."""

    namespace: str = "default"
    _files: dict[str, dict[Key, Held]] = field(default_factory=dict)
    _chosen: dict[Key, str] = field(default_factory=dict)
    """The file from which each object comes."""
    _since: dict[Key, str] = field(default_factory=dict)
    _whole: dict[str, bytes] = field(default_factory=dict)
    """Hashes of the files that could be read to their end: the same bytes say the same again."""
    _recall: Recall = field(default_factory=Recall)
    kept: list[str] = field(default_factory=list)
    """Of the last observation: the files that could not be read and still count, each with a reason."""
    torn: set[str] = field(default_factory=set)
    """The files that are meant."""
    doubled: list[str] = field(default_factory=list)
    """The objects that several files declare, each with the file that counts."""
    removed: list[Key] = field(default_factory=list)
    """The objects that the last observation took away."""

    def observe(self, sources: Sequence[Source], now: str) -> None:
        """Takes in what the files say now. Only a file that is gone, or one that was read to its end, takes back."""
        self.kept, self.torn = [], set()
        good = [one.key for one in self._held() if one.is_good]
        files = {source.name: self._read(source) for source in sources if not source.missing}
        self._whole = {name: digest for name, digest in self._whole.items() if name in files}
        unseen = [source for source in sources if source.missing]
        for name, held in self._files.items():
            if name not in files and held and (reason := _hidden_by(name, unseen)):
                files[name] = {key: replace(one, kept=True) for key, one in held.items()}
                self._say_kept(name, reason)
        self._choose(files)
        self.removed = [key for key in good if key not in self._chosen]
        self._since = {key: self._since.get(key, now) for key in self._chosen}

    def snapshot(self, world: World) -> FleetSnapshot:
        """The fleet as it is held, in a world that gets what its Secrets and ConfigMaps hold."""
        held = {one.key: one for one in self._held()}
        secrets = {key: one.hidden for key, one in held.items() if key.kind in HOLDERS}
        entries = {key: one.entries for key, one in held.items() if one.entries is not None}
        self._recall = Recall(self._recall)
        parsed = [
            self._recall.of(key, _parsed, one, self._since.get(key, ""))
            for key, one in held.items()
            if one.resource or one.findings
        ]
        return snapshot_of(parsed, entries, replace(world, secrets=secrets))

    def findings(self) -> Iterator[Finding]:
        """What is wrong with what the files say now, object by object."""
        for one in self._held():
            yield from one.findings

    def declared(self) -> Collection[Key]:
        """The objects that are held, with errors or without."""
        return self._chosen.keys()

    def outdated(self) -> frozenset[Key]:
        """The objects that are held as a file said them before: what it says now has errors, or cannot be read."""
        return frozenset(one.key for one in self._held() if one.findings or one.kept)

    def _held(self) -> Iterator[Held]:
        return (self._files[name][key] for key, name in self._chosen.items())

    def _choose(self, files: dict[str, dict[Key, Held]]) -> None:
        """Finds the file of each object; `files` are then what is held."""
        chosen: dict[Key, str] = {}
        several = defaultdict[Key, list[str]](list)
        for name in sorted(files):
            for key in files[name]:
                if chosen.setdefault(key, name) != name:
                    several[key].append(name)
        doubled = []
        for key, more in several.items():
            names = [chosen[key], *more]
            chosen[key] = counts = self._one_of(key, names, files)
            others = [name for name in names if name != counts and not files[name][key].kept]
            if others and (key.kind in KINDS or any(files[name][key] != files[counts][key] for name in others)):
                doubled.append(f"{key}: is declared in {', '.join(others)}, too: what {counts} says counts")
        self._files, self._chosen, self.doubled = files, chosen, doubled

    def _one_of(self, key: Key, names: Sequence[str], files: Mapping[str, Mapping[Key, Held]]) -> str:
        # A copy that comes later takes nothing from an object that serves. But what a file said that can no longer be
        # read may have moved to where it is said only now.
        usual = self._chosen.get(key, "")
        if usual in names and files[usual][key].is_good:
            moved = (name for name in names if self._is_news(name, files[name][key])) if files[usual][key].kept else ()
            return next(iter(moved), usual)
        return min(names, key=lambda name: (not files[name][key].is_good, files[name][key].kept, name))

    def _is_news(self, name: str, one: Held) -> bool:
        return one.is_good and not one.kept and not one.findings and self._files.get(name, {}).get(one.key) != one

    def _read(self, source: Source) -> dict[Key, Held]:
        before = self._files.get(source.name, {})
        seen = self._whole.pop(source.name, None)
        if source.data is None:
            return self._keep(source.name, before, source.problem or "cannot be read")
        digest = blake2b(source.data).digest()
        if digest == seen:
            self._whole[source.name] = digest
            return before
        documents = list(read_documents(source.data))
        found, slips = self._found(documents, before)
        if reason := _torn(documents):
            # What the rest of the file declared cannot be told from what it no longer does.
            return {**self._keep(source.name, before, reason), **found}
        if slips and (lost := {key: one for key, one in before.items() if one.is_good and key not in found}):
            return {**self._keep(source.name, lost, slips[0]), **found}
        self._whole[source.name] = digest
        return found

    def _keep(self, name: str, before: Mapping[Key, Held], reason: str) -> dict[Key, Held]:
        # What was wrong with an earlier text is wrong no more: that text is gone.
        good = {key: replace(one, findings=(), kept=True) for key, one in before.items() if one.is_good}
        if good:
            self._say_kept(name, reason)
        return good

    def _say_kept(self, name: str, reason: str) -> None:
        self.kept.append(f"{name}: {reason}: its last good objects stay")
        self.torn.add(name)

    def _serving(self, key: Key) -> Held | None:
        held = self._files.get(self._chosen.get(key, ""), {}).get(key)
        return held if held and held.is_good else None

    def _found(self, documents: Iterable[Document], before: Mapping[Key, Held]) -> tuple[dict[Key, Held], list[str]]:
        """The objects that are there, and the slips because of which others may seem not to be."""
        found = defaultdict[Key, list[Held]](list)
        slips = []
        for document in documents:
            for _, raw in objects(document):
                parsed = parse_object(raw, self.namespace)
                last = before.get(parsed.key)
                # What comes to this file with a mistake serves on as the file said it that it comes from.
                if one := _object(raw, parsed, last or self._serving(parsed.key), document):
                    found[one.key].append(one)
                if words := slip(raw, parsed, is_known=bool(last and last.is_good)):
                    slips.append(words)
        return {key: _first(of, before.get(key)) for key, of in found.items()}, slips


def _torn(documents: Sequence[Document]) -> str:
    """Why more may be in the file than what was found; empty where that is not so."""
    if not documents:
        return "is empty"
    if not all(document.readable for document in documents):
        return "cannot be read to its end"
    return "has an error in its text" if any(document.problems for document in documents) else ""


def _object(raw: object, parsed: Parsed, last: Held | None, document: Document) -> Held | None:
    key = parsed.key
    if isinstance(parsed, Foreign):
        return _holder(raw, key) if not document.problems else last and replace(last, kept=False)
    if not (key.kind and key.name):
        return None
    findings: tuple[Finding, ...] = ()
    if document.problems:
        # What is left of it may be half of an object, or of two.
        findings = tuple(Finding(key, it.path, it.reason, it.message) for it in document.problems)
    elif isinstance(parsed, Invalid):
        findings = parsed.findings
    elif last and last.resource:
        findings = tuple(check_change(last.resource, parsed.resource))
    if findings or not isinstance(parsed, Valid):
        return replace(last or Held(key), findings=findings, kept=False)
    return Held(key, parsed.resource)


def _first(several: Sequence[Held], last: Held | None) -> Held:
    """Of several objects with one key in a file the one that served, or else the first that can."""
    if len(several) == 1:
        return several[0]
    said = [one for one in several if one.is_good and not one.findings]
    return next((one for one in said if last and one.resource == last.resource), said[0] if said else several[0])


def _parsed(one: Held, since: str) -> Parsed:
    if one.resource is None:
        return Invalid(one.key, "", 0, one.findings)
    # The API server stamps an object when it is made, and older ones win a conflict; a file has no such stamp.
    metadata = one.resource.metadata
    stamp = metadata.creation_timestamp or since
    resource = one.resource.model_copy(update={"metadata": metadata.model_copy(update={"creation_timestamp": stamp})})
    return Valid(one.key, metadata.uid, metadata.generation, resource)


def _holder(raw: object, key: Key) -> Held | None:
    names = entries_of(raw)
    if names is None or not key.name:
        return None
    hidden = hidden_entries(raw) if isinstance(raw, Mapping) and key.kind in HOLDERS else {}
    return Held(key, entries=names, hidden=hidden)


def _hidden_by(name: str, unseen: Iterable[Source]) -> str:
    """Why a file that is not there may be there all the same: the folder it was in cannot be looked into."""
    for source in unseen:
        if name.startswith(f"{source.name.rstrip('/')}/") or (name == source.name and "exist" not in _said(source)):
            return _said(source)
    return ""


def _said(source: Source) -> str:
    return source.problem or ""
