"""What one client wants of one type, what it has, and what of it is on the way."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from modelfleet.envoy.resource import XdsResource

WILDCARD = "*"

ABSENT = ""
"""Stands for the version of what the client was told not to exist."""

UNKNOWN = "?"
"""Stands for the version of what the client may have in this version or that: a batch was refused, which some clients
apply in part."""

MAX_BYTES = 3 * 1024 * 1024
"""More waits for the next response: 4 MiB is what a gRPC client takes unless told otherwise."""


@dataclass(slots=True)
class Sent:
    """A response without an answer yet."""

    nonce: str
    resources: Mapping[str, XdsResource]
    removed: frozenset[str]
    forgotten: set[str] = field(default_factory=set)
    """Names that the client gave up meanwhile: whether it has them can no longer be told from the answer."""


@dataclass(slots=True)
class Subscription:
    """One type on one stream. It knows names and versions, and leaves it to others what may be sent when."""

    type_url: str
    wildcard: bool = False
    came_back: bool = False
    """The client had some of it when it connected."""
    names: set[str] = field(default_factory=set)
    """Subscribed by name."""
    held: dict[str, str] = field(default_factory=dict)
    """What the client is known to have, or to know not to exist."""
    pending: set[str] = field(default_factory=set)
    """The names to look at: whatever else the client has is as it should be."""
    again: set[str] = field(default_factory=set)
    """To be sent also in the version that the client has."""
    groups: deque[tuple[str, ...]] = field(default_factory=deque)
    """Parts of a refused response, sent one by one to find what is wrong in it."""
    in_flight: Sent | None = None
    owes_answer: bool = False
    """The client waits for a response even if there is nothing to tell."""

    def covers(self, name: str) -> bool:
        """Whether the client wants to hear of the name."""
        return self.wildcard or name in self.names

    def has(self, name: str) -> bool:
        """Whether the client has it, in whatever version."""
        return self.held.get(name, ABSENT) != ABSENT

    def may_lack(self, name: str) -> bool:
        """Whether it was refused together with others, of which some clients take a part."""
        return self.held.get(name) == UNKNOWN

    def open(self, subscribed: Collection[str], versions: Mapping[str, str], known: Iterable[str]) -> None:
        """The first request of the type on this stream; one without names asks for all."""
        self.wildcard = not subscribed or WILDCARD in subscribed
        self.came_back = bool(versions)
        self.names = set(subscribed) - {WILDCARD}
        self.held = {name: version or UNKNOWN for name, version in versions.items() if self.covers(name)}
        self.owes_answer = self.wildcard and not versions
        self.pending = self.names | self.held.keys() | (set(known) if self.wildcard else set())

    def subscribe(self, name: str, known: Iterable[str]) -> None:
        """A later request. Who subscribes to what it has, has lost it."""
        if name == WILDCARD:
            self.wildcard = self.owes_answer = True
            self.pending.update(known)
            return
        if self.covers(name):
            self.again.add(name)
        self.names.add(name)
        self.pending.add(name)

    def unsubscribe(self, name: str) -> None:
        """Give up a name, or all that were not subscribed by name."""
        if name == WILDCARD:
            self.wildcard = False
            sent = self.in_flight.resources.keys() if self.in_flight else frozenset[str]()
            for other in (self.held.keys() | self.pending | sent) - self.names:
                self._drop(other)
        elif name in self.names:
            self.names.discard(name)
            if self.wildcard:
                # The client cannot know whether the wildcard still brings it.
                self.send_again(name)
            else:
                self._drop(name)

    def _drop(self, name: str) -> None:
        self.held.pop(name, None)
        self.pending.discard(name)
        self.again.discard(name)
        if self.in_flight:
            self.in_flight.forgotten.add(name)

    def send_again(self, name: str) -> None:
        """The client needs to be told of it, though nothing has changed."""
        if self.covers(name):
            self.again.add(name)
            self.pending.add(name)

    def look_at(self, names: Iterable[str]) -> None:
        """These have changed in the state."""
        self.pending.update(name for name in names if self.covers(name))

    def choose(self, candidates: Mapping[str, XdsResource]) -> Mapping[str, XdsResource]:
        """What of these goes into the next response."""
        while self.groups:
            group = self.groups.popleft()
            if chosen := {name: candidates[name] for name in group if name in candidates}:
                return _first_bytes(chosen)
        return _first_bytes(candidates)

    def send(self, sent: Sent) -> None:
        """It is on the way."""
        assert self.in_flight is None, f"two responses for {self.type_url} at once"
        self.in_flight = sent
        self.owes_answer = False
        names = sent.resources.keys() | sent.removed
        self.pending -= names
        self.again -= names

    def taken(self) -> Sent:
        """The client has what was on the way."""
        sent = self._answered()
        for name, resource in sent.resources.items():
            if name not in sent.forgotten:
                self.held[name] = resource.version
        self._told(sent)
        return sent

    def refused(self) -> Sent:
        """The client does not have it. What it refuses to remove it was told all the same: once is enough."""
        sent = self._answered()
        self._told(sent)
        if len(sent.resources) > 1:
            names = [name for name in sent.resources if name not in sent.forgotten]
            middle = (len(names) + 1) // 2
            self.groups.extendleft(tuple(half) for half in (names[middle:], names[:middle]) if half)
            self.held.update(dict.fromkeys(names, UNKNOWN))
            self.pending.update(names)
        return sent

    def _answered(self) -> Sent:
        assert self.in_flight is not None, f"an answer for {self.type_url} without a response"
        sent, self.in_flight = self.in_flight, None
        return sent

    def _told(self, sent: Sent) -> None:
        for name in sent.removed - sent.forgotten:
            if name in self.names:
                self.held[name] = ABSENT
            else:
                self.held.pop(name, None)


def _first_bytes(resources: Mapping[str, XdsResource]) -> Mapping[str, XdsResource]:
    """As many as fit into one response, and always one."""
    chosen: dict[str, XdsResource] = {}
    size = 0
    for name, resource in resources.items():
        size += len(resource.body) + len(name)
        if chosen and size > MAX_BYTES:
            break
        chosen[name] = resource
    return chosen
