"""What one gateway has and asks for when its resources are those of our own compiler, and all that it was ever sent."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SCOPE, SECRET
from modelfleet.xds.state import GatewayResources
from tests.support.gateways.pool import Pool
from tests.unit.xds.stub_envoy import StubEnvoy

TYPES = (CLUSTER, ENDPOINTS, SECRET, LISTENER, EXTENSION, SCOPE, ROUTES)
"""In the order in which they are asked for."""
BY_NAME = (ENDPOINTS, SECRET, EXTENSION, ROUTES)

Version = tuple[str, str, str]
"""Type, name and version."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One response."""

    at_s: float
    """By `time.monotonic()`."""
    type_url: str
    names: tuple[str, ...]
    removed: tuple[str, ...]


def _never(_: XdsResource) -> bool:
    return False


def _all(resources: list[Any]) -> list[Any]:
    return resources


@dataclass
class GatewayState(StubEnvoy):
    """Complains of what would have cost it requests, and notes what it was sent though it had it."""

    pool: Pool = field(default_factory=Pool)
    receipts: list[Receipt] = field(default_factory=list)
    repeats: list[Version] = field(default_factory=list)
    """Sent in the very version that it had. Endpoints count only where no cluster waited for them."""
    refused: list[Version] = field(default_factory=list)

    @classmethod
    def empty(cls, pool: Pool) -> "GatewayState":
        """That of a gateway that has just been started, and refuses nothing."""
        have: dict[str, dict[str, XdsResource]] = {type_url: {} for type_url in TYPES}
        return cls(_never, _all, have, {type_url: set() for type_url in BY_NAME}, pool=pool)

    def asks_for(self, type_url: str) -> bool:
        """Scopes only when a listener has told it to look for them."""
        if type_url == SCOPE:
            return bool(self.have[LISTENER])
        return type_url in (CLUSTER, LISTENER) or bool(self.wanted[type_url])

    def resource_of(self, type_url: str, sent: Any) -> XdsResource:
        return self.pool.take(type_url, sent).resource

    def references_of(self, resource: XdsResource) -> set[tuple[str, str]]:
        return set(self.pool.read(resource).references)

    def clusters_of(self, routes: XdsResource) -> set[str]:
        return set(self.pool.read(routes).clusters)

    def receive(self) -> None:
        """Take the next response."""
        response = self.inbox[0]
        type_url = response.type_url
        sent = [self.pool.take(type_url, it).resource for it in response.resources]
        self.receipts.append(
            Receipt(time.monotonic(), type_url, tuple(it.name for it in sent), tuple(response.removed_resources))
        )
        have = self.have[type_url]
        for it in sent:
            if it.name in have and have[it.name].version == it.version and (type_url, it.name) not in self.warming:
                self.repeats.append((type_url, it.name, it.version))
        self.refused += [(type_url, it.name, it.version) for it in response.resources if self.refuses(it)]
        super().receive()
        if self.have[LISTENER] and SCOPE not in self.asked:
            self._ask(SCOPE, set())

    def has(self, state: GatewayResources) -> bool:
        """Whether it has exactly what is in the state, byte for byte."""
        # Versions first: most of the time it is asked before that is so.
        return all(
            (have := self.have[type_url]).keys() == (of_type := state.of_type(type_url)).keys()
            and all(have[name].version == it.version and have[name].body == it.body for name, it in of_type.items())
            for type_url in TYPES
        )

    def digest(self) -> str:
        """Over all that it has, byte for byte."""
        return digest_of(it for of_type in self.have.values() for it in of_type.values())


def digest_of(resources: Iterable[XdsResource]) -> str:
    """The same for the same resources in any order."""
    digest = hashlib.sha256()
    for it in sorted(resources, key=lambda it: (it.type_url, it.name)):
        for part in (it.type_url.encode(), it.name.encode(), it.version.encode(), it.body):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
