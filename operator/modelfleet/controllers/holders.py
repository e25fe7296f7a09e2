"""The Secrets and ConfigMaps that are referred to, read one by one: to list them all is a right that nobody needs."""

import logging
from collections.abc import Callable, Collection, Mapping
from threading import Condition, Thread
from typing import Any, NamedTuple, Protocol

from modelfleet.controllers.threads import wait_for_end
from modelfleet.findings import Key
from modelfleet.fleet.secrets import hidden_entries
from modelfleet.fleet.snapshot import entries_of
from modelfleet.fleet.world import Hidden
from modelfleet.kube.errors import Forbidden, KubeError, NotFound, Unreachable
from modelfleet.sources.cluster import Holders
from modelfleet.telemetry import WatcherTelemetry

EVERY_S = 8.0
"""A key that was replaced is in force within ten seconds."""
IN_A_SECOND = 40
"""Where there are many they are read less often: no more than so many in a second on average."""
TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class Getter(Protocol):
    """Who can read one object."""

    def request(self, method: str, path: str, *, timeout: float) -> dict[str, Any]:
        """Sends a request. Raises KubeError."""


class _Read(NamedTuple):
    names: frozenset[str]
    entries: Mapping[str, Hidden]


_Known = _Read | KubeError
"""What is in one, or why that is not known."""


class HolderReader:
    """Reads what is referred to, again and again."""

    def __init__(
        self,
        getter: Getter,
        allowed: Collection[str],
        telemetry: WatcherTelemetry,
        on_change: Callable[[], None],
    ) -> None:
        """`allowed` are the namespaces in which Secrets may be read; where there is none, all of them."""
        self._getter = getter
        self._allowed = frozenset(allowed)
        self._telemetry = telemetry
        self._on_change = on_change
        self._condition = Condition()
        self._wanted: frozenset[Key] = frozenset()
        self._known: Mapping[Key, _Known] = {}
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
        wait_for_end(self._thread, 1)

    def read(self, keys: frozenset[Key], patience: float) -> Holders:
        """What is known of these, which are referred to now. What is new is waited for, but no longer than so."""
        with self._condition:
            self._wanted = keys
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._ending or not self._new(), patience)
            return _sorted_out(self._known, self._new())

    def _new(self) -> frozenset[Key]:
        return self._wanted - self._known.keys()

    def _run(self) -> None:
        while not self._ending:
            try:
                self._round()
            except Exception:
                log.exception("Secrets and ConfigMaps were not read by a mistake of ours")
                # Also what is new waits now: it would be read without a pause.
                with self._condition:
                    self._condition.wait_for(lambda: self._ending, EVERY_S)

    def _round(self) -> None:
        """Reads what is due, and waits until there is more."""
        with self._condition:
            # What is new does not wait until all the rest has been read once more.
            due, before = self._new() or self._wanted, self._known
        found = {key: self._one(key, before.get(key)) for key in sorted(due)}
        with self._condition:
            self._known = {key: one for key, one in {**before, **found}.items() if key in self._wanted}
            self._condition.notify_all()
            changed = _sorted_out(self._known) != _sorted_out(before)
            pause = max(EVERY_S, len(self._known) / IN_A_SECOND)
        if changed:
            self._on_change()
        with self._condition:
            self._condition.wait_for(lambda: self._ending or self._new(), pause)

    def _one(self, key: Key, last: _Known | None) -> _Known:
        """What is in it, or why that is not known. An answer that did not come changes nothing of what is known."""
        try:
            return self._entries(key)
        except NotFound as error:
            return error
        except Forbidden as error:
            if error.status:
                self._telemetry.denied.labels("get", f"{key.kind.lower()}s").inc()
            return last if isinstance(last, _Read) else error
        except KubeError as error:
            return last or Unreachable(str(error))
        except Exception:
            # Else nobody would read the others, either.
            log.exception("%s was not read by a mistake of ours", key)
            return last or Unreachable("it could not be read by a mistake of modelfleet's, which its log tells of")

    def _entries(self, key: Key) -> _Read:
        if key.kind == "Secret" and self._allowed and key.namespace not in self._allowed:
            raise Forbidden(f'the operator reads no Secrets in namespace "{key.namespace}"')
        path = f"/api/v1/namespaces/{key.namespace}/{key.kind.lower()}s/{key.name}"
        raw = self._getter.request("GET", path, timeout=TIMEOUT_S)
        if raw.get("kind") != key.kind:
            raise Unreachable(f"the answer is no {key.kind}")
        return _Read(entries_of(raw) or frozenset(), hidden_entries(raw))


def _sorted_out(known: Mapping[Key, _Known], new: Collection[Key] = ()) -> Holders:
    unread = {key: str(one) for key, one in known.items() if isinstance(one, Unreachable)}
    return Holders(
        names={key: one.names for key, one in known.items() if isinstance(one, _Read)},
        entries={key: one.entries for key, one in known.items() if isinstance(one, _Read)},
        absent=frozenset(key for key, one in known.items() if isinstance(one, NotFound)),
        forbidden={key: str(one) for key, one in known.items() if isinstance(one, Forbidden)},
        unread={**unread, **dict.fromkeys(new, "it has not been read yet")},
    )
