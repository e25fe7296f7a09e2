"""What the caller hears of an upstream that blames it wrongly, or that answers with what is no answer at all."""

from collections.abc import Iterator

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import chat, open_stream
from tests.dataplane.support.expect import said, unavailable
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.headers import Pair
from tests.dataplane.support.steps import (
    BLOCK,
    Body,
    Chunk,
    Close,
    EndChunks,
    Reset,
    Send,
    Stall,
    Status,
    Step,
    malformed,
)
from tests.dataplane.support.upstream import ScriptedUpstream

TOTAL_S = 60
"""Longer than any test waits, so that an answer which comes with it is none."""
HUGE = 8 * 1024 * 1024
TEXT: Pair = ("content-type", "text/plain")
CHUNKED: Pair = ("transfer-encoding", "chunked")
PACKED: Pair = ("content-encoding", "gzip")
SOFTENED = {429: "overload", 401: "5xx", 403: "5xx"}


def sized(n_bytes: int) -> list[Pair]:
    return [TEXT, ("content-length", str(n_bytes))]


def bodies(status: int) -> dict[str, list[Step]]:
    """What may come behind the head."""
    blocks = [Body(b"x" * BLOCK)] * (HUGE // BLOCK)
    chunks = [Chunk(b"x" * BLOCK)] * (HUGE // BLOCK)
    return {
        "huge": [Status(status, sized(HUGE)), *blocks],
        "huge in chunks": [Status(status, [TEXT, CHUNKED]), *chunks, EndChunks([("x-trailer", "1")])],
        "closed after 3 bytes": [Status(status, sized(100)), Body(b"xxx"), Close()],
        "reset after 3 bytes": [Status(status, sized(100)), Body(b"xxx"), Reset()],
        "stalled after 3 bytes": [Status(status, sized(100)), Body(b"xxx"), Stall()],
        "stalled after a chunk": [Status(status, [TEXT, CHUNKED]), Chunk(b"xxx"), Stall()],
        "headers alone": [Status(status, sized(0))],
        "headers and an end": [Status(status, [("connection", "close")]), Close()],
        "not what it says": [Status(status, [PACKED, *sized(3)]), Body(b"xxx")],
    }


BODIES = tuple(bodies(429))


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def running(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    # What fails here must not eject the one replica.
    spec = (
        "{serves: {models: [auto]}, tiers: [{name: t, models: [{name: m}]}],"
        f" timeouts: {{total: {TOTAL_S}s, betweenTokens: {TOTAL_S}s}},"
        " breaker: {consecutive: 1000}, retries: {attempts: 0}}"
    )
    with RealGateway(fleet(model("m"), policy("p", spec)), {"m": upstream.address}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RealGateway, upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    upstream.hold()
    yield running
    upstream.release()
    # The next test begins with connections of its own: some of these end only now.
    upstream.cut()
    upstream.wait_until_open(0)


def assert_softened(answer: Answer, status: int) -> None:
    reason = SOFTENED[status]
    assert (answer.status, answer.complete) == (503, True), answer
    error = answer.json()["error"]
    assert (set(error), error["code"], error["type"]) == ({"message", "type", "code"}, reason, "api_error")
    assert answer.header("retry-after")
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-encoding") is None
    assert answer.header("content-length") == str(len(answer.body))
    # Exactly the promised headers: x-modelfleet-upstream, by which the route tells the script, is not among them.
    assert (said(answer)["reason"], said(answer)["attempts"], said(answer)["model"]) == (reason, "1", "-")
    assert answer.total_s < TOTAL_S / 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("status", SOFTENED)
def test_blame_becomes_our_own_error_whatever_is_behind_its_head(
    gateway: RealGateway, upstream: ScriptedUpstream, status: int, name: str, *, stream: bool
) -> None:
    upstream.script = bodies(status)[name]
    assert_softened(gateway.ask("auto", stream=stream), status)


@pytest.mark.parametrize("status", SOFTENED)
def test_the_head_of_our_error_waits_for_nothing_that_an_upstream_owes(
    gateway: RealGateway, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.script = [Status(status, sized(100)), Stall()]
    with open_stream(gateway.address, body=chat("auto"), timeout=TOTAL_S / 2) as stream:
        head = stream.head()
    assert (head.status, head.header("retry-after")) == (503, "1")
    assert said(head)["reason"] == SOFTENED[status]


@pytest.mark.parametrize("end", [Reset(), Close()])
def test_our_error_is_whole_where_nothing_of_the_announced_body_comes(
    gateway: RealGateway, upstream: ScriptedUpstream, end: Step
) -> None:
    upstream.script = [Status(429, sized(100)), end]
    assert_softened(gateway.ask("auto"), 429)


# What is no answer.

GARBAGE: dict[str, list[Step]] = {
    "no HTTP": malformed(),
    "an alert of TLS": [Send(b"\x15\x03\x01\x00\x02\x02\x28"), Close()],
    "a header of 200 KB": [Status(200, [("x-big", "x" * 200_000), *sized(2)]), Body(b"{}")],
    "many headers": [Status(200, [*((f"x-{at}", "x") for at in range(2000)), *sized(2)]), Body(b"{}")],
    "two lengths": [Send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"), Close()],
    "no status": [Send(b"HTTP/1.1 fine OK\r\n\r\n"), Close()],
    "a NUL in a header": [Send(b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}"), Close()],
    "nothing": [Close()],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", GARBAGE)
def test_an_upstream_that_answers_garbage_has_broken_off(
    gateway: RealGateway, upstream: ScriptedUpstream, name: str, *, stream: bool
) -> None:
    upstream.script = GARBAGE[name]
    record = unavailable(gateway, gateway.ask("auto", stream=stream), 503, "reset")
    assert record["served"] is None
    assert [attempt["reason"] for attempt in record["attempts"]] == ["reset"]


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"
STRAY: dict[str, list[Step]] = {
    "101": [Send(SWITCH + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"), Stall()],
    "101 and an end": [Send(SWITCH + b"\r\n"), Close()],
    "101 and more": [Send(SWITCH + b"x-modelfleet-rule: theirs\r\n\r\nwhat follows"), Stall()],
    "0": [Send(b"HTTP/1.1 0 OK\r\ncontent-length: 0\r\n\r\n")],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", STRAY)
def test_a_status_that_no_answer_ends_with_is_garbage_too(
    gateway: RealGateway, upstream: ScriptedUpstream, name: str, *, stream: bool
) -> None:
    upstream.script = STRAY[name]
    record = unavailable(gateway, gateway.ask("auto", stream=stream), 503, "reset")
    assert record["served"] is None
    assert [attempt["reason"] for attempt in record["attempts"]] == ["reset"]
