"""What is to be there for a model: its objects as they are applied, with their owner, packed until they are needed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from modelfleet.api.meta import API_VERSION
from modelfleet.findings import Key
from modelfleet.fleet.labels import HASH
from modelfleet.fleet.raw import mapping, mappings, text
from modelfleet.sources.packed import pack, unpack


class Child(NamedTuple):
    """An object to be made."""

    key: Key
    hash: str
    packed: bytes

    @property
    def whole(self) -> dict[str, Any]:
        """The object as it is applied."""
        found: dict[str, Any] = unpack(self.packed)
        return found


@dataclass(frozen=True, slots=True)
class Family:
    """All that is to be there for a model, in the order in which it is applied. What else was made for it goes."""

    uid: str
    """Which ModelDeployment of this name it is."""
    children: tuple[Child, ...]
    kept: Mapping[Key, int] = field(default_factory=dict)
    """Deployments that stay as they are but for the number of replicas: those of a class that is not there any more, so
    that nobody can say what they are to be.
    """


def family_of(
    model: Key, uid: str, objects: Iterable[Mapping[str, Any]], kept: Mapping[Key, int] | None = None
) -> Family:
    """The family of these objects as they were rendered. The owner and the hash are added here."""
    return Family(uid, tuple(_child(model, uid, one) for one in objects), kept or {})


def is_ours(body: Mapping[str, Any], uid: str) -> bool:
    """Whether an object was made for the ModelDeployment of this uid.

    Somebody may have taken its owner away: then the hash still says so, and one that lost both is not known any more.
    """
    metadata = body["metadata"]
    owners = list(mappings(metadata.get("ownerReferences")))
    if any(one.get("uid") == uid for one in owners):
        return True
    made = text(mapping(metadata.get("annotations")).get(HASH))
    return not owners and made.startswith(f"{_brand(uid)}-")


def _child(model: Key, uid: str, rendered: Mapping[str, Any]) -> Child:
    metadata = rendered["metadata"]
    owner = {"apiVersion": API_VERSION, "kind": model.kind, "name": model.name, "uid": uid}
    owned = {**metadata, "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}]}
    said = json.dumps({**rendered, "metadata": owned}, sort_keys=True).encode()
    made = f"{_brand(uid)}-{blake2b(said, digest_size=8).hexdigest()}"
    owned["annotations"] = {**metadata.get("annotations", {}), HASH: made}
    key = Key(rendered["kind"], metadata["namespace"], metadata["name"])
    return Child(key, made, pack({**rendered, "metadata": owned}))


def _brand(uid: str) -> str:
    return blake2b(uid.encode(), digest_size=4).hexdigest()
