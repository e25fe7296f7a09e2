"""Writes what is to be there for each model: only where it differs, only while this process may write.

Nothing is taken over: a new object is applied with a version that none can have, which the API server answers with a
conflict where the name is taken; what is there already is applied with the version that was seen. What is wanted no
longer is deleted once all that is wanted is there. What goes wrong with one object keeps no other from being written.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any, Final, Protocol

from modelfleet.controllers.crew import Crew
from modelfleet.controllers.families import Child, Family, is_ours
from modelfleet.controllers.likeness import contains, without_rivals
from modelfleet.controllers.paces import Paces
from modelfleet.controllers.refusals import denied_verb, taken_by, trouble_of
from modelfleet.findings import Key
from modelfleet.fleet.raw import mapping, mappings, text
from modelfleet.fleet.troubles import Trouble
from modelfleet.kube.errors import Conflict, KubeError, NotFound, Unprocessable
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.kinds import BY_KIND
from modelfleet.sources.packed import unpack
from modelfleet.sources.sight import Sight, sight_of
from modelfleet.sources.store import FleetStore
from modelfleet.telemetry import WriterTelemetry

MANAGER: Final = "modelfleet"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
NEW: Final = "1"
"""The version of nothing: the first write to a storage already makes a later one."""
AT_ONCE = 8
READS = 5
"""So many times as often as it writes it may read."""
EACH_S, LONGEST_S = 5.0, 60.0
"""After a burst an object is written once in so many seconds; one that is refused waits so long at most."""
SOON_S, LEAVING_S = 0.2, 5.0
GONE_S = 0.5
"""What was there and is gone is not made again before its owner's watch has had time to tell that it goes, too."""
TIMEOUT_S = 4.0
"""As for a status: no write lands after the Lease has ended."""

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Who can read and write one object."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = "application/json",
        timeout: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        """Sends a request. Raises KubeError."""


class ChildSync:
    """The only writer of children."""

    def __init__(
        self,
        writer: Writer,
        store: FleetStore,
        may: Callable[[], bool],
        bucket: TokenBucket,
        telemetry: WriterTelemetry,
        on_refusal: Callable[[], None],
    ) -> None:
        """`on_refusal` hears when what `refused` says has changed."""
        self._writer = writer
        self._store = store
        self._may = may
        self._bucket = bucket
        self._reads = bucket.times(READS)
        self._telemetry = telemetry
        self._on_refusal = on_refusal
        self._paces = Paces(EACH_S, LONGEST_S)
        self._crew = Crew("child", AT_ONCE, self._sync)
        self._lock = Lock()
        self._wanted: Mapping[Key, Family] = {}
        self._homes: dict[Key, Key] = {}
        """For which model an object is wanted."""
        self._settled: dict[Key, int] = {}
        """What was applied last to an object, and what came of it: a hash of both."""
        self._gone: dict[Key, float] = {}
        """Since when an object is not there any more that was settled."""
        self._refused: dict[Key, dict[Key, Trouble]] = {}

    def start(self) -> None:
        """Begins to write."""
        self._crew.start()

    def stop(self) -> None:
        """Ends after the writes that are under way."""
        self._crew.stop(TIMEOUT_S + 1)

    def apply(self, wanted: Mapping[Key, Family]) -> None:
        """What is to be there from now on, by model. Of a model that is not named all is left as it is."""
        with self._lock:
            before, self._wanted = self._wanted, wanted
            for model in before.keys() - wanted.keys():
                self._refused.pop(model, None)
        for model in before.keys() - wanted.keys():
            self._forget(model, _keys(before[model]))
        for model, family in wanted.items():
            last = before.get(model)
            if last is family or last == family:
                continue
            keys = _keys(family)
            self._forget(model, _keys(last) - keys if last else set())
            self._homes.update(dict.fromkeys(keys, model))
            self._crew.add(model)

    def look(self, key: Key) -> None:
        """Something happened to this model, or to this object that was made for one."""
        if key in self._wanted:
            self._crew.add(key)
        elif home := self._homes.get(key) or self._owner_of(key):
            self._crew.add(home)

    def look_at_all(self) -> None:
        """It has come to be this process that writes, or much has been read anew."""
        for model in list(self._wanted):
            self._crew.add(model)

    def waiting(self) -> int:
        """How many models wait for a look."""
        return len(self._crew)

    def refused(self) -> dict[Key, tuple[Trouble, ...]]:
        """What cannot be made of each model's objects, and why."""
        with self._lock:
            return {model: tuple(found[key] for key in sorted(found)) for model, found in self._refused.items()}

    def _sync(self, model: Key) -> float | None:
        """Writes what is to be there for a model where it differs. Seconds until there is to be another look."""
        family, owner = self._wanted.get(model), self._store.sight(model)
        if family is None or owner is None or owner.uid != family.uid or owner.leaving or not self._may_write():
            return None  # what was made for one that goes, goes with it
        waits = [self._tried(model, child.key, self._care, family.uid, child) for child in family.children]
        waits += [self._tried(model, key, self._scale, family.uid, count) for key, count in family.kept.items()]
        strays = self._strays(family)
        if not any(waits):
            waits = [self._tried(model, key, self._prune, family.uid, None) for key in strays]
        for key in self._refused.get(model, {}).keys() - _keys(family) - set(strays):
            self._note(model, key, None)
        return min((wait for wait in waits if wait), default=None)

    def _tried(
        self, model: Key, key: Key, act: Callable[[str, Key, Any, Sight | None], float | None], uid: str, what: Any
    ) -> float | None:
        """Sees to one object. Seconds until there is to be another try, None where it is as it is to be."""
        sight = self._store.sight(key)
        is_settled = isinstance(what, Child) and sight and self._settled.get(key) == _hash(what, sight)
        about = (what.hash if isinstance(what, Child) else what, sight.body if sight else b"")
        if not is_settled and (left := self._paces.left(key, about)) > 0:
            return left
        try:
            wait = None if is_settled else act(uid, key, what, sight)
        except KubeError as error:
            return self._failed(model, key, about, error)
        if wait is None:
            self._paces.done(key)
            self._note(model, key, None)
        return wait

    def _care(self, uid: str, key: Key, child: Child, sight: Sight | None) -> float | None:
        """Makes an object, or makes it again what it is to be."""
        if sight is not None:
            return self._mend(uid, child, sight)
        if (left := self._just_gone(key)) > 0:
            return left
        try:
            self._apply(child, {"resourceVersion": NEW})
            return None
        except Conflict:
            raw = self._found(key)
        if raw is None:
            return SOON_S
        if is_ours(raw, uid):
            self._store.observe(raw)
        return self._mend(uid, child, sight_of(raw))

    def _just_gone(self, key: Key) -> float:
        """Seconds for which an object that was there is not to be made again yet."""
        if key not in self._settled:
            return 0.0
        now = time.monotonic()
        return self._gone.setdefault(key, now) + GONE_S - now

    def _mend(self, uid: str, child: Child, sight: Sight) -> float | None:
        if sight.leaving:
            return LEAVING_S
        self._gone.pop(child.key, None)
        body, whole = unpack(sight.body), child.whole
        if not is_ours(body, uid):
            raise taken_by(_whose(body))
        if contains(body, whole):
            self._settled[child.key] = _hash(child, sight)
            return None
        try:
            self._apply(child, _as_seen(sight))
        except Unprocessable:
            better = without_rivals(body, whole)
            if better == body:
                raise
            self._merge(child.key, {"metadata": _as_seen(sight), "spec": better["spec"]})
            return SOON_S
        return None

    def _apply(self, child: Child, seen: Mapping[str, str]) -> None:
        whole = child.whole
        body = {**whole, "metadata": {**whole["metadata"], **seen}}
        query = {"fieldManager": MANAGER, "force": "true"}
        answer = self._write("PATCH", child.key, query=query, body=body, content=APPLY)
        self._store.observe(answer)
        self._gone.pop(child.key, None)
        after = sight_of(answer)
        # Whatever came of it: what was changed on its way in is not fought over, until somebody changes it again.
        self._settled[child.key] = _hash(child, after)
        if not contains(unpack(after.body), whole):
            log.warning("%s is not stored as it was applied: something changes it on its way in", child.key)

    def _found(self, key: Key) -> dict[str, Any] | None:
        """The object of this name, which the watch does not tell of: it has not yet, or our label is gone."""
        self._crew.ending.wait(self._reads.take())
        try:
            return self._writer.request("GET", _path(key), timeout=TIMEOUT_S)
        except NotFound:
            return None

    def _scale(self, uid: str, key: Key, replicas: int, sight: Sight | None) -> float | None:
        """Gives a Deployment so many replicas, and leaves the rest of it."""
        body = unpack(sight.body) if sight and not sight.leaving else None
        if sight is None or body is None or not is_ours(body, uid):
            return None
        if mapping(body.get("spec")).get("replicas") != replicas:
            self._merge(key, {"metadata": _as_seen(sight), "spec": {"replicas": replicas}})
        return None

    def _strays(self, family: Family) -> list[Key]:
        """What was made for the model and is not wanted any more. What could not be read is not missed by anybody."""
        unread = {scope.watched.kind for scope in self._store.unread()}
        keys = _keys(family)
        made = self._store.children(family.uid)
        return [one.key for one in made if one.key not in keys and one.key.kind not in unread and not one.leaving]

    def _prune(self, uid: str, key: Key, _: None, sight: Sight | None) -> float | None:
        """Deletes an object, if it is still the one that was seen."""
        if sight is None or sight.owner != uid:
            return None
        body = {"preconditions": _as_seen(sight), "propagationPolicy": "Background"}
        try:
            self._write("DELETE", key, body={"apiVersion": "v1", "kind": "DeleteOptions", **body})
        except NotFound:
            log.debug("%s was gone already", key)
        return None

    def _merge(self, key: Key, patch: Mapping[str, Any]) -> None:
        query = {"fieldManager": MANAGER}
        self._store.observe(self._write("PATCH", key, query=query, body=patch, content=MERGE))

    def _write(self, method: str, key: Key, **parts: Any) -> dict[str, Any]:
        # At the end nothing is begun any more: the Lease is about to be released.
        if wait := self._paces.turn(f"{key}"):
            raise _NotYet(wait)
        if self._crew.ending.wait(self._bucket.take()) or not self._may_write():
            raise _NotYet(LONGEST_S)
        answer = self._writer.request(method, _path(key), timeout=TIMEOUT_S, **parts)
        self._telemetry.writes.labels(key.kind, "ok").inc()
        return answer

    def _may_write(self) -> bool:
        return self._may() and not self._crew.ending.is_set()

    def _failed(self, model: Key, key: Key, about: tuple[Any, ...], error: KubeError) -> float:
        if isinstance(error, _NotYet):
            return error.wait
        self._telemetry.writes.labels(key.kind, type(error).__name__).inc()
        if verb := denied_verb(error):
            self._telemetry.denied.labels(verb, BY_KIND[key.kind].plural).inc()
        if trouble := trouble_of(key, error):
            self._note(model, key, trouble)
        wait, worth = self._paces.refuse(key, about, error)
        if worth:
            log.warning("%s was not written, it is tried again: %s", key, error)
        return wait

    def _note(self, model: Key, key: Key, trouble: Trouble | None) -> None:
        """What keeps an object from being made; None where nothing does."""
        with self._lock:
            found = self._refused.get(model, {})
            if found.get(key) == trouble or model not in self._wanted:
                return
            found = {one: known for one, known in found.items() if one != key}
            if trouble:
                found[key] = trouble
            self._refused[model] = found
            if not found:
                del self._refused[model]
        self._on_refusal()

    def _forget(self, model: Key, keys: Iterable[Key]) -> None:
        for key in keys:
            self._note(model, key, None)
            self._paces.done(key)
            self._settled.pop(key, None)
            self._gone.pop(key, None)
            self._homes.pop(key, None)

    def _owner_of(self, key: Key) -> Key | None:
        sight = self._store.sight(key)
        if sight is None or not sight.owner:
            return None
        return next((model for model, family in self._wanted.items() if family.uid == sight.owner), None)


class _NotYet(KubeError):
    """Nothing is to be written now: it was written often, another process writes, or this one ends."""

    def __init__(self, wait: float) -> None:
        super().__init__("not yet")
        self.wait = wait


def _keys(family: Family) -> set[Key]:
    return {child.key for child in family.children} | family.kept.keys()


def _hash(child: Child, sight: Sight) -> int:
    return hash((child.hash, sight.uid, sight.body))


def _as_seen(sight: Sight) -> dict[str, str]:
    """What makes it a conflict where we know too little: it was made again, or another has written since."""
    return {"uid": sight.uid, **({"resourceVersion": str(sight.version)} if sight.version else {})}


def _path(key: Key) -> str:
    return f"{BY_KIND[key.kind].path(key.namespace)}/{key.name}"


def _whose(body: Mapping[str, Any]) -> str:
    owners = list(mappings(body["metadata"].get("ownerReferences")))
    if owners:
        return f"belongs to {text(owners[0].get('kind'))} {text(owners[0].get('name'))}"
    return "was not made by modelfleet"
