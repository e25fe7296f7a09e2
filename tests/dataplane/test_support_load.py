import time
from collections.abc import Iterator

import pytest

from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.ledger import ID, Load
from tests.dataplane.support.steps import Close, Step, json_answer
from tests.dataplane.support.upstream import ScriptedUpstream


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


def test_a_load_loses_nothing_where_nothing_is_lost(upstream: ScriptedUpstream) -> None:
    with Load(upstream.address, lambda _: Request(body=chat("m")), rate=400) as load:
        load.wait_for(40)
    report = load.report()
    report.assert_none_lost(40)
    assert {seen.header(ID) for seen in upstream.requests} == {str(outcome.id) for outcome in report.ok}
    assert upstream.opened <= 8
    assert 0 < report.slowest_s < 5


def test_a_load_keeps_to_its_rate_and_its_time(upstream: ScriptedUpstream) -> None:
    with Load(upstream.address, lambda _: Request("/"), rate=50, limit_s=0.3) as load:
        time.sleep(0.5)
    assert 1 <= len(load.report().ok) <= 16


def test_a_load_tells_refusals_from_failures(upstream: ScriptedUpstream) -> None:
    programs: list[list[Step]] = [
        json_answer(503, headers={"retry-after": "1"}),
        json_answer(503),
        [Close()],
        json_answer(),
    ]
    upstream.script = lambda seen: programs[int(seen.header(ID) or "") % 4]
    with Load(upstream.address, lambda _: Request("/", method="GET"), connections=2) as load:
        load.wait_for(12)
    report = load.report()
    assert {outcome.id % 4: outcome.kind for outcome in report.outcomes} == {
        0: "refused",
        1: "failed",
        2: "failed",
        3: "ok",
    }
    assert set(report.reasons) == {"status 503", "status 503 without retry-after", "closed after status 0 and 0 bytes"}
    with pytest.raises(AssertionError, match="closed after status 0"):
        report.assert_none_lost()


def test_a_load_may_ask_more_of_an_answer(upstream: ScriptedUpstream) -> None:
    def check(answer: object) -> str:
        return f"not this {type(answer).__name__}"

    with Load(upstream.address, lambda _: Request(), check=check, keep_alive=False) as load:
        load.wait_for(3)
    assert set(load.report().reasons) == {"not this Answer"}


def test_a_load_counts_what_it_cannot_connect_to(upstream: ScriptedUpstream) -> None:
    with Load(upstream.address, lambda _: Request()) as load:
        load.wait_for(5)
        with upstream.refuse():
            load.wait_for(5)
        load.wait_for(20)
    report = load.report()
    assert report.failed
    assert not report.unanswered
    assert any(reason.startswith("connect: ConnectionRefused") for reason in report.reasons)
    assert report.outcomes[-1].kind == "ok"


def test_a_request_that_cannot_be_made_is_shown_to_the_test(upstream: ScriptedUpstream) -> None:
    def make(_: int) -> Request:
        raise ValueError("oops")

    with pytest.raises(ExceptionGroup, match="the load failed"), Load(upstream.address, make) as load:
        load.wait_for(1)
