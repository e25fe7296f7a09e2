import http.client
import itertools
import json
import socket
import time
from typing import Any

import pytest

from tests.unit.engines_sim.support import Engine, eventually, running, said

DRAWS = 40


def statuses(engine: Engine) -> list[int]:
    return [engine.chat().status for _ in range(DRAWS)]


def test_failures_come_at_the_rate_and_again_at_the_same_requests(engine: Engine) -> None:
    engine.behave(fail_rate=0.3, fail_status=502)
    first = statuses(engine)
    assert set(first) == {200, 502}
    assert 4 <= first.count(502) <= 22
    engine.behave()
    assert statuses(engine) == first
    engine.behave(seed=1)
    assert statuses(engine) != first


@pytest.mark.parametrize("status", [400, 418, 500, 529, 599])
def test_a_failure_has_the_declared_status_and_openai_s_form(engine: Engine, status: int) -> None:
    reply = engine.chat(behaviour={"fail_rate": 1, "fail_status": status})
    assert (reply.status, reply.json["error"]["code"]) == (status, status)
    assert reply.json["error"]["type"].endswith("Error")


def test_a_reset_ends_the_connection_without_a_byte(engine: Engine) -> None:
    before = engine.metric('sim_faults_total{kind="reset"}')
    body = json.dumps(said()).encode()
    with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as peer:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        peer.sendall(f'{head}x-sim-behaviour: {{"reset_rate": 1}}\r\n\r\n'.encode() + body)
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
    assert engine.metric('sim_faults_total{kind="reset"}') == before + 1


def test_a_truncated_answer_ends_before_its_length(engine: Engine) -> None:
    with pytest.raises(http.client.IncompleteRead) as raised:
        engine.chat(behaviour={"truncate_rate": 1})
    assert raised.value.partial.startswith(b'{"id": ')
    assert raised.value.expected


def test_a_truncated_stream_ends_after_half_of_its_tokens(engine: Engine) -> None:
    with pytest.raises(http.client.IncompleteRead) as raised:
        engine.chat(behaviour={"truncate_rate": 1, "answer_tokens": 20}, stream=True)
    assert raised.value.partial.count(b'"content": ') == 10 + 1
    assert b"[DONE]" not in raised.value.partial


def arrivals(engine: Engine, behaviour: dict[str, object]) -> list[float]:
    """When the first bytes and each event of a stream came, in seconds after the request was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=5)
    start = time.monotonic()
    headers = {"x-sim-behaviour": json.dumps(behaviour)}
    connection.request("POST", "/v1/completions", json.dumps({"model": "small", "prompt": "", "stream": True}), headers)
    answer = connection.getresponse()
    times = [time.monotonic() - start]
    times += [time.monotonic() - start for line in answer if line.startswith(b"data: {")]
    connection.close()
    return times


def test_headers_come_at_once_and_the_first_token_when_declared(engine: Engine) -> None:
    head, first, *_, last = arrivals(engine, {"first_token": "300ms"})
    assert head < 0.25
    assert 0.3 <= first <= last < 2


def test_tokens_come_at_the_declared_speed(engine: Engine) -> None:
    times = arrivals(engine, {"tokens_per_second": 100, "answer_tokens": 31})
    assert len(times) == 32
    assert 0.3 <= times[-1] < 2
    assert 0.1 < times[16] < times[-1] - 0.1


def test_a_stall_pauses_after_the_declared_tokens(engine: Engine) -> None:
    before = engine.metric('sim_faults_total{kind="stall"}')
    times = arrivals(engine, {"stall": "200ms", "stall_after_tokens": 5, "answer_tokens": 8})
    gaps = [late - early for early, late in itertools.pairwise(times[1:])]
    assert gaps.index(max(gaps)) == 4
    assert max(gaps) >= 0.15
    assert engine.metric('sim_faults_total{kind="stall"}') == before + 1


def test_a_plain_answer_takes_as_long_as_its_stream_would(engine: Engine) -> None:
    slow = {"first_token": "50ms", "tokens_per_second": 100, "answer_tokens": 11, "stall": "50ms"}
    start = time.monotonic()
    assert engine.chat(behaviour=slow).status == 200
    assert 0.2 <= time.monotonic() - start < 2


def test_a_cold_engine_refuses_everything_until_it_is_warm() -> None:
    with running("--model", "small", "--cold-start", "700ms") as engine:
        for path in ("/health", "/v1/models", "/metrics"):
            reply = engine.ask("GET", path)
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert engine.chat().status == 503
        assert engine.ask("GET", "/sim/behaviour").json["cold_start"] == "0.7s"
        eventually(lambda: engine.ask("GET", "/health").status == 200)
        # What has warmed up stays warm when something else about it changes.
        engine.behave(seed=1)
        assert engine.chat().status == 200


def test_a_cold_start_can_be_asked_for_and_taken_back(engine: Engine) -> None:
    engine.behave(cold_start="1h")
    engine.behave(seed=3)
    reply = engine.ask("GET", "/health")
    assert (reply.status, reply.headers["retry-after"]) == (503, "3600")
    engine.behave(cold_start=0)
    assert engine.ask("GET", "/health").status == 200


def test_a_behaviour_that_was_told_can_be_posted_again(engine: Engine) -> None:
    declared = engine.ask("GET", "/sim/behaviour").json
    told = engine.behave(first_token="1m30s", confidence="0.1-0.9", stall="1.5ms", fail_rate=1)
    assert {name for name in told if told[name] != declared[name]} == {
        "first_token",
        "confidence",
        "stall",
        "fail_rate",
    }
    assert told["first_token"] == "90s"
    assert engine.behave(**told) == told
    assert engine.ask("DELETE", "/sim/behaviour").json == declared


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        ([], "JSON object"),
        ({"fail": 1}, "'fail' is no field of a behaviour; these are: seed, "),
        ({"fail_rate": 1.5}, "fail_rate must be a number from 0 to 1, not 1.5"),
        ({"fail_rate": "1"}, "fail_rate must be a number"),
        (b'{"fail_rate": NaN}', "fail_rate must be a number"),
        ({"fail_status": 200}, "fail_status must be an integer from 400 to 599"),
        ({"overload_status": 500}, "overload_status must be one of 429, 503, 529"),
        ({"queue": True}, "queue must be an integer"),
        ({"stall": 5}, "stall must be a duration such as 150ms, 2s or 1m30s, not 5"),
        ({"confidence": "0.9-0.1"}, "confidence must be a number from 0 to 1, or a range"),
        ({"seed": 1, "stall": "5"}, "stall must be"),
    ],
)
def test_a_wrong_behaviour_is_refused_and_changes_nothing(engine: Engine, body: Any, words: str) -> None:
    before = engine.ask("GET", "/sim/behaviour").json
    reply = engine.ask("POST", "/sim/behaviour", body)
    assert reply.status == 400
    assert words in reply.json["error"]["message"]
    assert engine.ask("GET", "/sim/behaviour").json == before


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [({"concurrency": 1}, "the whole engine's"), ({"nothing": 1}, "no field"), ({"stall": "x"}, "a duration")],
)
def test_a_wrong_behaviour_in_a_header_is_refused(engine: Engine, behaviour: dict[str, object], words: str) -> None:
    reply = engine.chat(behaviour=behaviour)
    assert reply.status == 400
    assert words in reply.json["error"]["message"]


def test_a_header_changes_one_request_only(engine: Engine) -> None:
    assert engine.chat(behaviour={"fail_rate": 1}).status == 500
    assert engine.chat().status == 200
