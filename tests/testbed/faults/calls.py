"""A request as rules and records see it: who asks, what is to be done, and to which object."""

import json
import time
from asyncio import TimerHandle
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.testbed.faults.wire import Head

OF_OBJECTS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
OF_COLLECTIONS = {**OF_OBJECTS, "GET": "list", "DELETE": "deletecollection"}
READS = ("get", "list", "watch")
WRITES = ("create", "update", "patch", "delete", "deletecollection")
OF_NAMESPACES = ("status", "finalize")


class Place(NamedTuple):
    """What a path points at. A path that is no resource's has nothing but itself."""

    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


def place_of(path: str) -> Place:
    """Reads a path as the API server does."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    start = {"api": 2, "apis": 3}.get(parts[0], len(parts))
    parts, namespace = parts[start:], ""
    if len(parts) > 2 and parts[0] == "namespaces" and parts[2] not in OF_NAMESPACES:
        namespace, parts = parts[1], parts[2:]
    resource, name, subresource = [*parts, "", "", ""][:3]
    return Place(resource, subresource, namespace, name)


@dataclass(eq=False)
class Call:
    """One request of one client. `decided` is what each rule has made of it, and `timers` are what rules have set."""

    client: str
    head: Head
    body: bytes
    began: float
    at: float = field(default_factory=time.monotonic)
    decided: dict[object, bool] = field(default_factory=dict)
    timers: dict[object, TimerHandle] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.head.words[0]

    @cached_property
    def path(self) -> str:
        return urlsplit(self.head.words[1]).path

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.head.words[1]).query, keep_blank_values=True))

    @cached_property
    def place(self) -> Place:
        return place_of(self.path)

    @cached_property
    def verb(self) -> str:
        if self.method == "GET" and self.query.get("watch") in ("true", "1"):
            return "watch"
        collection = self.place.resource and not self.place.name
        return (OF_COLLECTIONS if collection else OF_OBJECTS).get(self.method, "get")

    def asking(self, **query: str) -> str:
        """The target of this request with some of its query set otherwise."""
        return f"{self.path}?{urlencode({**self.query, **query})}"

    def document(self) -> Any:
        """The body, where it is JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def named(thing: Mapping[str, Any]) -> tuple[str, str]:
    """The namespace and the name of a raw object."""
    metadata = thing.get("metadata") or {}
    return metadata.get("namespace", ""), metadata.get("name", "")
