"""What a hostile review found at the ladder's edges, kept mended."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.dataplane.support.client import chat, open_stream, request
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import Raw, fleet, hosted, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.steps import Send, Step, Wait, chat_answer, json_answer
from tests.dataplane.support.upstream import ScriptedUpstream

KEY = "sk-of-the-first-host"
OWN = {"secretRef": {"name": "keys", "key": "token"}}
LARGE = 8 * 1024 * 1024
BUSY = json_answer(503)


def falling(breaker: str = "{consecutive: 1000}", first: str = "one") -> Raw:
    return policy(
        "auto",
        f"""
        serves: {{models: [auto]}}
        tiers: [{{name: a, models: [{{name: {first}}}]}}, {{name: b, models: [{{name: two}}]}}]
        degrade: [{{tier: b}}]
        breaker: {breaker}
        """,
    )


@pytest.fixture
def one() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def two() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("two")) as upstream:
        yield upstream


def serving(one: ScriptedUpstream, two: ScriptedUpstream, breaker: str = "{consecutive: 1000}") -> RealGateway:
    return RealGateway(fleet(model("one"), model("two"), falling(breaker)), {"one": one.address, "two": two.address})


# A plan with which a request began names targets that the newest plan does not.
def test_an_edit_takes_no_rung_from_a_request_that_is_under_way(one: ScriptedUpstream, two: ScriptedUpstream) -> None:
    one.script = [Wait(0.05), *BUSY]
    ends: list[tuple[int, str]] = []
    with serving(one, two) as gateway, ThreadPoolExecutor(4) as clients:
        until = time.monotonic() + 2.5

        def ask(_: int) -> None:
            while time.monotonic() < until:
                answer = request(gateway.address, body=chat("auto"))
                ends.append((answer.status, said(answer)["model"]))

        asking = [clients.submit(ask, number) for number in range(4)]
        for number in range(6):
            raws = (model("one"), model("two"), falling(f"{{consecutive: {500 + number}, ejectFor: {number + 5}s}}"))
            gateway.apply(fleet(*raws))
            time.sleep(0.2)
        for done in asking:
            done.result()
    assert len(ends) > 50
    assert set(ends) == {(200, "two")}


def test_a_key_stays_at_home_where_its_host_cannot_be_asked_at_all(two: ScriptedUpstream) -> None:
    """No such name: the way leads to the gate before anything was sent."""
    keyed = hosted("one", "http://nobody.invalid/v1", OWN)
    for second in (model("two"), hosted("two", f"http://127.0.0.1:{two.port}/v1", {"passThrough": True})):
        endpoints = {} if "external" in second["spec"] else {"two": two.address}
        raws = (keyed, second, falling())
        with RealGateway(fleet(*raws), endpoints, {"keys": {"token": KEY}}) as gateway:
            assert gateway.ask("auto").status == 200
            assert two.requests[-1].header_values("authorization") == []
            record = gateway.record(gateway.ask("auto", {"authorization": "Bearer mine"}))
            assert record["skipped"] == [{"target": "one", "tier": "a", "reason": "no_capacity"}]
            mine = ["Bearer mine"] if "external" in second["spec"] else []
            assert two.requests[-1].header_values("authorization") == mine


# Envoy retries nothing of which the caller has heard an interim answer; then at least the truth is told.
@pytest.mark.parametrize("status", [429, 503])
def test_a_failure_behind_an_interim_answer_is_told_as_one(
    one: ScriptedUpstream, two: ScriptedUpstream, status: int
) -> None:
    early: list[Step] = [Send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")]
    one.script = [*early, *json_answer(status)]
    with serving(one, two) as gateway:
        answer = gateway.ask("auto")
        record = gateway.record(answer)
    assert (answer.status, said(answer)["reason"], said(answer)["model"]) == (503, "overload", "-")
    assert answer.header("retry-after") == "1"
    assert [(it["status"], it["reason"]) for it in record["attempts"]] == [(status, "overload")]
    assert (record["served"], record["reason"]) == (None, "overload")


def test_a_slow_caller_gets_all_of_a_large_answer(one: ScriptedUpstream, two: ScriptedUpstream) -> None:
    one.script = chat_answer("one", content="x" * LARGE)
    with (
        serving(one, two) as gateway,
        open_stream(gateway.address, headers=[("connection", "close")], body=chat("auto"), timeout=20) as stream,
    ):
        assert stream.head().status == 200
        # Longer than Envoy by itself lets a connection linger that it wants to close.
        time.sleep(1.5)
        answer = stream.answer()
    assert answer.complete
    assert len(answer.body) > LARGE
