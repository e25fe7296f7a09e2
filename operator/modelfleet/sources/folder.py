"""A fleet from files that people edit while it serves: what cannot be read keeps what it last said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from modelfleet.api.resource import Resource
from modelfleet.findings import Finding, Key
from modelfleet.fleet.change import check_change
from modelfleet.fleet.parse import Foreign, Invalid, Parsed, Valid, parse_object
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.secrets import hidden_entries
from modelfleet.fleet.snapshot import FleetSnapshot, entries_of, snapshot_of
from modelfleet.fleet.world import Hidden, World
from modelfleet.sources.files import Source
from modelfleet.sources.reading.documents import objects, read_documents

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


@dataclass(slots=True)
class FolderStore:
    """The objects of some files, over all edits. `namespace` is that of objects which name none."""

    namespace: str = "default"
    _files: dict[str, dict[Key, Held]] = field(default_factory=dict)
    _since: dict[Key, str] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)
    _whole: dict[str, bytes] = field(default_factory=dict)
    """Hashes of the files that could be read to their end: the same bytes say the same again."""
    _recall: Recall = field(default_factory=Recall)
    kept: list[str] = field(default_factory=list)
    """Of the last observation: the files that could not be read and still count, each with a reason."""

    def observe(self, sources: Sequence[Source], now: str) -> None:
        """Takes in what the files say now. Only a file that is gone, or one that was read to its end, takes back."""
        self.kept, self._unread = [], set()
        files = {source.name: self._read(source) for source in sources if not source.missing}
        self._whole = {name: digest for name, digest in self._whole.items() if name in files}
        unseen = [source for source in sources if source.missing]
        for name, held in self._files.items():
            if name not in files and held and (reason := _hidden_by(name, unseen)):
                files[name] = held
                self._unread.add(name)
                self.kept.append(f"{name}: {reason}: its last good objects stay")
        self._files = files
        self._since = {key: self._since.get(key, now) for key in self._keys()}

    def snapshot(self, world: World) -> FleetSnapshot:
        """The fleet as it is held, in a world that gets what its Secrets and ConfigMaps hold."""
        held = self._held()
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
        for one in self._held().values():
            yield from one.findings

    def _keys(self) -> set[Key]:
        return {key for held in self._files.values() for key in held}

    def _held(self) -> dict[Key, Held]:
        # Of two files that declare one object the first counts, in the order of their names; but what a file said that
        # can no longer be read may have moved to another.
        found: dict[Key, Held] = {}
        for name in sorted(self._files, key=lambda name: (name in self._unread, name)):
            for key, one in self._files[name].items():
                found.setdefault(key, one)
        return found

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
        found: dict[Key, Held] = {}
        for document in documents:
            for _, raw in objects(document):
                if one := self._object(raw, before):
                    found.setdefault(one.key, one)
        if not all(document.readable for document in documents):
            # What the rest of the file declared cannot be told from what it no longer does.
            return {**self._keep(source.name, before, "cannot be read to its end"), **found}
        if not documents:
            return self._keep(source.name, before, "is empty")
        self._whole[source.name] = digest
        return found

    def _keep(self, name: str, before: dict[Key, Held], reason: str) -> dict[Key, Held]:
        # What was wrong with an earlier text is wrong no more: that text is gone.
        good = {
            key: replace(one, findings=()) for key, one in before.items() if one.resource or one.entries is not None
        }
        if good:
            self._unread.add(name)
            self.kept.append(f"{name}: {reason}: its last good objects stay")
        return good

    def _object(self, raw: object, before: Mapping[Key, Held]) -> Held | None:
        parsed = parse_object(raw, self.namespace)
        if isinstance(parsed, Foreign):
            return _holder(raw, parsed.key)
        if not (parsed.key.kind and parsed.key.name):
            return None
        last = before.get(parsed.key)
        if isinstance(parsed, Invalid):
            return replace(last or Held(parsed.key), findings=parsed.findings)
        changed = tuple(check_change(last.resource, parsed.resource)) if last and last.resource else ()
        return replace(last, findings=changed) if last and changed else Held(parsed.key, parsed.resource)


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
    if names is None:
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
