"""When a replica is left alone, and when it comes back."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Connection, Request, chat
from tests.dataplane.support.expect import error_of, said
from tests.dataplane.support.fleets import Raw, fleet, model, once, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.steps import chat_answer, json_answer
from tests.dataplane.support.upstream import ScriptedUpstream

MANY = 24


def breaking(name: str, breaker: str) -> Raw:
    spec = f"{{serves: {{models: [{name}]}}, tiers: [{{name: t, models: [{{name: m}}]}}], breaker: {breaker}}}"
    return once(policy(name, spec))


class Replicas:
    """Two replicas, of which the first fails, behind a gateway of their own: ejections outlive a test."""

    def __init__(self, stack: ExitStack, *policies: Raw) -> None:
        self.bad = stack.enter_context(ScriptedUpstream(json_answer(500)))
        self.good = stack.enter_context(ScriptedUpstream(chat_answer("m")))
        endpoints = {"m": [self.bad.address, self.good.address]}
        self.gateway = stack.enter_context(RealGateway(fleet(model("m"), *policies), endpoints))

    def ask(self, served: str, n: int) -> list[Answer]:
        with Connection(self.gateway.address) as connection:
            return [connection.send(Request(body=chat(served))) for _ in range(n)]

    def fail_until_ejected(self, served: str) -> int:
        """Asks until all is well, and says how often the bad one was asked. Ejecting takes Envoy a moment."""

        def is_well() -> bool:
            return {answer.status for answer in self.ask(served, MANY)} == {200}

        wait_for(is_well, "the bad replica is left alone")
        return len(self.bad.requests)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_replica_that_fails_is_left_alone_after_so_many_failures(stack: ExitStack) -> None:
    replicas = Replicas(stack, breaking("auto", "{consecutive: 3, ejectFor: 60s}"))
    failures = replicas.fail_until_ejected("auto")
    assert failures >= 3
    assert {answer.status for answer in replicas.ask("auto", MANY)} == {200}
    assert len(replicas.bad.requests) == failures


def test_a_replica_that_refuses_connections_is_left_alone_too(stack: ExitStack) -> None:
    replicas = Replicas(stack, breaking("auto", "{consecutive: 2, ejectFor: 60s}"))
    with replicas.bad.refuse():
        failed = [answer for answer in replicas.ask("auto", MANY) if answer.status != 200]
        assert len(failed) >= 2
        for answer in failed:
            error_of(answer, 503, "connect")
            record = replicas.gateway.record(answer)
            assert record["attempts"][0]["reason"] == "connect"
        replicas.fail_until_ejected("auto")


def test_a_success_between_failures_starts_the_count_anew(stack: ExitStack) -> None:
    replicas = Replicas(stack, breaking("auto", "{consecutive: 3, ejectFor: 60s}"))
    turns = [json_answer(500), json_answer(500), chat_answer("m")]
    replicas.bad.script = lambda request: turns[request.number % 3]
    replicas.ask("auto", 3 * MANY)
    assert len(replicas.bad.requests) > 6


def test_an_answer_that_blames_the_caller_is_no_failure(stack: ExitStack) -> None:
    replicas = Replicas(stack, breaking("auto", "{consecutive: 1, ejectFor: 60s}"))
    replicas.bad.script = json_answer(404)
    replicas.ask("auto", MANY)
    assert len(replicas.bad.requests) > 3


def test_a_replica_comes_back_after_its_time(stack: ExitStack) -> None:
    replicas = Replicas(stack, breaking("auto", "{consecutive: 1, ejectFor: 1s}"))
    ejected_s = time.monotonic()
    failures = replicas.fail_until_ejected("auto")
    replicas.bad.script = chat_answer("m")

    def is_back() -> bool:
        assert {answer.status for answer in replicas.ask("auto", 4)} == {200}
        return len(replicas.bad.requests) > failures

    wait_for(is_back, "the replica is asked again")
    assert time.monotonic() - ejected_s >= 0.9


def test_where_all_replicas_are_left_alone_there_is_no_capacity(stack: ExitStack) -> None:
    replicas = Replicas(stack, breaking("auto", "{consecutive: 1, ejectFor: 60s}"))
    replicas.good.script = json_answer(502)
    wait_for(lambda: said(replicas.ask("auto", 1)[0])["reason"] == "no_capacity", "both are left alone")
    asked = len(replicas.bad.requests + replicas.good.requests)
    answer = replicas.ask("auto", 1)[0]
    error_of(answer, 503, "no_capacity")
    assert len(replicas.bad.requests + replicas.good.requests) == asked
    assert answer.header("retry-after")
    record = replicas.gateway.record(answer)
    assert (record["attempts"], record["skipped"]) == ([], [{"target": "m", "tier": "t", "reason": "no_capacity"}])


def test_policies_with_different_breakers_do_not_eject_for_each_other(stack: ExitStack) -> None:
    replicas = Replicas(
        stack,
        breaking("strict", "{consecutive: 1, ejectFor: 60s}"),
        breaking("lenient", "{consecutive: 1000, ejectFor: 60s}"),
    )
    replicas.fail_until_ejected("strict")
    assert {answer.status for answer in replicas.ask("lenient", MANY)} == {200, 503}
    assert {answer.status for answer in replicas.ask("strict", MANY)} == {200}


def test_policies_with_the_same_breaker_share_what_they_learn(stack: ExitStack) -> None:
    replicas = Replicas(
        stack,
        breaking("one", "{consecutive: 2, ejectFor: 60s}"),
        breaking("two", "{consecutive: 2, ejectFor: 60s}"),
    )
    replicas.fail_until_ejected("one")
    assert {answer.status for answer in replicas.ask("two", MANY)} == {200}
