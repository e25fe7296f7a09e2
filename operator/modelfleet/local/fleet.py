"""The fleet of a folder: read, compiled and published again whenever a file or a replica changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.check import Seen
from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Finding, Key, Reason, Severity, dotted
from modelfleet.fleet.world import Gateway, World
from modelfleet.local.replicas import Replicas
from modelfleet.sources.files import Source, read_paths
from modelfleet.sources.folder import FolderStore
from modelfleet.sources.review import Located, review_sources

Publish = Callable[[str, tuple[XdsResource, ...]], bool]


@dataclass(slots=True)
class Said:
    """What there is to say of the files, each sentence once for as long as it holds."""

    lines: tuple[str, ...] = ()

    def news(self, lines: Sequence[str]) -> list[str]:
        """Those that were not there the last time."""
        fresh = [line for line in lines if line not in self.lines]
        self.lines = tuple(lines)
        return fresh


@dataclass(slots=True)
class LocalFleet:
    """What the files say, and what has come of it."""

    paths: Sequence[str]
    namespace: str
    gateway: Gateway
    publish: Publish
    replicas: Replicas
    say: Callable[[str], None]
    store: FolderStore = field(init=False)
    plan: FleetPlan | None = None
    revision: int = 0
    """How many times something was published."""
    _said: Said = field(default_factory=Said)
    _sources: list[Source] = field(default_factory=list)
    _located: list[Located] = field(default_factory=list)
    _seen: dict[str, Seen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = FolderStore(self.namespace)

    def read(self) -> list[Source]:
        """Takes in the files as they are now; gives back those that are not there or may not be read."""
        sources = list(read_paths(self.paths, None))
        if sources != self._sources:
            self._sources = sources
            self._located = _review(sources, self.namespace)
            self.store.observe(sources, datetime.now(UTC).isoformat(timespec="microseconds"))
        return [source for source in sources if source.missing]

    def compile(self) -> None:
        """Compiles what is held, settles the replicas, and publishes where anything differs."""
        world = World(gateways={self.gateway.name: self.gateway}, endpoints=self.replicas.endpoints())
        snapshot = self.store.snapshot(world)
        self.plan = compile_fleet(snapshot, self.plan.in_force if self.plan else None, self._seen)
        self.replicas.settle(self.plan.in_force.models.values(), snapshot.world.secrets)
        if self.publish(self.gateway.name, self.plan.gateways[self.gateway.name]):
            self.revision += 1
        self.replicas.retire()
        for line in self._said.news(self._sentences()):
            self.say(line)

    def _sentences(self) -> list[str]:
        assert self.plan is not None
        told = {(it.subject, it.reason, it.path) for it in self._located}
        refusing = self._refusing()
        # What only a fleet that serves can find has no place in a file: a key that is not there, a forbidden change.
        others = [it for it in refusing if (it.subject, it.reason, dotted(it.path)) not in told]
        lines = [
            *self.store.kept,
            *(_line(it) for it in self._located),
            *(f"{it.subject}: error: {dotted(it.path)}: {it.message}" for it in others),
            *(self._verdict(key) for key in sorted({it.subject for it in refusing if _keeps_out(it)})),
            *(f"a fault of modelfleet, please report it: {defect}" for defect in self.plan.defects),
        ]
        return list(dict.fromkeys(lines))

    def _refusing(self) -> list[Finding]:
        assert self.plan is not None
        found = [*self.store.findings(), *self.plan.findings]
        return [it for it in found if it.severity is Severity.ERROR or it.reason is Reason.UNSUPPORTED]

    def _verdict(self, key: Key) -> str:
        assert self.plan is not None
        in_force: Mapping[Key, object] = {**self.plan.in_force.models, **self.plan.in_force.policies}
        stays = key in in_force
        return f"{key}: {'its last good version stays in force' if stays else 'is left out until that is mended'}"


def _keeps_out(finding: Finding) -> bool:
    # Who loses a name to another policy goes on with its others.
    return finding.reason is not Reason.CONFLICTED


def _review(sources: Sequence[Source], namespace: str) -> list[Located]:
    """Lint's findings with their places. What lint only warns of may keep an object out here."""
    return [
        finding._replace(severity=Severity.ERROR) if finding.reason is Reason.UNSUPPORTED else finding
        for finding in review_sources(sources, namespace).findings
    ]


def _line(finding: Located) -> str:
    return f"{finding.file}:{finding.line}:{finding.column}: {finding.severity}: {finding.path}: {finding.message}"
