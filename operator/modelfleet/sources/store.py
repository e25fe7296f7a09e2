"""The fleet as the API server tells it: what was seen last of each object, and never less than was once known.

Three rules hold it together. What is older than what was seen is ignored: versions of one kind only grow, so an API
server that lags, or an event that comes late, takes nothing back. What is gone is found by comparison with a whole
list, since a watch does not tell what it missed. And what could not be read changes nothing.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import inf
from threading import RLock
from typing import Any, NamedTuple

from modelfleet.findings import Key
from modelfleet.sources.kinds import BY_KIND, OURS, Scope
from modelfleet.sources.sight import PARSE, Sight, sighted

MOST_GONE = 10_000
"""So many deletions are remembered, against news of them that come late."""
MANY, SHARE = 10, 0.5
"""More than so many, and more than this share of a kind, do not vanish by the word of one list."""


DECIDING = frozenset({*PARSE, *(watched.kind for watched in OURS)})
"""The kinds from which something is decided."""


class Change(IntEnum):
    """What an observation changed."""

    NOTHING = 0
    STATUS = 1
    """Somebody wrote what is ours to write, and perhaps it was us."""
    MADE = 2
    """An object that we made is not what it was, and nothing is decided from what changed."""
    FLEET = 3


class Listing(NamedTuple):
    """What a whole list brought."""

    change: Change
    dropped: int = 0
    held: int = 0
    """Objects that were not listed and stay all the same, until another list agrees."""
    stale: bool = False


@dataclass(slots=True)
class _Kind:
    """The objects of one kind."""

    held: dict[Key, Sight] = field(default_factory=dict)
    newest: int = 0
    suspects: dict[str, frozenset[str]] = field(default_factory=dict)
    """By namespace: what a list lacked that was not believed."""


class FleetStore:
    """The objects of a cluster. For several threads at once."""

    def __init__(self, scopes: Collection[Scope]) -> None:
        self._lock = RLock()
        self._kinds = {scope.watched.kind: _Kind() for scope in scopes}
        self._unread: dict[Scope, str] = dict.fromkeys(scopes, "it has not been listed yet")
        self._given_up: set[Scope] = set()
        self._absent: set[Scope] = set()
        self._gone: OrderedDict[str, float] = OrderedDict()
        """Up to which version nothing that is said of it counts, by uid."""
        self._children: dict[str, frozenset[Key]] = {}
        """What was made for each object, by its uid."""

    def observe(self, raw: Mapping[str, Any], *, gone: bool = False) -> Change:
        """Takes in what a watch or an answer says of one object. Never raises: what cannot be read is no news."""
        with self._lock:
            return self._observe(raw, gone=gone)

    def newest(self, kind: str) -> int:
        """The newest version seen of a kind: a list that begins now and is older comes from a server that lags."""
        with self._lock:
            return self._kinds[kind].newest

    def glimpse(self, raw: Mapping[str, Any]) -> Sight | Mapping[str, Any]:
        """What is worth keeping of an object in a list of which the rest is still being read."""
        sight = sighted(raw, self._kinds)
        return sight.after(self.sight(sight.key)) if sight else raw

    def replace(
        self, scope: Scope, items: Sequence[Sight | Mapping[str, Any]], version: str, since: int = 0
    ) -> Listing:
        """Takes in a whole list, and drops what it lacks. `since` is what `newest` said when it was asked for."""
        with self._lock:
            kind, at = self._kinds[scope.watched.kind], _number(version)
            if at < since:
                return Listing(Change.NOTHING, stale=True)
            first = self._unread.pop(scope, None) is not None
            self._absent.discard(scope)
            change = max([self._observe(one, gone=False) for one in items], default=Change.NOTHING)
            lacking = self._lacking(scope, {uid for one in items if (uid := _uid(one))}, at)
            if self._is_doubtful(scope, lacking):
                return Listing(change, held=len(lacking))
            for key in lacking:
                self._forget(kind, key, at)
            kind.newest = max(kind.newest, at)
            return Listing(Change.FLEET if first or lacking else change, dropped=len(lacking))

    def begin_anew(self, kind: str) -> None:
        """Takes the next list of a kind for the newest: its storage came back older than it was."""
        with self._lock:
            one = self._kinds[kind]
            one.newest = 0
            one.held = {key: sight.aged() for key, sight in one.held.items()}
            self._gone.clear()

    def fail(self, scope: Scope, why: str, *, give_up: bool) -> None:
        """Notes that a scope could not be read. What was read of it before stays. Who gives up waits for it no more."""
        with self._lock:
            if scope in self._unread:
                self._unread[scope] = why
                if give_up:
                    self._given_up.add(scope)

    def lack(self, scope: Scope) -> Change:
        """Notes that there is no such kind, which is no lack where it is optional. What was known of it is gone."""
        with self._lock:
            first = self._unread.pop(scope, None) is not None
            self._absent.add(scope)
            kind = self._kinds[scope.watched.kind]
            lost = [key for key in kind.held if scope.namespace in ("", key.namespace)]
            for key in lost:
                self._forget(kind, key, kind.held[key].version)
            return Change.FLEET if first else Change.MADE if lost else Change.NOTHING

    @property
    def is_filled(self) -> bool:
        """Whether all has been read that can be."""
        with self._lock:
            return self._unread.keys() <= self._given_up

    def unread(self) -> dict[Scope, str]:
        """The scopes that have never been read, and why."""
        with self._lock:
            return dict(self._unread)

    def absent(self) -> frozenset[Scope]:
        """The scopes of optional kinds that are not there."""
        with self._lock:
            return frozenset(self._absent)

    def children(self, uid: str) -> list[Sight]:
        """What was made for the object of this uid and is controlled by it, in the order of the keys."""
        with self._lock:
            keys = sorted(self._children.get(uid, ()))
            return [self._kinds[key.kind].held[key] for key in keys]

    def held(self, kind: str) -> dict[Key, Sight]:
        """What is known of each object of a kind."""
        with self._lock:
            return dict(self._kinds[kind].held) if kind in self._kinds else {}

    def sight(self, key: Key) -> Sight | None:
        """What is known of one object."""
        with self._lock:
            kind = self._kinds.get(key.kind)
            return kind.held.get(key) if kind else None

    def sizes(self) -> dict[str, int]:
        """How many objects of each kind are known."""
        with self._lock:
            return {name: len(kind.held) for name, kind in self._kinds.items()}

    def _observe(self, one: Sight | Mapping[str, Any], *, gone: bool) -> Change:
        sight = one if isinstance(one, Sight) else sighted(one, self._kinds)
        if sight is None or sight.version <= self._gone.get(sight.uid, -1):
            return Change.NOTHING
        kind = self._kinds[sight.key.kind]
        last = kind.held.get(sight.key)
        kind.newest = max(kind.newest, sight.version)
        if gone:
            return self._leave(kind, last, sight)
        if last and 0 < sight.version <= last.version:
            return Change.NOTHING
        kind.held[sight.key] = settled = sight.after(last) if sight.raw is not None else sight
        self._move(sight.key, last.owner if last else "", settled.owner)
        return _change(last, settled)

    def _leave(self, kind: _Kind, last: Sight | None, sight: Sight) -> Change:
        if last is None or last.uid != sight.uid:
            # It was made again under the same name before we heard that it was gone.
            self._remember_gone(sight.key, sight.uid, sight.version)
            return Change.NOTHING
        if _comes_back(sight.key) and 0 < sight.version < last.version:
            return Change.NOTHING
        self._forget(kind, sight.key, sight.version)
        return Change.FLEET if sight.key.kind in DECIDING else Change.MADE

    def _forget(self, kind: _Kind, key: Key, at: int) -> None:
        sight = kind.held.pop(key)
        self._move(key, sight.owner, "")
        self._remember_gone(key, sight.uid, at)

    def _move(self, key: Key, before: str, after: str) -> None:
        if before == after:
            return
        if left := self._children.pop(before, frozenset()) - {key}:
            self._children[before] = left
        if after:
            self._children[after] = self._children.get(after, frozenset()) | {key}

    def _remember_gone(self, key: Key, uid: str, at: int) -> None:
        self._gone[uid] = at if _comes_back(key) else inf
        while len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)

    def _lacking(self, scope: Scope, listed: set[str], at: int) -> list[Key]:
        # What is newer than the list was made while it was being read.
        return [
            key
            for key, sight in self._kinds[scope.watched.kind].held.items()
            if sight.uid not in listed and sight.version <= at and scope.namespace in ("", key.namespace)
        ]

    def _is_doubtful(self, scope: Scope, lacking: Sequence[Key]) -> bool:
        """Whether so much vanished at once that a second list has to say so, too."""
        kind = self._kinds[scope.watched.kind]
        uids = frozenset(kind.held[key].uid for key in lacking)
        believed = kind.suspects.pop(scope.namespace, None)
        doubtful = len(uids) > MANY and len(uids) > SHARE * len(kind.held) and not (believed and uids <= believed)
        if doubtful:
            kind.suspects[scope.namespace] = uids
        return doubtful


def _change(last: Sight | None, now: Sight) -> Change:
    if last is None or (now.value, now.mark) != (last.value, last.mark):
        return Change.FLEET if now.key.kind in DECIDING else Change.MADE
    if BY_KIND[now.key.kind].is_child and (now.body, now.leaving) != (last.body, last.leaving):
        return Change.MADE
    return Change.NOTHING if now.said == last.said else Change.STATUS


def _comes_back(key: Key) -> bool:
    """Whether one and the same object may be gone and be there again: it is, for a watch, when it loses our label."""
    return bool(BY_KIND[key.kind].selector)


def _uid(one: Sight | Mapping[str, Any]) -> str:
    if isinstance(one, Sight):
        return one.uid
    metadata = one.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, Mapping) else None
    return uid if isinstance(uid, str) else ""


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
