"""Which requests a fault strikes. All but Rule is for the proxy's own thread."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from tests.testbed.faults.actions import Action, Answering, EmptyList, Shaping, StaleList
from tests.testbed.faults.calls import READS, WRITES, Call

GROUPS = {"": READS + WRITES, "read": READS, "write": WRITES}
Kind = TypeVar("Kind", bound=Action)


@dataclass(frozen=True, slots=True)
class Rule:
    """An action, and the requests that it is for. What is left empty matches all.

    `verb` is one of RBAC's, or "read" or "write". `resource` is written as in RBAC: a plural, "pods/status", "pods/*".
    `namespace`, `name` and `path` are globs; for the actions that shape events the first two are the event's object.
    Of the matching requests the first `after` are spared, then `share` of them is struck, `count` at most.
    """

    action: Action
    client: str = ""
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    count: int | None = None
    share: float = 1.0
    seed: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        if self.verb not in GROUPS and self.verb not in READS + WRITES:
            raise ValueError(f"no verb: {self.verb}")

    def matches(self, call: Call) -> bool:
        verbs = ("list",) if isinstance(self.action, StaleList | EmptyList) else GROUPS.get(self.verb, (self.verb,))
        return (
            self.client in ("", call.client)
            and call.verb in verbs
            and self._is_for(call)
            and fnmatchcase(call.path, self.path or "*")
            and (isinstance(self.action, Shaping) or self.covers(call.place.namespace, call.place.name))
        )

    def covers(self, namespace: str, name: str) -> bool:
        return fnmatchcase(namespace, self.namespace or "*") and fnmatchcase(name, self.name or "*")

    def _is_for(self, call: Call) -> bool:
        resource, _, subresource = self.resource.partition("/")
        if not resource:
            return True
        return resource == call.place.resource and subresource in (call.place.subresource, "*")


class Handle:
    """A rule in force, and what it has done so far."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.matched = 0
        self.hits = 0
        self.events = 0
        self.gone = asyncio.Event()
        self._random = random.Random(rule.seed)

    def takes(self, call: Call) -> bool:
        """Whether the rule strikes this request. Decided when first asked."""
        if self.gone.is_set():
            return False
        if self not in call.decided:
            call.decided[self] = self.rule.matches(call) and self._strikes()
        return call.decided[self]

    def _strikes(self) -> bool:
        self.matched += 1
        spent = self.rule.count is not None and self.hits >= self.rule.count
        if self.matched <= self.rule.after or spent or self._random.random() >= self.rule.share:
            return False
        self.hits += 1
        return True


class RuleBook:
    """The rules in force, in the order in which they were added."""

    def __init__(self) -> None:
        self.handles: tuple[Handle, ...] = ()

    def add(self, rule: Rule) -> Handle:
        handle = Handle(rule)
        self.handles = (*self.handles, handle)
        return handle

    def remove(self, *handles: Handle) -> None:
        self.handles = tuple(handle for handle in self.handles if handle not in handles)
        for handle in handles:
            handle.gone.set()

    def striking(self, call: Call, kind: type[Kind]) -> Iterator[tuple[Handle, Kind]]:
        """The actions of one kind that strike this request."""
        for handle in self.handles:
            if isinstance(handle.rule.action, kind) and handle.takes(call):
                yield handle, handle.rule.action

    def answering(self, call: Call) -> Answering | None:
        """What is answered in the API server's place: only one thing can be, and the first rule decides."""
        for handle in self.handles:
            if isinstance(handle.rule.action, Answering) and handle.takes(call):
                return handle.rule.action
        return None
