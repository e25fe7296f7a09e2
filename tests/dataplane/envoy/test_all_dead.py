"""Every engine is gone, and very many ask: each has the ladder's answer in time, and nobody storms the dead."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.rules.tries import worst_case
from modelfleet.fleet.parse import Valid, parse_object
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request, chat
from tests.dataplane.support.expect import said
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway, Settings
from tests.dataplane.support.ledger import Load
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.steps import Stall, chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import scale

CLIENTS = scale(40, 200)
DEAD_S = scale(2, 10)
RATE = scale(300, 1000)
TOTAL_S = 2.0
MARGIN_S = 2.0
"""What a busy machine adds."""
EJECT_S = 1.0
ATTEMPTS, TIERS = 1, ("light", "mid", "frontier")
MOST_TRIES = (ATTEMPTS + 1) * len(TIERS)
BUSY = "We are busy"
POLICY = f"""
serves: {{models: [auto]}}
tiers: [{", ".join(f"{{name: {tier}, models: [{{name: {tier}}}]}}" for tier in TIERS)}]
degrade: [{{tier: mid}}, {{tier: frontier}}, {{answer: {{body: {BUSY}}}}}]
retries: {{attempts: {ATTEMPTS}}}
timeouts: {{total: {TOTAL_S * 1000:.0f}ms, answer: 300ms, firstToken: 300ms}}
breaker: {{consecutive: 3, ejectFor: {EJECT_S:.0f}s}}
"""


def test_the_bound_is_the_one_that_lint_tells() -> None:
    found = parse_object(policy("p", POLICY))
    assert isinstance(found, Valid)
    assert isinstance(found.resource, RoutingPolicy)
    assert worst_case(found.resource.spec).tries == MOST_TRIES


class Fleet:
    """One policy, and an engine for each of its tiers."""

    def __init__(self, stack: ExitStack) -> None:
        self.engines = [stack.enter_context(ScriptedUpstream(chat_answer("m"))) for _ in TIERS]
        at = {tier: engine.address for tier, engine in zip(TIERS, self.engines, strict=True)}
        objects = [*(model(tier) for tier in TIERS), policy("p", POLICY)]
        self.gateway = stack.enter_context(RealGateway(fleet(*objects), at, settings=Settings(workers=2)))

    @property
    def heard(self) -> int:
        return sum(len(engine.requests) for engine in self.engines)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        with ExitStack() as stack:
            for engine in self.engines:
                stack.enter_context(engine.refuse())
            yield

    @contextmanager
    def silent(self) -> Iterator[None]:
        for engine in self.engines:
            engine.script = [Stall()]
        yield
        for engine in self.engines:
            engine.script = chat_answer("m")

    def is_back(self) -> bool:
        answer = self.gateway.ask("auto")
        assert answer.status == 200
        return said(answer)["rung"] == "0"


def busy(answer: Answer) -> str:
    """What is wrong with an answer that should be the ladder's own."""
    told = said(answer)
    if told["rung"] != str(len(TIERS)) or answer.json()["choices"][0]["message"]["content"] != BUSY:
        return f"rung {told['rung']}: {answer.text}"
    return "" if int(told["attempts"]) <= MOST_TRIES else f"{told['attempts']} tries"


@pytest.mark.alone
@pytest.mark.parametrize("dead", ["refusing", "silent"])
def test_where_all_are_dead_everybody_is_answered_in_time_and_it_ends_soon(
    dead: str, evidence: Callable[..., None]
) -> None:
    with ExitStack() as stack:
        run = Fleet(stack)
        assert run.is_back()
        before, known = run.heard, len(run.gateway.records.all())
        with run.refusing() if dead == "refusing" else run.silent():
            asked = Load(
                run.gateway.address,
                lambda _: Request(body=chat("auto"), headers={"content-type": "application/json"}),
                rate=RATE,
                connections=CLIENTS,
                check=busy,
                limit_s=DEAD_S,
            )
            with asked:
                time.sleep(DEAD_S)
            report = asked.report()
            back_s = time.monotonic()
        report.assert_none_lost(CLIENTS)
        assert report.slowest_s <= TOTAL_S + MARGIN_S
        answered = len(report.outcomes)
        heard = run.heard - before
        assert heard <= MOST_TRIES * answered
        wait_for(run.is_back, "the first rung answers", EJECT_S + MARGIN_S)
        back = time.monotonic() - back_s
        assert back <= EJECT_S + MARGIN_S
        records = run.gateway.records.wait_for(known + answered)[known : known + answered]
        tries = [len(record["attempts"]) for record in records if record["served"] is None]
        assert max(tries) <= MOST_TRIES
        # Once all are left alone nobody is tried; that they are spared is what the breaker is for.
        assert sum(tries) < len(tries) * MOST_TRIES / 2
        evidence(requests=answered, clients=CLIENTS, dead_s=DEAD_S, slowest_s=report.slowest_s, heard_upstream=heard)
        evidence(tries=sum(tries), most_tries_allowed=MOST_TRIES * answered, back_after_s=back)
