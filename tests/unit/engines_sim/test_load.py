import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from tests.unit.engines_sim.support import Engine, eventually, said

RUNNING, WAITING = "sim_requests_running", "sim_requests_waiting"


@contextmanager
def asked(engine: Engine, **body: Any) -> Iterator[http.client.HTTPConnection]:
    """A request whose answer nobody has read yet; the client goes away at the end."""
    with closing(http.client.HTTPConnection("127.0.0.1", engine.port, timeout=5)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(said(**body)))
        yield connection


def holds(engine: Engine, name: str, value: int) -> bool:
    return engine.metric(name) == value


@pytest.mark.parametrize("status", [429, 503, 529])
def test_more_than_run_and_wait_is_refused(engine: Engine, status: int) -> None:
    engine.behave(concurrency=2, queue=1, overload_status=status, first_token="1h")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(asked(engine))
        eventually(partial(holds, engine, WAITING, 1))
        assert engine.metric(RUNNING) == 2
        reply = engine.chat()
        assert (reply.status, reply.headers["retry-after"], reply.json["error"]["code"]) == (status, "1", status)
    eventually(partial(holds, engine, RUNNING, 0))
    assert engine.metric(WAITING) == 0


def test_who_waits_runs_when_a_slot_is_free(engine: Engine) -> None:
    engine.behave(concurrency=1, first_token="100ms")
    start = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        replies = [future.result() for future in [pool.submit(engine.chat) for _ in range(3)]]
    assert [reply.status for reply in replies] == [200] * 3
    assert time.monotonic() - start >= 0.3


def test_more_slots_let_in_who_waits(engine: Engine) -> None:
    engine.behave(concurrency=1, first_token="1h")
    with asked(engine), asked(engine):
        eventually(partial(holds, engine, WAITING, 1))
        engine.behave(concurrency=0)
        assert (engine.metric(RUNNING), engine.metric(WAITING)) == (2, 0)
    eventually(partial(holds, engine, RUNNING, 0))


def test_a_client_that_leaves_a_stream_ends_it_and_frees_its_slot(engine: Engine) -> None:
    engine.behave(concurrency=1, tokens_per_second=50, answer_tokens=100_000)
    cancelled = engine.metric("sim_cancelled_total")
    with asked(engine, stream=True) as connection:
        answer = connection.getresponse()
        assert answer.readline()
        answer.close()
        assert engine.metric(RUNNING) == 1
    eventually(partial(holds, engine, "sim_cancelled_total", cancelled + 1))
    assert engine.metric(RUNNING) == 0
    sent = engine.metric("sim_generated_tokens_total")
    time.sleep(0.1)
    assert engine.metric("sim_generated_tokens_total") == sent


def test_a_client_that_leaves_the_queue_is_forgotten(engine: Engine) -> None:
    engine.behave(concurrency=1, first_token="1h")
    cancelled = engine.metric("sim_cancelled_total")
    with asked(engine):
        eventually(partial(holds, engine, RUNNING, 1))
        with asked(engine):
            eventually(partial(holds, engine, WAITING, 1))
        eventually(partial(holds, engine, WAITING, 0))
        assert engine.metric("sim_cancelled_total") == cancelled + 1
        assert engine.metric(RUNNING) == 1
    eventually(partial(holds, engine, RUNNING, 0))


def test_faults_free_their_slots(engine: Engine) -> None:
    engine.behave(concurrency=1, queue=0)
    for fault in ("fail_rate", "truncate_rate", "reset_rate"):
        for stream in (False, True):
            with suppress(http.client.HTTPException, ConnectionError):
                engine.chat(behaviour={fault: 1}, stream=stream)
            assert engine.chat().status == 200


@pytest.mark.parametrize("speed", [0, 1_000_000])
def test_a_client_that_does_not_read_is_not_sent_everything(engine: Engine, speed: int) -> None:
    engine.behave(answer_tokens=100_000, tokens_per_second=speed)
    before = engine.metric("sim_generated_tokens_total")
    seen = [-1]

    def stopped() -> bool:
        time.sleep(0.05)
        seen.append(engine.metric("sim_generated_tokens_total") - before)
        return 0 < seen[-1] == seen[-2]

    with asked(engine, stream=True, n=16):
        eventually(stopped)
        assert seen[-1] < 800_000
    eventually(partial(holds, engine, RUNNING, 0))


def test_requests_and_tokens_are_counted(engine: Engine) -> None:
    names = [f'sim_requests_total{{path="/v1/chat/completions",code="{code}"}}' for code in (200, 404)]
    names += ["sim_prompt_tokens_total", "sim_generated_tokens_total"]
    before = [engine.metric(name) for name in names]
    engine.chat("a b c", max_tokens=7)
    engine.chat("a b c", max_tokens=7, stream=True)
    engine.chat(model="other")
    # "user:" is part of the prompt.
    assert [engine.metric(name) - old for name, old in zip(names, before, strict=True)] == [2, 1, 8, 14]
