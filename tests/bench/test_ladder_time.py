"""How late answers come where every upstream is slow: the worst of 2,000 requests, reported, never asserted."""

import json
import random
import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.bench.report import Row, report
from tests.dataplane.support.client import chat, request
from tests.dataplane.support.fleets import Raw, fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.headers import Pair
from tests.dataplane.support.received import Received
from tests.dataplane.support.steps import Chunk, EndChunks, Reset, Stall, Status, Step, Wait, chat_answer, sse_event
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale

REQUESTS = scale(2_000, 2_000)
CLIENTS = 16
TOTALS = {"brisk": 400, "steady": 900}
"""Milliseconds of `total`, by policy."""
EVENTS: Pair = ("content-type", "text/event-stream")
HEAD = Status(200, [EVENTS, ("transfer-encoding", "chunked")])
TOKEN = Chunk(sse_event({"choices": [{"delta": {"content": "x"}}]}))


def slow(name: str, total: int) -> Raw:
    spec = {
        "serves": {"models": [name]},
        "tiers": [{"name": tier, "models": [{"name": tier}]} for tier in ("a", "b", "c")],
        "degrade": [{"tier": "b"}, {"tier": "c"}],
        # Tries that are cut by their own bound, and some that total cuts in the middle.
        "timeouts": {"total": f"{total}ms", "firstToken": f"{total * 2 // 5}ms", "answer": f"{total * 2 // 5}ms"},
        "breaker": {"consecutive": 1000},
    }
    return policy(name, json.dumps(spec))


def answers(rng: random.Random) -> list[list[Step]]:
    """What an upstream may do: nothing, headers alone, late, late and then a stream, or break off."""
    late = [[Wait(rng.uniform(0.05, 1.2)), *chat_answer("m")] for _ in range(8)]
    streams: list[list[Step]] = [[Wait(rng.uniform(0.05, 1.2)), HEAD, TOKEN, EndChunks()] for _ in range(8)]
    return [[Stall()], [HEAD, Stall()], [Wait(0.1), Reset()], *late, *streams]


def lateness(gateway: RealGateway, number: int) -> tuple[str, float]:
    """By how many milliseconds the first byte of a stream, or the end of an answer, came after `total`."""
    name = list(TOTALS)[number % len(TOTALS)]
    stream = number % 4 > 1
    answer = request(gateway.address, body=chat(name, stream=stream))
    assert answer.status in {200, 503, 504}, answer
    took = answer.first_byte_s if stream and answer.status == 200 else answer.total_s
    assert took is not None
    return ("stream" if stream else "answer"), took * 1000 - TOTALS[name]


def row(kind: str, measured: list[tuple[str, float]]) -> Row:
    """How many answers of a kind came after `total`, and by how much."""
    late = [late for one, late in measured if one == kind]
    past = [ms for ms in late if ms > 0]
    median = round(statistics.median(past), 1) if past else 0.0
    told = {"kind": kind, "requests": len(late), "after total": len(past)}
    return {**told, "ms late, median of those": median, "ms late at most": round(max(late), 1)}


def test_how_late_answers_come() -> None:
    rng = random.Random(6)
    programs = answers(rng)

    def script(received: Received) -> list[Step]:
        return programs[received.number * 7 % len(programs)]

    with ExitStack() as stack:
        upstreams = {name: stack.enter_context(ScriptedUpstream(script)) for name in ("a", "b", "c")}
        policies = [slow(name, total) for name, total in TOTALS.items()]
        ends = {name: upstream.address for name, upstream in upstreams.items()}
        gateway = stack.enter_context(RealGateway(fleet(*map(model, upstreams), *policies), ends))
        with ThreadPoolExecutor(CLIENTS) as clients:
            measured = list(clients.map(lambda number: lateness(gateway, number), range(REQUESTS)))
    bounds = " and ".join(f"{total} ms" for total in TOTALS.values())
    notes = [f"{CLIENTS} clients, and a total of {bounds}; of those after it, the middle one and the last."]
    report("ladder_time", [row(kind, measured) for kind in ("answer", "stream")], notes)
