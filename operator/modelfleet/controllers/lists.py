"""Whole lists of every kind: first to fill the store, then now and again to find what the watches missed.

A list that fails changes nothing and is tried again. One that lacks much of what is known is made twice before it is
believed. Where a watch may have had a gap its kind is listed at once.
"""

import logging
import time
from collections.abc import Callable, Iterable
from math import inf
from threading import Condition, Thread

from modelfleet.controllers.threads import wait_for_end
from modelfleet.kube.backoff import CHANCE, Backoff
from modelfleet.kube.client import Client
from modelfleet.kube.errors import Forbidden, KubeError, NotFound
from modelfleet.sources.kinds import Scope
from modelfleet.sources.store import Change, FleetStore
from modelfleet.telemetry import WatcherTelemetry

SWEEP_S = 150.0
SPREAD = 0.3
AGREE_S = 30.0
"""When a list that lacked too much is made again, at the latest."""
RESTORED_S = 300.0
"""Longer than any API server lags behind another."""
OPTIONAL_S = 60.0
"""A kind that need not be there is looked for so often."""
LASTING_S = 10.0
"""Rights that come a moment after the process are waited for."""
AT_ONCE = 4
MOST_PAUSE_S = 8.0
"""So that all is read within ten seconds once nothing is broken any more."""

log = logging.getLogger(__name__)


class Lists:
    """Keeps the store whole."""

    def __init__(  # noqa: PLR0913 - who is asked for what and how often, and who hears of it
        self,
        client: Client,
        store: FleetStore,
        scopes: Iterable[Scope],
        telemetry: WatcherTelemetry,
        on_change: Callable[[Change], None],
        on_found: Callable[[Scope], None],
        *,
        every: float = SWEEP_S,
    ) -> None:
        """`on_found` hears of a kind that was not there before and is now."""
        self._client = client
        self._store = store
        self._telemetry = telemetry
        self._on_change = on_change
        self._on_found = on_found
        self._every = every
        self._condition = Condition()
        self._due: dict[Scope, float] = dict.fromkeys(scopes, 0.0)
        self._pauses = {scope: Backoff(0.5, MOST_PAUSE_S) for scope in self._due}
        self._failed: dict[Scope, float] = {}
        """Since when."""
        self._missing: set[Scope] = set()
        self._stale_since: dict[Scope, float] = {}
        self._running: set[Scope] = set()
        self._ending = False
        self._thread = Thread(target=self._run, name="lists", daemon=True)

    def start(self) -> None:
        """Begins with a list of everything."""
        self._thread.start()

    def stop(self) -> None:
        """Ends. A list that is being made is not waited for."""
        with self._condition:
            self._ending = True
            self._condition.notify_all()
        wait_for_end(self._thread, 1)

    def soon(self, scope: Scope, after: float) -> None:
        """Lists a scope before its time, after so many seconds: its watch may have missed something."""
        with self._condition:
            # Who has failed waits its time: it is not the watch that stands in the way. Of a list that is being made
            # nobody knows yet whether it fails.
            if scope in self._due and (scope in self._running or scope not in self._failed):
                self._due[scope] = min(self._due[scope], time.monotonic() + after)
                self._condition.notify_all()

    def _run(self) -> None:
        with self._condition:
            while not self._ending:
                now = time.monotonic()
                due = [it for it, at in self._due.items() if at <= now and it not in self._running]
                for scope in due[: AT_ONCE - len(self._running)]:
                    self._begin(scope)
                waiting = [at for scope, at in self._due.items() if scope not in self._running]
                is_full = len(self._running) >= AT_ONCE or not waiting
                self._condition.wait(None if is_full else max(0.0, min(waiting) - now))

    def _begin(self, scope: Scope) -> None:
        try:
            # A daemon and no pool: a list that hangs does not keep the process from ending.
            Thread(target=self._list, args=(scope,), name=f"list-{scope}", daemon=True).start()
        except RuntimeError:
            log.exception("%s could not be listed, no thread can be had", scope)
            self._due[scope] = time.monotonic() + self._pauses[scope].next()
            return
        self._running.add(scope)
        self._due[scope] = inf  # unless somebody tells of a gap meanwhile

    def _list(self, scope: Scope) -> None:
        wait, backs_off = self._every * (1 + CHANCE.uniform(-SPREAD, SPREAD)), True
        try:
            sooner = self._take(scope)
            self._done(scope)
            wait, backs_off = wait if sooner is None else sooner, False
        except KubeError as error:
            wait = self._missed(scope, error)
            backs_off = scope in self._failed
        except Exception:
            log.exception("listing %s failed by a mistake of ours", scope)
            wait = self._pauses[scope].next()
        finally:
            with self._condition:
                self._running.discard(scope)
                due = time.monotonic() + wait
                # What the list found may be from before the gap. One that failed is made again whatever was told.
                self._due[scope] = due if backs_off else min(self._due[scope], due)
                self._condition.notify_all()

    def _take(self, scope: Scope) -> float | None:
        """Lists once. Seconds until it has to be done again, where that is before its time."""
        kind = scope.watched.kind
        since = self._store.newest(kind)
        listed = self._client.list(self._store.glimpse, scope.path, scope.watched.selector)
        taken = self._store.replace(scope, listed.items, listed.version, since)
        if taken.stale:
            return self._stale(scope)
        self._stale_since.pop(scope, None)
        self._telemetry.lists.labels(kind, "held" if taken.held else "ok").inc()
        self._telemetry.ghosts.labels(kind).inc(taken.dropped)
        if taken.change:
            self._on_change(taken.change)
        if taken.held:
            log.warning("%s: a list lacks %d objects, which stay until another one agrees", scope, taken.held)
            return min(AGREE_S, self._every)
        return None

    def _stale(self, scope: Scope) -> float:
        """A list from a server that lags. Where it lags for long it is no lag: a backup was brought back."""
        kind = scope.watched.kind
        self._telemetry.lists.labels(kind, "stale").inc()
        since = self._stale_since.setdefault(scope, time.monotonic())
        if time.monotonic() - since < RESTORED_S:
            log.warning("%s: a list is older than what is known, and is not believed", scope)
        else:
            log.error("%s: the storage has been older than what is known for %.0f s: it begins anew", scope, RESTORED_S)
            self._store.begin_anew(kind)
            del self._stale_since[scope]
        return self._pauses[scope].next()

    def _done(self, scope: Scope) -> None:
        self._pauses[scope].reset()
        if scope in self._failed:
            del self._failed[scope]
            log.info("%s can be read again", scope)
            self._try_others()
        if scope in self._missing:
            self._missing.discard(scope)
            self._on_found(scope)

    def _try_others(self) -> None:
        """The server answers again: who had no answer need not wait longer."""
        with self._condition:
            for scope in tuple(self._failed):
                if scope not in self._missing:
                    self._due[scope] = min(self._due[scope], time.monotonic())

    def _missed(self, scope: Scope, error: KubeError) -> float:
        if scope.watched.optional and isinstance(error, Forbidden | NotFound):
            return self._lacking(scope)
        kind = scope.watched.kind
        self._telemetry.lists.labels(kind, "failed").inc()
        if isinstance(error, Forbidden):
            self._telemetry.denied.labels("list", scope.watched.plural).inc()
        if scope not in self._failed:
            log.warning("%s cannot be read, what is known of them stays: %s", scope, error)
        if isinstance(error, NotFound):
            self._missing.add(scope)
        now = time.monotonic()
        lasts = now - self._failed.setdefault(scope, now)
        # What is forbidden or not there stays so until somebody mends it. All else passes, and is waited for.
        stays = isinstance(error, Forbidden | NotFound)
        self._store.fail(scope, str(error), give_up=stays and lasts >= LASTING_S)
        wait = self._pauses[scope].next(error.retry_after or 0.0)
        if stays and lasts >= LASTING_S:
            self._on_change(Change.FLEET)
        elif stays:
            wait = min(wait, LASTING_S - lasts)
        return wait

    def _lacking(self, scope: Scope) -> float:
        """A kind that is not there, or that we may not see: who does without it grants no right to it either."""
        self._missing.add(scope)
        self._pauses[scope].reset()
        if change := self._store.lack(scope):
            self._on_change(change)
        return min(self._every, OPTIONAL_S)
