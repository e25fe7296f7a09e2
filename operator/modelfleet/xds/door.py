"""Who may connect, and as what: a client is the gateway that its certificate names, and no other."""

import logging
import time
from collections.abc import Callable
from typing import Any

import grpc

from modelfleet.envoy.mtls import certificate_name

SELDOM_S = 10.0
"""A client that is refused comes again at once, for days. So often it is told of."""
MOST_NAMES = 3
LONGEST = 200
"""Of what a client calls itself not more is repeated."""

_log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[bytes, Any]


class Door:
    """Where clients come in. With credentials, nobody does who has no certificate of ours, and none for all."""

    def __init__(
        self,
        credentials: grpc.ServerCredentials | None = None,
        count: Callable[[], None] = lambda: None,
        came: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`count` is called for each stream that is refused for what it calls itself, `came` with where one is from."""
        self._credentials = credentials
        self._came = came
        self._count = count
        self._untold = 0
        self._tells_at = 0.0

    def add_to(self, server: grpc.aio.Server, address: str) -> int:
        """The port. RuntimeError where it is taken."""
        if self._credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, self._credentials)

    def peer(self, context: Context) -> "Peer":
        """Who is at the other end of a stream."""
        if self._credentials is None:
            return Peer(None, self._refused)
        self._came(context.peer())
        names = context.auth_context().get("peer_dns") or ()
        return Peer(frozenset(name.decode(errors="replace") for name in names), self._refused)

    def _refused(self, words: str) -> None:
        self._count()
        now = time.monotonic()
        if now < self._tells_at:
            self._untold += 1
            return
        more = f" ({self._untold} more were refused since the last such line)" if self._untold else ""
        self._untold, self._tells_at = 0, now + SELDOM_S
        _log.warning("refused a stream: %s%s", words, more)


class Peer:
    """A client, from when it has said who it is. It cannot become another."""

    def __init__(self, names: frozenset[str] | None, tell: Callable[[str], None]) -> None:
        """The DNS names in its certificate; None where it is believed without one."""
        self._names = names
        self._tell = tell
        self.node_id = ""
        self.gateway = ""

    def objection(self, node_id: str, gateway: str) -> str:
        """Why a request with this node is refused; nothing for one that may come, or that carries no node."""
        if not node_id and not gateway:
            return ""
        words = self._wrong(node_id, gateway)
        if words:
            self._tell(words)
        elif not self.gateway:
            self.node_id, self.gateway = node_id, gateway
        return words

    def _wrong(self, node_id: str, gateway: str) -> str:
        if self.gateway and (node_id, gateway) != (self.node_id, self.gateway):
            was, wants = (
                f"{_short(a)} of gateway {_short(b)}" for a, b in ((self.node_id, self.gateway), (node_id, gateway))
            )
            return f"it is {was}, and cannot become {wants}"
        if self._names is None or certificate_name(gateway) in self._names:
            return ""
        names = sorted(self._names)
        shown = ", ".join(map(_short, names[:MOST_NAMES])) + (" and others" if len(names) > MOST_NAMES else "")
        return (
            f"node {_short(node_id)} says that it is of gateway {_short(gateway)}, and its certificate is for "
            f"{shown or 'no DNS name'}: it needs one for {_short(certificate_name(gateway))}"
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")
