"""What an API server, or the way to it, can say other than yes. Whoever calls `kube` need catch nothing else."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from modelfleet.findings import one_line

LONGEST_WAIT_S: Final = 60.0
"""A server that wishes for more is asked again all the same: it may have meant another than us."""

_LONGEST_PAGE: Final = 200
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


class KubeError(Exception):
    """A request that failed. The status is None where no answer could be read."""

    def __init__(
        self, message: str, *, status: int | None = None, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.message = message
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        """The seconds that the server asked for, 0 to 60; None where it did not."""


class Unreachable(KubeError):
    """No answer, or none that could be read. Whether a write was done is unknown."""


class Untrusted(Unreachable):
    """The TLS handshake failed: a certificate, the server's or ours, is not (or no longer) right."""


class ClientError(KubeError):
    """The request is wrong, and will be so again."""


class Unauthorized(ClientError):
    """401: the server does not know who we are."""


class Forbidden(ClientError):
    """403: we may not, or an admission plugin or a quota speaks against it."""


class NotFound(ClientError):
    """404: there is no such object, or no such kind."""


class Conflict(ClientError):
    """409: somebody else was faster, or owns the field."""


class Gone(ClientError):
    """410: the version or the page asked for is no longer kept."""


class Unprocessable(ClientError):
    """422: the object is not valid."""


class TooManyRequests(ClientError):
    """429: later."""


class ServerError(KubeError):
    """5xx: the server, or something on the way to it, failed."""


_KINDS: Final[Mapping[int, type[KubeError]]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Gone,
    HTTPStatus.UNPROCESSABLE_ENTITY: Unprocessable,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
}


def error_of(status: int, body: object, headers: Mapping[str, str]) -> KubeError:
    """The error that an answer is. The body is raw, or a Status object that was read already."""
    said = body if isinstance(body, Mapping) else _parsed(body)
    reason, message = said.get("reason"), said.get("message")
    if not isinstance(message, str) or not message:
        message = one_line(body, _LONGEST_PAGE) if isinstance(body, bytes | str) and body else "no words came with it"
    return _kind(status)(
        one_line(message),
        status=status,
        reason=one_line(reason) if isinstance(reason, str) and reason else _phrase(status),
        retry_after=retry_after(headers, said.get("details")),
    )


def retry_after(headers: Mapping[str, str], details: object = None) -> float | None:
    """How long the server wishes us to wait, 0 to 60 s; None where it said nothing that can be understood.

    A date is measured against the server's own clock where the answer tells it.
    """
    known = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    wish = known.get("retry-after", "")
    seconds = float(wish) if _NUMBER.fullmatch(wish) else _until(wish, known.get("date", ""))
    if seconds is None and isinstance(details, Mapping):
        asked = details.get("retryAfterSeconds")
        # Some whole numbers are too large to be made a float.
        seconds = min(asked, LONGEST_WAIT_S) if isinstance(asked, int | float) and asked >= 0 else None
    return None if seconds is None else float(min(max(seconds, 0.0), LONGEST_WAIT_S))


def _kind(status: int) -> type[KubeError]:
    if status in _KINDS:
        return _KINDS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError
    return ClientError if status >= HTTPStatus.BAD_REQUEST else Unreachable


def _parsed(body: object) -> Mapping[str, Any]:
    try:
        found = json.loads(body) if isinstance(body, bytes | str) else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, Mapping) else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def _until(wish: str, today: str) -> float | None:
    wished = _date(wish)
    return None if wished is None else (wished - (_date(today) or datetime.now(UTC))).total_seconds()


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
