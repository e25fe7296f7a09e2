"""All that a replica may do with a request, for one that asks for JSON and for one that asks for a stream."""

from tests.dataplane.referee.replies import NEVER, End, Reply

SOON = 60.0
"""Between a piece and what breaks the connection: what was sent just before may be lost with it."""
SLOW, LATE = 200.0, 1000.0
"""Within every bound of a single try; behind all of them."""
RETRY_AFTER = "17"
BREAKS: tuple[End, ...] = ("reset", "close")


def silent(name: str, head_ms: float, *pieces_ms: float, events: bool = False) -> Reply:
    return Reply(name, head_ms=head_ms, pieces_ms=pieces_ms, end="silence", end_ms=NEVER, events=events)


def broken(name: str, end: End, *pieces_ms: float, events: bool = False) -> Reply:
    """Breaks behind its head, and behind these pieces."""
    at_ms = SOON + max((0, *pieces_ms))
    return Reply(f"{end} {name}", pieces_ms=pieces_ms, end=end, end_ms=at_ms, events=events)


def told(status: int, retry_after: str = "") -> Reply:
    """A short JSON answer of this status."""
    return Reply(f"{status}{' with Retry-After' if retry_after else ''}", status, retry_after=retry_after)


SILENT = silent("silent", NEVER)
GONE = [Reply(f"{end} at once", head_ms=NEVER, pieces_ms=(), end=end) for end in BREAKS]
OWING = [
    Reply(f"{status} and no body", status, pieces_ms=(), end="silence", end_ms=NEVER) for status in (429, 503, 500, 401)
]
FAILED = [told(status) for status in (429, 503, 529, 500, 502, 504, 599, 401, 403)]
OVERLOADED = [told(status, RETRY_AFTER) for status in (429, 503, 529)]
PASSED = [told(status) for status in (400, 404, 409, 422)]
EITHER = [SILENT, *GONE, *OWING, *FAILED, *OVERLOADED]

OK = Reply("JSON")
JSON = {
    "fine": [OK, OK, OK, Reply("slow JSON", head_ms=SLOW, pieces_ms=(SLOW,), end_ms=SLOW), *PASSED],
    "wrong": [
        *EITHER,
        *(broken("behind the head", end) for end in BREAKS),
        *(broken("in the middle", end, 0) for end in BREAKS),
        silent("silent behind the head", 0),
        silent("silent in the middle", 0, 0, SLOW),
    ],
    "late": [
        Reply("late JSON", head_ms=LATE, pieces_ms=(LATE,), end_ms=LATE),
        Reply("JSON whose end is late", pieces_ms=(0, LATE), end_ms=LATE),
        Reply("JSON in pieces", pieces_ms=(0, 100, SLOW), end_ms=SLOW),
    ],
}

STREAM = Reply("stream", pieces_ms=(0, 100, SLOW), end_ms=SLOW, events=True)
STREAMS = {
    "fine": [
        STREAM,
        STREAM,
        STREAM,
        Reply("slow stream", head_ms=SLOW, pieces_ms=(SLOW,), end_ms=SLOW, events=True),
        Reply("stream behind a slow token", pieces_ms=(SLOW,), end_ms=SLOW, events=True),
        Reply("JSON in place of a stream"),
        *PASSED,
    ],
    "wrong": [
        *EITHER,
        *(broken("before the first token", end, events=True) for end in BREAKS),
        *(broken("of JSON in place of a stream", end, 0) for end in BREAKS),
        silent("silent before the first token", 0, events=True),
    ],
    "late": [
        Reply("late stream", head_ms=LATE, pieces_ms=(LATE,), end_ms=LATE, events=True),
        Reply("stream behind a late token", pieces_ms=(LATE,), end_ms=LATE, events=True),
        *(broken("behind a token", end, 0, events=True) for end in BREAKS),
        silent("silent behind a token", 0, 0, events=True),
        Reply("stream with a late second token", pieces_ms=(0, LATE), end_ms=LATE, events=True),
    ],
}
