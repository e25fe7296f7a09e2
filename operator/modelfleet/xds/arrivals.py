"""Connections that came to nothing. gRPC tells of a handshake that fails only in its log, but of each that begins."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

PATIENCE_S = 15.0
"""Who comes to be served asks at once."""
MOST_PEERS = 10_000


class Arrivals:
    """How many connections have begun, and from how many of them a stream came. For several threads at once."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._begun: deque[float] = deque()
        self._due = 0
        self._came = 0
        self._lost = 0
        self._peers: OrderedDict[str, None] = OrderedDict()

    def begun(self) -> None:
        """A client has connected, and is asked who it is."""
        with self._lock:
            self._begun.append(self._now())
            self._settle()

    def came(self, peer: str) -> None:
        """A stream has come from this address and port."""
        with self._lock:
            if peer not in self._peers:
                self._came += 1
                self._peers[peer] = None
                if len(self._peers) > MOST_PEERS:
                    self._peers.popitem(last=False)

    def lost(self) -> float:
        """From how many none came. Each is counted once its time is over, or a little later while others arrive."""
        with self._lock:
            self._settle()
            return self._lost

    def _settle(self) -> None:
        while self._begun and self._begun[0] < self._now() - PATIENCE_S:
            self._begun.popleft()
            self._due += 1
        # Those that came need not be those that are due, so there may be more of them for a while.
        self._lost = max(self._lost, self._due - self._came)
