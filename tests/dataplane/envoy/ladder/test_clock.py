"""The time of one try, the time of all of them, and who may say how long that is."""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.dataplane.envoy.ladder.kinds import EVENTS, HALF, TOKEN, WHOLE
from tests.dataplane.envoy.ladder.scene import (
    ANSWER,
    Ending,
    Scene,
    Try,
    canned,
    laddered,
    ok,
    refused,
    served,
)
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request
from tests.dataplane.support.steps import Chunk, EndChunks, Stall, Step, Wait, in_turn, json_answer, sse_event

DOWN = "degrade: [{tier: mid}, {tier: frontier}]"
TOLD = f"degrade: [{{tier: mid}}, {{tier: frontier}}, {ANSWER}]"
AGAIN = "retries: {attempts: 2, budgetPercent: 100}"
SLOW_MS = 200
HURRY_MS = 95
"""Less than another try needs, and all that a machine may be late."""


def times(total: int, one: int = 0, more: str = "") -> str:
    """Bounds of all tries and of each, in milliseconds."""
    each = f", firstToken: {one}ms, answer: {one}ms" if one else ""
    return f"timeouts: {{total: {total}ms{each}{more}}}"


CLAUSES = {
    "one": f"{DOWN}, {times(400)}",
    "one-told": f"{TOLD}, {times(400)}",
    "later": f"{DOWN}, {times(700, 400)}",
    "later-told": f"{TOLD}, {times(700, 400)}",
    "scarce": f"{DOWN}, {times(460, 400)}",
    "scarce-told": f"{TOLD}, {times(460, 400)}",
    "again": f"{AGAIN}, {times(1100, 400)}",
    "again-scarce": f"{AGAIN}, {times(860, 400)}",
    "hurried": f"{DOWN}, {times(HURRY_MS)}",
    "hurried-again": f"{AGAIN}, {times(HURRY_MS)}",
    "hurried-told": f"{TOLD}, {times(HURRY_MS)}",
    **{f"spent-{at}": f"retries: {{attempts: 4, budgetPercent: 0}}, {times(400)}" for at in range(10)},
    "wide": f"{DOWN}, {times(20_000, 400)}",
    "lax": f"{TOLD}, {times(20_000, 400)}",
    "deaf-ears": f"{DOWN}, {times(20_000, 400, ', clientMayLower: false')}",
    "gap": f"{DOWN}, {times(20_000, 400, ', betweenTokens: 600ms')}",
    "long": f"{DOWN}, {times(20_000, 400, ', betweenTokens: 900ms, stream: 1s')}",
    "only-answer": f"{DOWN}, timeouts: {{total: 1s, answer: 300ms}}",
    "only-first": f"{DOWN}, timeouts: {{total: 1s, firstToken: 300ms}}",
}
POLICIES = [laddered(name, clauses) for name, clauses in CLAUSES.items()]


def repeated(count: int, *steps: Step) -> list[Step]:
    return [*steps] * count


def late(target: str, after_ms: float) -> Try:
    return Try(target, "timeout", 0, after_ms)


@dataclass(frozen=True)
class Row:
    """Under this policy, where engines do this, a request comes to that. What they do is the same in both forms."""

    policy: str
    ending: Ending
    asked: str | None = None
    """What the caller says of its time."""
    play: dict[str, Sequence[Step]] = field(default_factory=dict)


SILENT: Sequence[Step] = [Stall()]
ALL_SILENT = {"small": SILENT, "medium": SILENT, "large": SILENT}
FAILS = json_answer(500)
NUMBERS = itertools.count()
"""Each request needs a budget that nobody has spent, and so a policy of its own."""
ENDS: list[Step] = [Chunk(sse_event("from small")), EndChunks()]
ROWS = {
    # Time runs out.
    "during the first try": Row("one", refused(0, "timeout", late("small", 400)), play=ALL_SILENT),
    "during the first try, and the ladder answers": Row(
        "one-told", canned(3, "timeout", late("small", 400)), play=ALL_SILENT
    ),
    "during a later try": Row(
        "later", refused(1, "timeout", late("small", 400), late("medium", 300)), play=ALL_SILENT
    ),
    "during a later try, and the ladder answers": Row(
        "later-told", canned(3, "timeout", late("small", 400), late("medium", 300)), play=ALL_SILENT
    ),
    "during a try behind one that failed at once": Row(
        "one", refused(1, "timeout", Try("small", "5xx", 500), late("medium", 400)), play={**ALL_SILENT, "small": FAILS}
    ),
    "during a repeat": Row(
        "again", refused(0, "timeout", late("small", 400), late("small", 400), late("small", 300)), play=ALL_SILENT
    ),
    "before a fall, for which too little is left": Row(
        "scarce", refused(0, "timeout", late("small", 400)), play={"small": SILENT}
    ),
    "before a fall, and the ladder answers": Row(
        "scarce-told", canned(3, "timeout", late("small", 400)), play={"small": SILENT}
    ),
    "before a repeat, for which too little is left": Row(
        "again-scarce", refused(0, "timeout", late("small", 400), late("small", 400)), play=ALL_SILENT
    ),
    "before a fall, though the try itself failed otherwise": Row(
        "hurried", refused(0, "timeout", Try("small", "5xx", 500)), play={"small": FAILS}
    ),
    "before a repeat, though the try itself failed otherwise": Row(
        "hurried-again", refused(0, "timeout", Try("small", "5xx", 500)), play={"small": FAILS}
    ),
    "before a fall in a hurry, and the ladder answers": Row(
        "hurried-told", canned(3, "timeout", Try("small", "5xx", 500)), play={"small": FAILS}
    ),
    # Time is left.
    "the time of one try leads on": Row(
        "wide", served("medium", 1, "timeout", late("small", 400), ok("medium")), play={"small": SILENT}
    ),
    "the time of each try is its own": Row(
        "wide",
        served("large", 2, "timeout", late("small", 400), late("medium", 400), ok("large")),
        play={"small": SILENT, "medium": SILENT},
    ),
    "all of them were too slow": Row(
        "wide", refused(2, "timeout", late("small", 400), late("medium", 400), late("large", 400)), play=ALL_SILENT
    ),
    "enough is left for another try": Row(
        "later", served("medium", 1, "timeout", late("small", 400), ok("medium")), play={"small": SILENT}
    ),
    # What the caller says.
    "a caller lowers the time of all": Row("lax", canned(3, "timeout", late("small", 250)), "250ms", ALL_SILENT),
    "a caller lowers it and there is time for two": Row(
        "wide", refused(1, "timeout", late("small", 400), late("medium", 300)), "0.7", ALL_SILENT
    ),
    "a caller leaves too little for another try": Row(
        "wide", refused(0, "timeout", late("small", 400)), "460ms", {"small": SILENT}
    ),
    "a caller in a hurry has one try": Row(
        "wide", refused(0, "timeout", Try("small", "5xx", 500)), f"{HURRY_MS}ms", {"small": FAILS}
    ),
    "a caller cannot raise it": Row(
        "later", refused(1, "timeout", late("small", 400), late("medium", 300)), "10m", ALL_SILENT
    ),
    "a caller cannot raise the time of one try": Row(
        "wide", served("medium", 1, "timeout", late("small", 400), ok("medium")), "10s", {"small": SILENT}
    ),
    "a caller may not be asked": Row(
        "deaf-ears", served("medium", 1, "timeout", late("small", 400), ok("medium")), "100ms", {"small": SILENT}
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
def test_time(scene: Scene, row: Row, *, stream: bool) -> None:
    scene.play(**row.play)
    before = scene.heard()
    began_s = time.monotonic()
    answer = scene.ask(row.policy, headers={"x-request-timeout": row.asked} if row.asked else (), stream=stream)
    took_ms = (time.monotonic() - began_s) * 1000
    record = scene.check(answer, row.ending, stream=stream)
    planned_ms = sum(it.after_ms for it in row.ending.tries)
    assert planned_ms - 60 <= took_ms <= planned_ms + 600, record
    tried = [it.target for it in row.ending.tries]
    assert scene.heard() == {name: count + tried.count(name) for name, count in before.items()}


@pytest.mark.parametrize("stream", [False, True])
def test_where_time_is_over_nobody_asks_what_the_budget_has_left(scene: Scene, *, stream: bool) -> None:
    """The budget grants three repeats, and in the third the time runs out. It is the time that says no to a fourth."""
    for _ in range(5):
        scene.play(small=in_turn(FAILS, FAILS, FAILS, list(SILENT)))
        ending = refused(0, "timeout", *[Try("small", "5xx", 500)] * 3, late("small", 400))
        scene.check(scene.ask(f"spent-{next(NUMBERS)}", stream=stream), ending, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asked", ["soon", "0", "-1"])
def test_a_time_that_is_none_is_asked_of_nobody(scene: Scene, asked: str, *, stream: bool) -> None:
    before = scene.heard()
    record = scene.gateway.record(scene.ask("wide", headers={"x-request-timeout": asked}, stream=stream))
    assert (record["status"], record["reason"], record["attempts"]) == (400, "invalid_timeout", [])
    assert scene.heard() == before


def test_who_is_left_in_time_hears_that_nobody_waits(scene: Scene) -> None:
    scene.play(**ALL_SILENT)
    scene.ask("wide")
    for engine in scene.engines.values():
        engine.wait_until_gone()


def test_the_request_itself_takes_none_of_the_time(scene: Scene) -> None:
    """It is whole before the clock begins."""

    def slowly() -> Iterator[bytes]:
        yield b'{"model": "one", '
        time.sleep(0.6)
        yield b'"messages": []}'

    answer = scene.gateway.send(Request(body=slowly()))
    assert scene.gateway.record(answer)["reason"] == "wanted"


# Which bound is for what.


def test_a_slow_answer_within_its_bounds_is_an_answer(scene: Scene) -> None:
    scene.play(small=[Wait(SLOW_MS / 1000), *json_answer(200, '"from small"')])
    scene.check(scene.ask("wide"), served("small", 0, "wanted", ok("small", SLOW_MS)))


def test_the_bound_of_a_json_answer_is_none_of_a_stream(scene: Scene) -> None:
    scene.play(small=[EVENTS, Wait(0.6), TOKEN, *ENDS])
    scene.check(scene.ask("only-answer", stream=True), served("small", 0, "wanted", ok("small", 600)), stream=True)
    scene.play(small=[WHOLE, HALF, Stall()])
    ending = served("medium", 1, "timeout", late("small", 300), ok("medium"))
    scene.check(scene.ask("only-answer"), ending)


def test_the_bound_of_a_first_token_is_none_of_a_json_answer(scene: Scene) -> None:
    scene.play(small=[Wait(0.6), *json_answer(200, '"from small"')])
    scene.check(scene.ask("only-first"), served("small", 0, "wanted", ok("small", 600)))
    scene.play(small=SILENT)
    ending = served("medium", 1, "timeout", late("small", 300), ok("medium"))
    scene.check(scene.ask("only-first", stream=True), ending, stream=True)


def test_a_running_stream_has_no_other_bound_than_its_gap(scene: Scene) -> None:
    """Neither the time of its try nor that of all tries ends it."""
    scene.play(small=[EVENTS, *repeated(6, TOKEN, Wait(0.2)), *ENDS])
    answer = scene.ask("later", stream=True)
    assert answer.complete
    scene.check(answer, served("small", 0, "wanted", ok("small")), stream=True)


@pytest.mark.parametrize("tokens", [1, 3])
def test_a_gap_that_is_too_long_breaks_a_stream(scene: Scene, tokens: int) -> None:
    scene.play(small=[EVENTS, *repeated(tokens, TOKEN, Wait(0.2)), Stall()])
    answer = scene.ask("gap", stream=True)
    torn(scene, answer)
    assert len(answer.sse()) == tokens
    assert 600 <= scene.gateway.record(answer)["ms"]["total"] <= 600 + 200 * tokens + 500


def test_a_gap_that_is_too_long_breaks_a_stream_of_a_later_try(scene: Scene) -> None:
    scene.play(small=FAILS, medium=[EVENTS, *repeated(3, TOKEN, Wait(0.2)), Wait(2.5), TOKEN, EndChunks()])
    answer = scene.ask("gap", stream=True)
    assert (answer.complete, len(answer.sse())) == (False, 3)
    assert scene.gateway.record(answer)["reason"] == "truncated"


def test_a_gap_that_is_short_enough_breaks_nothing(scene: Scene) -> None:
    scene.play(small=[EVENTS, *repeated(3, TOKEN, Wait(0.35)), *ENDS])
    answer = scene.ask("gap", stream=True)
    assert (answer.complete, len(answer.sse())) == (True, 4)


def test_a_stream_as_a_whole_is_bounded(scene: Scene) -> None:
    scene.play(small=[EVENTS, *repeated(40, TOKEN, Wait(0.1)), *ENDS])
    answer = scene.ask("long", stream=True)
    torn(scene, answer)
    assert 900 <= scene.gateway.record(answer)["ms"]["total"] <= 1600


def torn(scene: Scene, answer: Answer) -> None:
    """The caller has what came, nobody else is asked, and the record alone says how it ended."""
    before = scene.heard()
    assert not answer.complete
    ending = served("small", 0, "truncated", Try("small", "truncated", 200), header="wanted")
    scene.check(answer, ending, stream=True)
    assert scene.heard() == before
