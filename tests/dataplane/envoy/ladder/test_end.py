"""How a request ends that nobody could serve: the ladder's own words, or an error that says when to come back."""

import json
from typing import NamedTuple

import pytest

from tests.dataplane.envoy.ladder.kinds import KINDS
from tests.dataplane.envoy.ladder.scene import (
    GONE,
    NONE,
    Ending,
    Scene,
    Try,
    laddered,
    refused,
)
from tests.dataplane.support.client import CHAT
from tests.dataplane.support.expect import error_of, said
from tests.dataplane.support.steps import Stall, Status, Step, json_answer

COMPLETIONS, EMBEDDINGS = "/v1/completions", "/v1/embeddings"
WORDS = 'We are "busy".\n\\ Ü 工具\t'
STATUSES = (200, 202, 400, 422, 429, 500, 503, 529)
BOUND = "timeouts: {total: 10s, firstToken: 300ms, answer: 300ms}"
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def answers(status: int) -> str:
    return f"degrade: [{{answer: {json.dumps({'status': status, 'body': WORDS})}}}]"


POLICIES = [
    *(laddered(f"says-{status}", f"{answers(status)}, {BOUND}") for status in STATUSES),
    laddered("says-gone", answers(200), first=GONE),
    laddered("says-none", answers(200), first=NONE),
    laddered("bare", f"retries: {{attempts: 0}}, {BOUND}"),
    laddered("falls", f"degrade: [{{tier: mid}}], {BOUND}"),
    laddered("gone", "retries: {attempts: 0}", first=GONE),
    laddered("none", "retries: {attempts: 0}", first=NONE),
    laddered("to-none", f"rules: [{{name: mid, tier: mid}}], degrade: [{{tier: light}}], {BOUND}", first=NONE),
]


# The ladder's own words.

FORMS = [(CHAT, False), (CHAT, True), (COMPLETIONS, False), (COMPLETIONS, True), (EMBEDDINGS, False)]


@pytest.mark.parametrize(("path", "stream"), FORMS)
@pytest.mark.parametrize("status", STATUSES)
def test_the_words_take_the_form_that_the_caller_asked_for(
    scene: Scene, status: int, path: str, *, stream: bool
) -> None:
    fail = KINDS["5xx"]
    scene.play(small=fail.steps)
    answer = scene.ask(f"says-{status}", path, stream=stream)
    told = 503 if status < 400 and path == EMBEDDINGS else status
    ending = Ending(1, "5xx", [fail.of("small")], status=told, words=WORDS)
    scene.check(answer, ending, path, stream=stream)
    assert (answer.header("retry-after") is not None) >= (told == 503)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_words_come_whatever_went_wrong(scene: Scene, kind: str, *, stream: bool) -> None:
    fail = KINDS[kind]
    scene.play(small=fail.steps)
    ending = Ending(1, kind, [fail.of("small")], words=WORDS)
    scene.check(scene.ask("says-200", stream=stream), ending, stream=stream)


def test_the_words_come_where_nobody_is(scene: Scene) -> None:
    ending = Ending(1, "connect", [Try(GONE, "connect")], words=WORDS, wanted=("light", GONE))
    scene.check(scene.ask("says-gone"), ending)
    skipped = [(NONE, "light", "no_capacity")]
    scene.check(scene.ask("says-none"), Ending(1, "no_capacity", skipped=skipped, words=WORDS, wanted=("light", NONE)))


def test_the_words_have_a_model_and_no_tokens(scene: Scene) -> None:
    scene.play(small=json_answer(500))
    value = scene.ask("says-200").json()
    assert (value["model"], value["choices"][0]["finish_reason"]) == ("says-200", "stop")
    assert value["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    streamed = [event.json() for event in scene.ask("says-200", stream=True).sse()[:-1]]
    assert [value["choices"][0]["finish_reason"] for value in streamed] == [None, "stop"]


# An error.


class Row(NamedTuple):
    """What engines do under a policy, and how it ends."""

    policy: str
    small: list[Step]
    ending: Ending
    retry_after: str | None = "1"
    medium: list[Step] = json_answer()


def overloaded(status: int, retry_after: str) -> list[Step]:
    return json_answer(status, "{}", {"retry-after": retry_after})


def one(kind: str, status: int = 0, after_ms: float = 0) -> Ending:
    return refused(0, kind, Try("small", kind, status, after_ms))


def two(kind: str, status: int, first: Try) -> Ending:
    return refused(1, kind, first, Try("medium", kind, status))


BOTH = Try("small", "overload", 503)
ROWS = {
    "a reset": Row("bare", list(KINDS["reset"].steps), one("reset")),
    "an error": Row("bare", json_answer(500, "theirs"), one("5xx", 500)),
    "an error that says when to come back": Row("bare", overloaded(500, "17"), one("5xx", 500)),
    "a refused key": Row("bare", overloaded(401, "17"), one("5xx", 401)),
    "silence": Row("bare", [Stall()], one("timeout", 0, 300), None),
    "429": Row("bare", json_answer(429), one("overload", 429)),
    "429 that says when": Row("bare", overloaded(429, "17"), one("overload", 429), "17"),
    "429 that says on what day": Row("bare", overloaded(429, DATE), one("overload", 429), DATE),
    "503 that says when": Row("bare", overloaded(503, "18"), one("overload", 503), "18"),
    "529 that says when": Row("bare", overloaded(529, "19"), one("overload", 529), "19"),
    "429 that owes its body": Row(
        "bare",
        [Status(429, [("content-length", "100"), ("retry-after", "17")]), Stall()],
        one("overload", 429),
        "17",
    ),
    "the last of two overloads counts": Row(
        "falls", overloaded(503, "17"), two("overload", 429, BOTH), "18", overloaded(429, "18")
    ),
    "the last of two overloads says nothing": Row(
        "falls", overloaded(503, "17"), two("overload", 429, BOTH), "1", json_answer(429)
    ),
    "an overload and then an error": Row("falls", overloaded(503, "17"), two("5xx", 502, BOTH), "1", json_answer(502)),
    "an error and then silence": Row(
        "falls",
        json_answer(502),
        refused(1, "timeout", Try("small", "5xx", 502), Try("medium", "timeout", 0, 300)),
        None,
        [Stall()],
    ),
    "silence and then an error": Row(
        "falls", [Stall()], two("5xx", 502, Try("small", "timeout", 0, 300)), "1", json_answer(502)
    ),
    "an overload and then nobody": Row(
        "to-none",
        json_answer(),
        refused(
            1,
            "no_capacity",
            Try("medium", "overload", 503),
            skipped=[(NONE, "light", "no_capacity")],
            wanted=("mid", "medium"),
        ),
        "17",
        overloaded(503, "17"),
    ),
    "silence and then nobody": Row(
        "to-none",
        json_answer(),
        refused(
            1,
            "no_capacity",
            Try("medium", "timeout", 0, 300),
            skipped=[(NONE, "light", "no_capacity")],
            wanted=("mid", "medium"),
        ),
        "1",
        [Stall()],
    ),
    "nobody listens": Row("gone", [], refused(0, "connect", Try(GONE, "connect"), wanted=("light", GONE))),
    "nobody is": Row(
        "none", [], refused(0, "no_capacity", skipped=[(NONE, "light", "no_capacity")], wanted=("light", NONE))
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
def test_an_end_without_an_answer(scene: Scene, row: Row, *, stream: bool) -> None:
    scene.play(small=row.small, medium=row.medium)
    answer = scene.ask(row.policy, stream=stream)
    scene.check(answer, row.ending, stream=stream)
    assert answer.header("retry-after") == row.retry_after
    assert answer.header("content-length") == str(len(answer.body))
    assert b"theirs" not in answer.body


@pytest.mark.parametrize("path", [COMPLETIONS, EMBEDDINGS, "/v1/responses"])
def test_an_end_without_an_answer_is_the_same_on_every_path(scene: Scene, path: str) -> None:
    scene.play(small=json_answer(429))
    answer = scene.ask("bare", path)
    error_of(answer, 503, "overload")
    assert said(answer)["attempts"] == "1"
