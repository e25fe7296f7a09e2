"""Endpoint slices and other objects that we made, as far as anything here depends on them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Key
from modelfleet.fleet.labels import HARDWARE, MODEL
from modelfleet.fleet.raw import identity, mapping, mappings, text
from modelfleet.fleet.world import Endpoint


@dataclass(frozen=True, slots=True)
class Child:
    """An object that belongs to a model, and nothing more of it."""

    key: Key
    uid: str
    model: str


@dataclass(frozen=True, slots=True)
class Slice(Child):
    """Some of the replicas of a model that take requests; a model has one slice or several."""

    endpoints: tuple[Endpoint, ...] = ()


def parse_slice(raw: Any) -> Slice | None:
    """The slice with its ready endpoints. What is not as it should be is left out."""
    found = identity(raw, "EndpointSlice")
    if found is None:
        return None
    key, metadata = found
    endpoints = sorted(set(_endpoints(mapping(raw), _label(metadata, HARDWARE))))
    return Slice(key, text(metadata.get("uid")), _label(metadata, MODEL), tuple(endpoints))


def _endpoints(raw: Mapping[str, Any], hardware: str) -> Iterator[Endpoint]:
    ports = [one.get("port") for one in mappings(raw.get("ports"))]
    port = next((port for port in ports if isinstance(port, int)), None)
    if port is None:
        return
    for one in mappings(raw.get("endpoints")):
        # No word on readiness counts as ready: so the API says of a condition that is not known.
        if mapping(one.get("conditions")).get("ready") is False:
            continue
        addresses = one.get("addresses")
        for address in addresses if isinstance(addresses, list) else ():
            if isinstance(address, str):
                yield Endpoint(address, port, hardware, zone=text(one.get("zone")))


def _label(metadata: Mapping[str, Any], name: str) -> str:
    return text(mapping(metadata.get("labels")).get(name))
