"""A rung that is tried again: how often, where, and what the budget has to say."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.dataplane.envoy.ladder.kinds import BOUND_MS, CASES, IDS, KINDS, Fail
from tests.dataplane.envoy.ladder.scene import (
    DEAF,
    GONE,
    LADDER,
    Scene,
    Try,
    canned,
    check_tries,
    laddered,
    ok,
    refused,
    served,
    skips,
)
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.fleets import fleet, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.records import Record
from tests.dataplane.support.steps import Reset, chat_answer, in_turn, json_answer
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.sizes import SOAK, scale

TIMES = f"timeouts: {{total: 20s, firstToken: {BOUND_MS}ms, answer: {BOUND_MS}ms}}"
FREE = "budgetPercent: 100"
FORGETS_S = 10.5
FINE = chat_answer("small", "from small")


def again(attempts: int, more: str = "") -> str:
    return f"retries: {{attempts: {attempts}, {FREE}{more}}}, {TIMES}"


POLICIES = [
    laddered("plain", f"retries: {{{FREE}}}, {TIMES}"),
    laddered("falling", f"{LADDER}, {TIMES}"),
    laddered("told", f"degrade: [{{answer: {{body: We are busy}}}}], {TIMES}"),
    laddered("never", again(0)),
    laddered("twice", again(2)),
    laddered("both", f"{LADDER}, {again(1)}"),
    laddered("only-reset", f"degrade: [{{tier: mid}}], {again(2, ', retryOn: [reset]')}"),
    laddered("gone", f"degrade: [{{tier: mid}}], {again(1)}", first=GONE),
    laddered("deaf", f"retries: {{attempts: 1, {FREE}}}", first=DEAF),
]


# How often.


@pytest.mark.parametrize(("stream", "fail"), CASES, ids=IDS)
def test_without_a_ladder_a_failure_is_tried_once_more(scene: Scene, fail: Fail, *, stream: bool) -> None:
    good = scene["small"].script
    assert callable(good)
    first = len(scene["small"].requests) + 1
    scene.play(small=lambda seen: fail.steps if seen.number == first else good(seen))
    ending = served("small", 0, fail.reason, fail.of("small"), ok("small"))
    scene.check(scene.ask("plain", stream=stream), ending, stream=stream)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_ladder_the_second_failure_is_the_end(scene: Scene, kind: str) -> None:
    fail = KINDS[kind]
    scene.play(small=fail.steps)
    scene.check(scene.ask("plain"), refused(0, kind, *[fail.of("small")] * 2))


def test_with_a_ladder_nothing_is_tried_again_unless_it_says_so(scene: Scene) -> None:
    fail = KINDS["5xx"]
    scene.play(small=fail.steps)
    scene.check(scene.ask("falling"), served("medium", 1, "5xx", fail.of("small"), ok("medium")))
    scene.check(scene.ask("told"), canned(1, "5xx", fail.of("small")))
    scene.check(scene.ask("never"), refused(0, "5xx", fail.of("small")))


def test_a_rung_is_tried_so_often_and_then_left(scene: Scene) -> None:
    fail = KINDS["overload"]
    scene.play(small=fail.steps, medium=fail.steps, large=in_turn(list(fail.steps), chat_answer("l", "from large")))
    tries = [*[fail.of("small")] * 2, *[fail.of("medium")] * 2, fail.of("large"), ok("large")]
    scene.check(scene.ask("both"), served("large", 2, "overload", *tries))


def test_the_repeat_that_answers_is_the_last(scene: Scene) -> None:
    first, second = KINDS["reset"], KINDS["5xx"]
    scene.play(small=in_turn(list(first.steps), list(second.steps), FINE))
    scene.check(scene.ask("twice"), served("small", 0, "5xx", first.of("small"), second.of("small"), ok("small")))


def test_a_kind_that_is_not_named_ends_the_repeats_too(scene: Scene) -> None:
    first, second = KINDS["reset"], KINDS["5xx"]
    scene.play(small=in_turn(list(first.steps), list(second.steps), FINE))
    scene.check(scene.ask("only-reset"), refused(0, "5xx", first.of("small"), second.of("small")))


def test_a_connection_that_is_refused_is_tried_again(scene: Scene) -> None:
    ending = served("medium", 1, "connect", *[Try(GONE, "connect")] * 2, ok("medium"), wanted=("light", GONE))
    scene.check(scene.ask("gone"), ending)


def test_each_connection_that_is_never_made_has_its_second(scene: Scene) -> None:
    ending = refused(0, "connect", *[Try(DEAF, "connect", after_ms=1000)] * 2, wanted=("light", DEAF))
    scene.check(scene.ask("deaf"), ending)


# Where.

BREAKER = "breaker: {consecutive: 1000}"
ROUNDS = 24


class Replicas:
    """Some replicas of one model."""

    def __init__(self, stack: ExitStack, count: int, clauses: str) -> None:
        self.all = [stack.enter_context(ScriptedUpstream(chat_answer("m"))) for _ in range(count)]
        spec = f"{{serves: {{models: [auto]}}, tiers: [{{name: t, models: [{{name: m}}]}}], {BREAKER}, {clauses}}}"
        at = {"m": [replica.address for replica in self.all]}
        self.gateway = stack.enter_context(RealGateway(fleet(model("m"), policy("p", spec)), at))

    def ask(self, user: str) -> tuple[Answer, Record]:
        answer = self.gateway.ask("auto", user=user)
        return answer, self.gateway.record(answer)

    def met(self, user: str) -> list[int]:
        """Which replicas that request met, in order of their numbers."""
        return [
            number
            for number, replica in enumerate(self.all)
            for seen in replica.requests
            if seen.json()["user"] == user
        ]


@pytest.mark.parametrize("bad", [1, 2])
def test_a_repeat_goes_to_another_replica(bad: int) -> None:
    with ExitStack() as stack:
        replicas = Replicas(stack, bad + 1, f"retries: {{attempts: {bad}, {FREE}}}")
        # The budget has room for one repeat a request, and some will need two.
        assert {replicas.ask("before")[0].status for _ in range(ROUNDS)} == {200}
        for replica in replicas.all[:bad]:
            replica.script = [Reset()]
        counts: Counter[int] = Counter()
        for number in range(ROUNDS):
            answer, record = replicas.ask(f"user-{number}")
            met = replicas.met(f"user-{number}")
            assert len(set(met)) == len(met), "no replica twice"
            assert answer.status == 200
            check_tries(record, [*[Try("m", "reset")] * (len(met) - 1), ok("m")])
            counts[len(met)] += 1
        assert counts[1] < ROUNDS, "some met a bad one first"


def test_where_there_is_no_other_replica_it_goes_to_the_same() -> None:
    with ExitStack() as stack:
        replicas = Replicas(stack, 1, "retries: {attempts: 2}")
        replicas.all[0].script = in_turn([Reset()], [Reset()], chat_answer("m"))
        answer, record = replicas.ask("u")
        assert answer.status == 200
        check_tries(record, [Try("m", "reset"), Try("m", "reset"), ok("m")])


def test_the_model_that_was_drawn_stays_for_all_repeats() -> None:
    tiers = "tiers: [{name: t, models: [{name: one}, {name: two}]}]"
    spec = f"{{serves: {{models: [auto]}}, {tiers}, {BREAKER}, retries: {{attempts: 2, {FREE}}}}}"
    with ScriptedUpstream(json_answer(502)) as engine:
        at = dict.fromkeys(("one", "two"), engine.address)
        with RealGateway(fleet(model("one"), model("two"), policy("p", spec)), at) as gateway:
            drawn: Counter[str] = Counter()
            for _ in range(ROUNDS):
                record = gateway.record(gateway.ask("auto"))
                targets = [attempt["target"] for attempt in record["attempts"]]
                assert set(targets) == {record["target"]}
                drawn[targets[0]] += 1
            assert set(drawn) == {"one", "two"}
            heard = Counter(seen.json()["model"] for seen in engine.requests)
    assert set(heard) == {"engine-one", "engine-two"}


# The budget.

N = 40


class Failing:
    """Two policies of the same words, whose small engine always fails."""

    def __init__(self, stack: ExitStack, retries: str, degrade: str = "") -> None:
        tiers = "tiers: [{name: light, models: [{name: small}]}, {name: mid, models: [{name: medium}]}]"
        clauses = f"{tiers}, {BREAKER}, retries: {{{retries}}}{degrade}"
        policies = [policy(name, f"{{serves: {{models: [{name}]}}, {clauses}}}") for name in ("auto", "other")]
        self.small = stack.enter_context(ScriptedUpstream(json_answer(500)))
        self.medium = stack.enter_context(ScriptedUpstream(chat_answer("m")))
        at = {"small": self.small.address, "medium": self.medium.address}
        self.gateway = stack.enter_context(RealGateway(fleet(model("small"), model("medium"), *policies), at))

    def ask(self, n: int, served: str = "auto") -> list[Record]:
        return [self.gateway.record(self.gateway.ask(served)) for _ in range(n)]

    @staticmethod
    def repeated(records: list[Record]) -> list[bool]:
        """Which of them had their repeat; the others say that the budget refused it."""
        for record in records:
            fails = [attempt for attempt in record["attempts"] if attempt["target"] == "small"]
            assert (len(fails), skips(record)) in ((2, []), (1, [("small", "light", "budget")])), record
        return [not skips(record) for record in records]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(("percent", "most"), [(20, 8), (50, 20), (0, 3), (5, 3)])
def test_repeats_keep_to_their_share_of_the_requests(stack: ExitStack, percent: int, most: int) -> None:
    failing = Failing(stack, f"attempts: 1, budgetPercent: {percent}")
    records = failing.ask(N)
    repeated = failing.repeated(records)
    # The three that are always granted come first; then there is room for one each time the share has grown by one.
    assert repeated[:3] == [True] * 3
    assert max(3, most - 1) <= sum(repeated) <= most
    for at in range(1, N + 1):
        assert sum(repeated[:at]) <= max(3, at * percent // 100)
    assert len(failing.small.requests) == N + sum(repeated)
    assert {record["reason"] for record in records} == {"5xx"}


def test_with_a_whole_share_every_request_has_its_repeat(stack: ExitStack) -> None:
    failing = Failing(stack, "attempts: 1, budgetPercent: 100")
    assert all(failing.repeated(failing.ask(N)))


def test_a_repeat_that_the_budget_refuses_goes_on_with_the_next_rung(stack: ExitStack) -> None:
    failing = Failing(stack, "attempts: 1, budgetPercent: 0", ", degrade: [{tier: mid}]")
    records = failing.ask(10)
    assert failing.repeated(records) == [True] * 3 + [False] * 7
    assert {(record["status"], record["rung"]) for record in records} == {(200, 1)}
    assert [record["reason"] for record in records] == ["5xx"] * 3 + ["budget"] * 7
    check_tries(records[-1], [Try("small", "5xx", 500), ok("medium")])


def test_falls_are_not_charged(stack: ExitStack, evidence: Callable[..., None]) -> None:
    failing = Failing(stack, "attempts: 0, budgetPercent: 0", ", degrade: [{tier: mid}]")
    # A thousand failures in a row would eject it.
    records = failing.ask(scale(N, 900))
    evidence(falls=len(records))
    assert {(record["status"], record["rung"], len(record["attempts"])) for record in records} == {(200, 1, 2)}


def test_requests_that_go_well_pay_for_repeats(stack: ExitStack) -> None:
    failing = Failing(stack, "attempts: 1, budgetPercent: 20")
    failing.small.script = chat_answer("s")
    assert {record["reason"] for record in failing.ask(N)} == {"wanted"}
    failing.small.script = json_answer(500)
    assert sum(failing.repeated(failing.ask(12))) in {8, 9, 10}


@pytest.mark.skipif(not SOAK, reason="waits for the budget's ten seconds to pass")
def test_what_was_repeated_is_forgotten_after_ten_seconds(stack: ExitStack) -> None:
    failing = Failing(stack, "attempts: 1, budgetPercent: 0")
    assert failing.repeated(failing.ask(5)) == [True] * 3 + [False] * 2
    time.sleep(FORGETS_S)
    assert failing.repeated(failing.ask(5)) == [True] * 3 + [False] * 2


def test_policies_have_budgets_of_their_own(stack: ExitStack) -> None:
    failing = Failing(stack, "attempts: 1, budgetPercent: 0")
    assert failing.repeated(failing.ask(4)) == [True] * 3 + [False]
    assert failing.repeated(failing.ask(4, "other")) == [True] * 3 + [False]
