"""The fleet of a folder: read, compiled and published again whenever a file or a replica changes."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.check import Seen
from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Finding, Key, Reason, Severity, dotted
from modelfleet.fleet.world import Gateway, World
from modelfleet.local.edits import Edits, removed
from modelfleet.local.replicas import Replicas
from modelfleet.sources.files import Source, read_paths
from modelfleet.sources.folder import FolderStore
from modelfleet.sources.review import NOBODY, Located, review_sources

Publish = Callable[[str, tuple[XdsResource, ...]], bool]

OF_THE_TEXT = frozenset({Reason.UNREADABLE, Reason.DUPLICATE_KEY})
"""Why no object could be made of a text: lint has told it with its place."""


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
    edits: Edits = field(default_factory=Edits)
    _said: Said = field(default_factory=Said)
    _removed: list[Key] = field(default_factory=list)
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
            self._removed += self.store.removed
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
        gone, self._removed = self._removed, []
        for line in (*self._said.news(self._sentences()), *removed(gone), *self._mended()):
            self.say(line)

    def begin(self) -> None:
        """The gateway answers: from now on edits are told as they come into force."""
        assert self.plan is not None
        self.edits.begin(self.plan)

    def taken(self, refused: Collection[Key]) -> None:
        """Says what is in force now that the gateway has settled on what was published last, but for these."""
        assert self.plan is not None
        # Whose name another policy has got is in force without it, which is told as the mistake that it is.
        losers = {it.subject for it in self.plan.findings if it.reason is Reason.CONFLICTED}
        for line in self.edits.taken(self.plan, {*refused, *losers, *self.replicas.behind()}):
            self.say(line)

    def _sentences(self) -> list[str]:
        assert self.plan is not None
        lines = [
            *self.store.kept,
            *self.store.doubled,
            *(_line(it) for it in self._located),
            *(f"{it.subject}: error: {dotted(it.path)}: {it.message}" for it in self._others()),
            *(self._verdict(key) for key in sorted(self._kept_out())),
            *self._elsewhere(),
            *(f"a fault of modelfleet, please report it: {defect}" for defect in self.plan.defects),
        ]
        return list(dict.fromkeys(lines))

    def _others(self) -> Iterator[Finding]:
        """What only a fleet that serves can find, so that it has no place in a file: a forbidden change, for one."""
        assert self.plan is not None
        told = {(it.subject, it.reason, it.path) for it in self._located}
        # What is wrong with a version that is kept was told of a text that is gone.
        outdated = self.store.outdated()
        found = [*self.store.findings(), *(it for it in self.plan.findings if it.subject not in outdated)]
        for it in filter(_refuses, found):
            if it.reason not in OF_THE_TEXT and (it.subject, it.reason, dotted(it.path)) not in told:
                yield it

    def _kept_out(self) -> set[Key]:
        assert self.plan is not None
        found = filter(_refuses, [*self.store.findings(), *self.plan.findings])
        # Who loses a name to another policy goes on with its others.
        return {it.subject for it in found if it.reason is not Reason.CONFLICTED}

    def _elsewhere(self) -> Iterator[str]:
        """The policies that are for other gateways."""
        assert self.plan is not None
        ours = self.gateway.name
        for key, policy in self.plan.in_force.policies.items():
            if ours not in (names := policy.spec.serves.gateways):
                yield f"{key}: spec.serves.gateways names {', '.join(names)}, and `up` serves only {ours}: add {ours}"

    def _mended(self) -> Iterator[str]:
        files = {it.file for it in self._located if it.subject == NOBODY and it.severity is Severity.ERROR}
        wrong = {*map(str, self._kept_out()), *files, *self.store.torn}
        there = {*map(str, self.store.declared()), *(it.name for it in self._sources if it.data is not None)}
        return self.edits.mended(wrong, there, set(map(str, self.store.outdated())))

    def _verdict(self, key: Key) -> str:
        assert self.plan is not None
        in_force: Mapping[Key, object] = {**self.plan.in_force.models, **self.plan.in_force.policies}
        stays = key in in_force
        return f"{key}: {'its last good version stays in force' if stays else 'is left out until that is mended'}"


def _refuses(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR or finding.reason is Reason.UNSUPPORTED


def _review(sources: Sequence[Source], namespace: str) -> list[Located]:
    """Lint's findings with their places. What lint only warns of may keep an object out here.

    Of two policies that claim a name lint does not know who had it first, and would blame the wrong one.
    """
    return [
        finding._replace(severity=Severity.ERROR) if finding.reason is Reason.UNSUPPORTED else finding
        for finding in review_sources(sources, namespace).findings
        if finding.reason is not Reason.CONFLICTED
    ]


def _line(finding: Located) -> str:
    return f"{finding.file}:{finding.line}:{finding.column}: {finding.severity}: {finding.path}: {finding.message}"
