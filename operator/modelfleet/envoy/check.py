"""The last look at what a gateway is told, before it is: whole, closed and within Envoy's own rules.

What is found here is a bug of ours and never a user's mistake. Envoy applies a bad update in part, so that one object's
bug would change another's traffic; left out here, it changes only its own.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError, Message

from modelfleet.envoy.contents import Need, contents
from modelfleet.envoy.protorules import violations
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, PREFIX, ROUTES, SCOPE
from modelfleet.envoy.walk import known_type
from modelfleet.findings import Key, printable

MAX_NAME = 1024
"""Bytes. Envoy writes names into every statistic and log line that it makes for the resource."""

MAX_RESOURCE = 1 << 20
"""Bytes. A change sends the whole resource to every gateway, which parses it where it also accepts connections."""

MAX_TOTAL = 64 << 20
"""Bytes of one gateway. A gateway that joins is sent all of it, and Envoy keeps several times its size in memory."""

_MAX_TOLD = 10
"""Sentences about one resource: a bug in a table of 1,000 routes says the same 1,000 times."""

_NAME = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Defect:
    """One sentence about one resource that must not be sent."""

    type_url: str
    name: str
    owners: frozenset[Key]
    message: str

    def __str__(self) -> str:
        return f'{self.type_url.rpartition(".")[2]} "{printable(self.name)}": {self.message}'


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bytes of one resource say, whatever stands beside it."""

    faults: tuple[str, ...]
    needs: tuple[tuple[str, Need], ...]
    scope: tuple[str, ...]
    """The key of a scope; empty for everything else."""


Seen = MutableMapping[tuple[str, str, str], Facts]
"""Facts by type, name and version: a caller that keeps it has only what changed looked into. One for each gateway."""


def without_defective(
    resources: Sequence[XdsResource], bootstrap_clusters: Collection[str] = (), seen: Seen | None = None
) -> tuple[tuple[XdsResource, ...], tuple[Defect, ...]]:
    """The resources of one gateway that can be sent, in their order, and why the others cannot.

    Of two that cannot both stand, the one that comes first is right. What the bootstrap brings is there as well. What
    needs something that was left out is left out as well; nothing else is.
    """
    kept = _gather(resources, seen if seen is not None else {})
    defects: list[Defect] = []
    while found := _first_found(kept, bootstrap_clusters):
        for index, sentences in sorted(found.items()):
            defects.extend(_defects(kept[index][0], sentences))
        kept = [one for index, one in enumerate(kept) if index not in found]
    return tuple(resource for resource, _ in kept), tuple(defects)


_Told = list[tuple[XdsResource, Facts]]
_Found = dict[int, list[str]]
"""What is wrong, by the index of the resource."""


def _first_found(told: _Told, bootstrap_clusters: Collection[str]) -> Mapping[int, list[str]]:
    # In this order, so that what is left out anyway takes nothing with it that could stand without it.
    return next((found for phase in _PHASES if (found := phase(told, bootstrap_clusters))), {})


def _defects(resource: XdsResource, sentences: Sequence[str]) -> Iterator[Defect]:
    shown = [printable(sentence) for sentence in sentences[:_MAX_TOLD]]
    if len(sentences) > _MAX_TOLD:
        shown.append(f"and {len(sentences) - _MAX_TOLD} more")
    for sentence in shown:
        yield Defect(resource.type_url, resource.name, resource.owners, sentence)


def _gather(resources: Sequence[XdsResource], seen: Seen) -> _Told:
    told = []
    current = set()
    for resource in resources:
        identity = (resource.type_url, resource.name, resource.version)
        facts = seen.get(identity)
        if facts is None:
            facts = seen[identity] = _facts(resource)
        current.add(identity)
        told.append((resource, facts))
    for gone in seen.keys() - current:
        del seen[gone]
    return told


def _facts(resource: XdsResource) -> Facts:
    faults = list(_outside(resource))
    message = _parsed(resource)
    if isinstance(message, str):
        return Facts((*faults, message), (), ())
    field = "cluster_name" if resource.type_url == ENDPOINTS else "name"
    if getattr(message, field, "") != resource.name:
        faults.append(f"{field}: is not the name under which the resource is sent")
    faults.extend(violations(message))
    needs = []
    for path, said in contents(message):
        if isinstance(said, Need):
            needs.append((path, said))
        else:
            faults.append(f"{path}: {said}" if path else said)
    return Facts(tuple(faults), tuple(needs), _scope_of(resource, message))


def _outside(resource: XdsResource) -> Iterator[str]:
    """What is wrong with a resource unopened."""
    if not resource.name:
        yield "has no name"
    elif not _NAME.fullmatch(resource.name):
        yield "the name must be printable ASCII without spaces"
    if len(resource.name.encode()) > MAX_NAME:
        yield f"the name has more than {MAX_NAME} bytes"
    if len(resource.body) > MAX_RESOURCE:
        yield f"has {len(resource.body)} bytes, and {MAX_RESOURCE} are the most"


def _parsed(resource: XdsResource) -> Message | str:
    message_class = known_type(resource.type_url)
    if message_class is None or not resource.type_url.startswith(PREFIX):
        return f"{resource.type_url} is no type that is known here"
    try:
        return message_class.FromString(resource.body)
    except DecodeError:
        return "the bytes are no message of this type"


def _scope_of(resource: XdsResource, message: Message) -> tuple[str, ...]:
    if resource.type_url != SCOPE:
        return ()
    return tuple(fragment.string_key for fragment in message.key.fragments)  # type: ignore[attr-defined]


def _own(told: _Told, _bootstrap: Collection[str]) -> _Found:
    return {index: list(facts.faults) for index, (_, facts) in enumerate(told) if facts.faults}


def _twins(told: _Told, _bootstrap: Collection[str]) -> _Found:
    return _repeated(told, lambda resource, _facts: (resource.type_url, resource.name), "has the name of")


def _same_scope(told: _Told, _bootstrap: Collection[str]) -> _Found:
    """Envoy would keep one of two and say nothing."""
    return _repeated(told, lambda _resource, facts: facts.scope, "has the key of")


def _repeated(told: _Told, mark_of: Callable[[XdsResource, Facts], tuple[str, ...]], said: str) -> _Found:
    first: dict[tuple[str, ...], int] = {}
    found: _Found = {}
    for index, (resource, facts) in enumerate(told):
        mark = mark_of(resource, facts)
        if mark and (at := first.setdefault(mark, index)) != index:
            before = told[at][0]
            found[index] = [f'{said} "{before.name}"{_made_from(before)}, which comes first']
    return found


def _made_from(resource: XdsResource) -> str:
    return f", made from {', '.join(map(str, sorted(resource.owners)))}" if resource.owners else ""


def _open(told: _Told, bootstrap_clusters: Collection[str]) -> _Found:
    there: set[tuple[str, str]] = {(resource.type_url, resource.name) for resource, _ in told}
    there.update((CLUSTER, name) for name in bootstrap_clusters)
    found: _Found = {}
    for index, (_, one) in enumerate(told):
        for path, need in one.needs:
            if need not in there:
                kind = need.type_url.rpartition(".")[2]
                found.setdefault(index, []).append(f'{path}: there is no {kind} "{need.name}"')
    return found


def _over_budget(told: _Told, _bootstrap: Collection[str]) -> _Found:
    """The largest have to go, so that as many as can be stay; what all requests need goes last."""
    excess = sum(len(resource.body) for resource, _ in told) - MAX_TOTAL
    if excess <= 0:
        return {}
    by_size = sorted(enumerate(told), key=lambda one: (_serves_all(one[1][0]), -len(one[1][0].body)))
    found: _Found = {}
    for index, (resource, _) in by_size:
        if excess <= 0:
            break
        excess -= len(resource.body)
        found[index] = [f"the gateway has more than {MAX_TOTAL} bytes, and this is one of its largest resources"]
    return found


def _serves_all(resource: XdsResource) -> bool:
    """Whether it is the listener, the script or the gate. Lists of names have no owner either, and can be missed."""
    return not resource.owners and resource.type_url not in (ROUTES, SCOPE)


_PHASES: tuple[Callable[[_Told, Collection[str]], Mapping[int, list[str]]], ...] = (
    _own,
    _twins,
    _open,
    _same_scope,
    _over_budget,
)
