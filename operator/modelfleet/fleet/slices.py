"""Endpoint slices and other objects that we made, as far as anything here depends on them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Key
from modelfleet.fleet.labels import MODEL
from modelfleet.fleet.raw import identity, mapping, mappings, text

ADDRESSES = ("IPv4", "IPv6")
"""Addresses that a gateway can be given. A slice of names is no slice of ours."""


@dataclass(frozen=True, slots=True)
class Child:
    """An object that belongs to a model, and nothing more of it."""

    key: Key
    uid: str
    model: str


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """An address in a slice that takes requests, or finishes those that it has."""

    address: str
    port: int
    zone: str = ""
    node: str = ""
    pod: str = ""
    """The uid of the pod behind it, empty where the slice does not say."""
    leaving: bool = False
    """It still serves, and has been asked to go."""


@dataclass(frozen=True, slots=True)
class Slice(Child):
    """Some of the replicas of a model; a model has one slice or several."""

    backends: tuple[Backend, ...] = ()


def parse_slice(raw: Any) -> Slice | None:
    """The slice with what of it can be sent requests. What is not as it should be is left out."""
    found = identity(raw, "EndpointSlice")
    if found is None:
        return None
    key, metadata = found
    model = text(mapping(metadata.get("labels")).get(MODEL))
    # Who does not say what kind of addresses they are has made none of which anything is known.
    backends = _backends(raw) if raw.get("addressType", ADDRESSES[0]) in ADDRESSES else ()
    return Slice(key, text(metadata.get("uid")), model, tuple(sorted(set(backends))))


def _backends(raw: Mapping[str, Any]) -> Iterator[Backend]:
    ports = [one.get("port") for one in mappings(raw.get("ports"))]
    port = next((port for port in ports if isinstance(port, int)), None)
    if port is None:
        return
    for one in mappings(raw.get("endpoints")):
        said = mapping(one.get("conditions"))
        # No word on readiness counts as ready: so the API says of a condition that is not known.
        ready = said.get("ready") is not False
        leaving = said.get("serving") is True and said.get("terminating") is True
        if not ready and not leaving:
            continue
        behind = mapping(one.get("targetRef"))
        pod = text(behind.get("uid")) if behind.get("kind") == "Pod" else ""
        addresses = one.get("addresses")
        # The API means all of them for one replica, and lets nobody send to more than the first.
        for address in addresses[:1] if isinstance(addresses, list) else ():
            if isinstance(address, str):
                yield Backend(address, port, text(one.get("zone")), text(one.get("nodeName")), pod, not ready)
