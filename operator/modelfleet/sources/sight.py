"""One look at one object of a cluster: which it is, how new the look is, and what of it matters to us."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelfleet.findings import Key
from modelfleet.fleet.lastgood import OUTLASTING, Judgement, parse_judgement
from modelfleet.fleet.nodes import parse_node
from modelfleet.fleet.parse import parse_object
from modelfleet.fleet.pods import parse_pod
from modelfleet.fleet.raw import mappings, text
from modelfleet.fleet.slices import parse_slice
from modelfleet.fleet.workloads import parse_workload
from modelfleet.kube.errors import Unreachable
from modelfleet.sources.kinds import BY_KIND
from modelfleet.sources.packed import pack, unpack

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl's own copy of the whole object, as large as the object."""
KEPT = ("name", "namespace", "uid", "generation", "creationTimestamp", "labels")
OF_A_CHILD = ("name", "namespace", "labels", "ownerReferences")

PARSE: dict[str, Callable[[Any], Any]] = {
    "Node": parse_node,
    "Pod": parse_pod,
    "Deployment": parse_workload,
    "EndpointSlice": parse_slice,
}
"""What becomes part of the snapshot. Of other kinds only who makes them wants to know."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of an object."""

    key: Key
    uid: str
    version: int
    """How new this is. Versions are compared as numbers, which Kubernetes promises for its own storage."""
    raw: Mapping[str, Any] | None = None
    """The whole object, until it has been looked into."""
    mark: tuple[Any, ...] = ()
    """Of our own kinds: as long as it stays the same, nothing but the status changed."""
    value: Any = None
    said: bytes = b""
    """Of our own kinds: what stands in the status now, packed; nothing where there is none."""
    judgement: Judgement | None = None
    """Of kinds of which the last good version stays in force: what the status says of that."""
    leaving: bool = False
    """Whether it has been deleted, and something waits before it is gone."""
    owner: str = ""
    """Of what we make: the uid of the object that controls it."""
    body: bytes = b""
    """Of what we make: all but the status, and what the API server keeps for itself; packed."""

    @property
    def status(self) -> Mapping[str, Any] | None:
        """What stands in the status of one of our own kinds."""
        return unpack(self.said) if self.said else None

    def after(self, last: "Sight | None") -> "Sight":
        """The sight, looked into; what did not change since the last one is taken from there."""
        assert self.raw is not None
        watched = BY_KIND[self.key.kind]
        if watched.is_ours:
            return self._judged(last, self.raw)
        value = self._parsed(last)
        if not watched.is_child:
            return replace(self, raw=None, value=value)
        body = _packed(_body(self.raw))
        body = last.body if last and last.body == body else body
        return replace(self, raw=None, value=value, owner=controller(self.raw), body=body)

    def _judged(self, last: "Sight | None", raw: Mapping[str, Any]) -> "Sight":
        """One of our own kinds, looked into."""
        status, mark = raw.get("status"), _mark(raw)
        said = _packed(status) if isinstance(status, Mapping) else b""
        judgement = parse_judgement(raw) if self.key.kind in OUTLASTING else None
        if last is None or last.uid != self.uid:
            return replace(self, raw=None, mark=mark, said=said, judgement=judgement, value=parse_object(_bare(raw)))
        return replace(
            self,
            raw=None,
            mark=mark,
            said=last.said if last.said == said else said,
            judgement=last.judgement if last.judgement == judgement else judgement,
            value=last.value if last.mark == mark else parse_object(_bare(raw)),
        )

    def _parsed(self, last: "Sight | None") -> Any:
        """What of it is part of the snapshot: the very object of the last sight where it says the same."""
        parse = PARSE.get(self.key.kind)
        value = parse(self.raw) if parse else None
        return last.value if last and last.value == value else value

    def aged(self) -> "Sight":
        """The same, older than anything that may come."""
        return replace(self, version=0)


def sighted(raw: Any, kinds: Container[str]) -> Sight | None:
    """The object as it came, or None where it cannot be told which one it is."""
    metadata = raw.get("metadata") if isinstance(raw, Mapping) else None
    if not isinstance(metadata, Mapping) or raw.get("kind") not in kinds:
        return None
    name, uid, version = (text(metadata.get(field)) for field in ("name", "uid", "resourceVersion"))
    if not (name and uid and version):
        return None
    key = Key(raw["kind"], text(metadata.get("namespace")), name)
    leaving = bool(metadata.get("deletionTimestamp"))
    return Sight(key, uid, int(version) if version.isdecimal() else 0, raw, leaving=leaving)


def sight_of(raw: Mapping[str, Any]) -> Sight:
    """An object that an API server answered with, looked into. Raises Unreachable where it is none."""
    sight = sighted(raw, BY_KIND)
    if sight is None:
        raise Unreachable("the answer is none of the objects that were asked for")
    return sight.after(None)


def controller(raw: Mapping[str, Any]) -> str:
    """The uid of the object that controls this one; empty where none does."""
    owners = mappings(raw["metadata"].get("ownerReferences"))
    return next((text(owner.get("uid")) for owner in owners if owner.get("controller") is True), "")


def _mark(raw: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = raw["metadata"]
    return metadata.get("generation"), metadata.get("labels"), _annotations(metadata)


def _annotations(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = metadata.get("annotations")
    return {name: text for name, text in found.items() if name != LAST_APPLIED} if isinstance(found, Mapping) else {}


def _bare(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what the API server keeps for itself, which would change with each write of a status."""
    metadata = {name: raw["metadata"][name] for name in KEPT if name in raw["metadata"]}
    return {**raw, "metadata": {**metadata, "annotations": _annotations(raw["metadata"])}, "status": None}


def _packed(part: Mapping[str, Any]) -> bytes:
    try:
        return pack(part)
    except (TypeError, ValueError, RecursionError):  # nothing that came as JSON
        return pack({"metadata": {}})


def _body(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody wrote into an object, us or others."""
    metadata = {name: raw["metadata"][name] for name in OF_A_CHILD if name in raw["metadata"]}
    whole = {name: part for name, part in raw.items() if name != "status"}
    return {**whole, "metadata": {**metadata, "annotations": _annotations(raw["metadata"])}}
