"""The Secrets and ConfigMaps that are referred to, read one by one: to list them all is a right that nobody needs."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from threading import Condition, Thread
from typing import Any, Protocol

from modelfleet.findings import Key
from modelfleet.fleet.secrets import hidden_entries
from modelfleet.fleet.world import Hidden
from modelfleet.kube.errors import Forbidden, KubeError, NotFound, Unreachable
from modelfleet.sources.cluster import Holders
from modelfleet.telemetry import Telemetry

EVERY_S = 8.0
"""A key that was replaced is in force within ten seconds."""
EACH_S = 0.02
"""Where there are many they are read less often: no more than this share of the time goes into it."""

log = logging.getLogger(__name__)


class Getter(Protocol):
    """Who can read one object."""

    def request(self, method: str, path: str) -> dict[str, Any]:
        """Sends a request. Raises KubeError."""


class HolderReader:
    """Reads what is referred to, again and again."""

    def __init__(
        self,
        getter: Getter,
        allowed: Collection[str],
        telemetry: Telemetry,
        on_change: Callable[[], None],
    ) -> None:
        """`allowed` are the namespaces in which Secrets may be read; where there is none, all of them."""
        self._getter = getter
        self._allowed = frozenset(allowed)
        self._telemetry = telemetry
        self._on_change = on_change
        self._condition = Condition()
        self._wanted: frozenset[Key] = frozenset()
        self._holders = Holders()
        self._looked: frozenset[Key] = frozenset()
        self._ending = False
        self._thread = Thread(target=self._run, name="holders", daemon=True)

    def start(self) -> None:
        """Begins to read what is asked for."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        with self._condition:
            self._ending = True
            self._condition.notify_all()
        self._thread.join(5)

    def want(self, keys: frozenset[Key]) -> None:
        """What is referred to now."""
        with self._condition:
            if keys != self._wanted:
                self._wanted = keys
                self._condition.notify_all()

    def read(self) -> Holders:
        """What is known of them. What was asked for and not read yet is not readable so far."""
        with self._condition:
            new = dict.fromkeys(self._wanted - self._looked, "it has not been read yet")
            return replace(self._holders, unread={**self._holders.unread, **new}) if new else self._holders

    def _run(self) -> None:
        while True:
            with self._condition:
                if self._ending:
                    return
                wanted, before = self._wanted, self._holders
            found = self._look(wanted, before)
            with self._condition:
                changed = found != before or self._looked != wanted
                self._holders, self._looked = found, wanted
            if changed:
                self._on_change()
            with self._condition:
                pause = max(EVERY_S, EACH_S * 50 * len(wanted))
                self._condition.wait_for(lambda: self._ending or self._wanted != self._looked, pause)

    def _look(self, wanted: Collection[Key], before: Holders) -> Holders:
        found = {key: self._one(key, before) for key in sorted(wanted)}
        return Holders(
            {key: one for key, one in found.items() if isinstance(one, Mapping)},
            frozenset(key for key, one in found.items() if isinstance(one, NotFound)),
            {key: str(one) for key, one in found.items() if isinstance(one, Forbidden)},
            {key: str(one) for key, one in found.items() if type(one) is Unreachable},
        )

    def _one(self, key: Key, before: Holders) -> Mapping[str, Hidden] | KubeError:
        """What is in it, or why that is not known. An answer that did not come changes nothing of what is known."""
        try:
            return self._entries(key)
        except NotFound as error:
            return error
        except Forbidden as error:
            if error.status:
                self._telemetry.denied.labels("get", f"{key.kind.lower()}s").inc()
            return before.entries.get(key, error)
        except KubeError as error:
            if key in before.absent:
                return NotFound(str(error))
            return before.entries.get(key) or Unreachable(str(error))

    def _entries(self, key: Key) -> Mapping[str, Hidden]:
        if key.kind == "Secret" and self._allowed and key.namespace not in self._allowed:
            raise Forbidden(f'Secrets of namespace "{key.namespace}" are not to be read: see --secrets-namespace')
        raw = self._getter.request("GET", f"/api/v1/namespaces/{key.namespace}/{key.kind.lower()}s/{key.name}")
        return hidden_entries({**raw, "kind": key.kind})
