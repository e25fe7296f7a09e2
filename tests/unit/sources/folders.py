"""Files whose texts a test changes one after the other, and the fleet that they come to."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from modelfleet.findings import Key, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import World
from modelfleet.sources.files import Source
from modelfleet.sources.folder import FolderStore
from tests.support.documents import Document

M, N, P = (
    Key("ModelDeployment", "default", "m"),
    Key("ModelDeployment", "default", "m2"),
    Key("RoutingPolicy", "default", "p"),
)
KEYS = Key("Secret", "default", "keys")
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"token": "t"}}
TORN = "\n---\nkind: {\n"
Content = Document | list[Document] | str | bytes | None


@dataclass
class Folder:
    """Files whose texts a test changes one after the other."""

    store: FolderStore = field(default_factory=FolderStore)
    files: dict[str, Source] = field(default_factory=dict)
    clock: Iterator[int] = field(default_factory=lambda: iter(range(1, 60)))

    def put(self, /, **files: Content) -> FleetSnapshot:
        """Changes some files, a.yaml by the name `a`; None unlinks one."""
        for name, content in files.items():
            if content is None:
                del self.files[f"f/{name}.yaml"]
            else:
                self.set(Source(f"f/{name}.yaml", text_of(content)))
        return self.see()

    def set(self, source: Source) -> None:
        self.files[source.name] = source

    def see(self, *more: Source) -> FleetSnapshot:
        now = f"2026-01-01T00:00:{next(self.clock):02}Z"
        self.store.observe([*self.files.values(), *more], now)
        return self.store.snapshot(World())

    def reasons(self) -> list[tuple[Key, Reason]]:
        return [(it.subject, it.reason) for it in self.store.findings()]


def text_of(content: Document | list[Document] | str | bytes) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    return yaml.safe_dump_all(content if isinstance(content, list) else [content]).encode()


def engine_name(snapshot: FleetSnapshot, key: Key = M) -> str:
    return snapshot.models[key].spec.model.name
