"""The page `/acks`: what is told of clients, at once or when there is news of them."""

import json
from threading import BoundedSemaphore
from urllib.parse import parse_qs

from modelfleet.xds.acks import Acks

MOST_WAIT_S = 25.0
MOST_WAITING = 32


class AcksPage:
    """Answers what stands behind the question mark of `/acks?number=NUMBER&wait=SECONDS`. For several threads."""

    def __init__(self, acks: Acks) -> None:
        self._acks = acks
        self._places = BoundedSemaphore(MOST_WAITING)

    def __call__(self, query: str) -> bytes:
        """All that is told. Who has the number already, and is ready to wait, is answered when there is another one."""
        asked = parse_qs(query)
        number, wait = _number(asked.get("number")), _number(asked.get("wait"))
        # Each that waits keeps a thread. One too many is answered at once, and asks again.
        if number is not None and wait and self._places.acquire(blocking=False):
            try:
                self._acks.wait(number, min(wait, MOST_WAIT_S))
            finally:
                self._places.release()
        return json.dumps(self._acks.document(), separators=(",", ":")).encode()


def _number(values: list[str] | None) -> int | None:
    text = values[-1] if values else ""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= len(str(2**63)) else None
