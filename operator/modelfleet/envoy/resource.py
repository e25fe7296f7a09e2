"""One xDS resource as bytes: what the cache compares, the server sends and a refusal is joined to."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from modelfleet.envoy.types import PREFIX
from modelfleet.findings import Key


class Message(Protocol):
    """What every generated protobuf class can do, as far as it is needed here."""

    DESCRIPTOR: object

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802 - protobuf's own name
        """The bytes; the same ones for the same content."""


@dataclass(frozen=True, slots=True)
class XdsResource:
    """A resource under its name. Two with the same bytes have the same version, whoever made them and when."""

    type_url: str
    name: str
    version: str
    body: bytes
    owners: frozenset[Key]
    """The objects that it is made from: who is told when a gateway refuses it."""


def resource_of(name: str, message: Message, owners: Iterable[Key] = ()) -> XdsResource:
    """The resource of a message. Its version is a hash of its bytes, so that an unchanged one is never sent again."""
    body = message.SerializeToString(deterministic=True)
    full_name: str = message.DESCRIPTOR.full_name  # type: ignore[attr-defined]
    return XdsResource(PREFIX + full_name, name, blake2b(body, digest_size=8).hexdigest(), body, frozenset(owners))
