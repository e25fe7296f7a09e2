"""Three engines on one stage. A test says what each does, and what must stand in the whole record."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request
from tests.dataplane.support.expect import error_of, said
from tests.dataplane.support.fleets import Raw, fleet, hosted, model, policy
from tests.dataplane.support.gateway import Endpoints, RealGateway
from tests.dataplane.support.headers import HeadersLike
from tests.dataplane.support.received import Received
from tests.dataplane.support.records import Record
from tests.dataplane.support.steps import Program, Step, chat_answer, sse_answer
from tests.dataplane.support.unreachable import deaf, refusing
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.dataplane.support.words import words_of

ENGINES = ("small", "medium", "large")
GONE, DEAF, NONE = "gone", "deaf", "none"
"""Models behind which nobody listens, nobody answers a connect, and nobody is."""
PASSING = "passing"
"""The small engine as a hosted model, to which the caller's own credentials go."""
TIERS = {"small": "light", "medium": "mid", "large": "frontier", PASSING: "light"}
EARLY_MS, LATE_MS = 30.0, 450.0
BUSY = "We are busy"
ANSWER = f"{{answer: {{body: {BUSY}}}}}"
LADDER = f"degrade: [{{tier: mid}}, {{tier: frontier}}, {ANSWER}]"
PATIENT = "breaker: {consecutive: 1000}"
"""What fails here on purpose must not be left alone for it."""


Play = Sequence[Step] | Callable[[Received], Program]


class Try(NamedTuple):
    """One entry of a record's attempts. A bound is when it is to end; what no bound ends, ends at once."""

    target: str
    reason: str = "ok"
    status: int = 0
    after_ms: float = 0


def ok(target: str, after_ms: float = 0) -> Try:
    return Try(target, "ok", 200, after_ms)


@dataclass(frozen=True)
class Ending:
    """All that is to be said of a request. Without `served` the gateway itself answers: with words or with an error."""

    rung: int
    reason: str
    tries: Sequence[Try] = ()
    served: str = ""
    skipped: Sequence[tuple[str, str | None, str]] = ()
    status: int = 200
    words: str = ""
    code: str = ""
    wanted: tuple[str | None, str | None] = ("light", "small")
    header: str = ""
    """The reason that the header tells, where it was sent before the end was known."""


def served(target: str, rung: int, reason: str, *tries: Try, **more: Any) -> Ending:
    return Ending(rung, reason, tries, target, **more)


def canned(rung: int, reason: str, *tries: Try, **more: Any) -> Ending:
    return Ending(rung, reason, tries, words=BUSY, **more)


def refused(rung: int, code: str, *tries: Try, **more: Any) -> Ending:
    return Ending(rung, code, tries, status=504 if code == "timeout" else 503, code=code, **more)


class Scene:
    """One gateway with all policies of a module; an engine that a test says nothing of answers well."""

    def __init__(self, gateway: RealGateway, engines: Mapping[str, ScriptedUpstream]) -> None:
        self.gateway = gateway
        self.engines = engines

    def __getitem__(self, name: str) -> ScriptedUpstream:
        return self.engines[name]

    def begin(self) -> None:
        for name, engine in self.engines.items():
            engine.hold()
            engine.script = fine(name)

    def end(self) -> None:
        for engine in self.engines.values():
            engine.release()
            engine.cut()
            engine.wait_until_open(0)

    def play(self, **scripts: Play) -> None:
        for name, script in scripts.items():
            self.engines[name].script = script if callable(script) else list(script)

    def ask(self, served: str, path: str = CHAT, headers: HeadersLike = (), **extra: Any) -> Answer:
        return self.gateway.send(Request(path, asking(served, path, **extra), headers))

    def heard(self) -> dict[str, int]:
        """How many requests each engine has had so far."""
        return {name: len(engine.requests) for name, engine in self.engines.items()}

    def check(self, answer: Answer, ending: Ending, path: str = CHAT, *, stream: bool = False) -> Record:
        """The answer, its headers and its record are all as they should be."""
        record = self.gateway.record(answer)
        check_tries(record, ending.tries)
        assert skips(record) == list(ending.skipped), record
        told = said(answer)
        assert (told["attempts"], told["rung"]) == (str(len(ending.tries)), str(ending.rung)), (told, record)
        assert (record["rung"], record["reason"]) == (ending.rung, ending.reason), record
        assert (record["status"], record["stream"]) == (answer.status, stream), record
        assert (record["tier"], record["target"]) == ending.wanted, record
        assert told["reason"] == (ending.header or ending.reason), (told, record)
        of = record["served"] or {}
        tier = TIERS.get(ending.served)
        assert (of.get("tier"), of.get("model")) == (tier, ending.served or None), record
        assert (told["tier"], told["model"]) == (tier or "-", ending.served or "-"), (told, record)
        _check_answer(answer, ending, path, stream=stream)
        return record


def skips(record: Record) -> list[tuple[str, str | None, str]]:
    return [(it["target"], it.get("tier"), it["reason"]) for it in record["skipped"] or ()]


def check_tries(record: Record, tries: Iterable[Try]) -> None:
    """Each try, and nothing beside them."""
    expected = list(tries)
    found = record["attempts"]
    assert [(it["target"], it["reason"], it["status"]) for it in found] == [it[:3] for it in expected], record
    behind = 0.0
    for planned, attempt in zip(expected, found, strict=True):
        assert set(attempt) == {"target", "status", "reason", "ms"}, attempt
        # What a busy machine took from the time of all tries, the tries before it have had.
        earliest = planned.after_ms - EARLY_MS - behind
        assert earliest <= attempt["ms"] <= planned.after_ms + LATE_MS, (planned, record)
        behind += max(0.0, attempt["ms"] - planned.after_ms)


def _check_answer(answer: Answer, ending: Ending, path: str, *, stream: bool) -> None:
    if ending.code:
        error_of(answer, ending.status, ending.code)
        assert (answer.header("retry-after") is not None) == (ending.status == 503), answer
        return
    assert answer.status == ending.status, answer
    if ending.words:
        assert words_of(answer, path, stream=stream) == ending.words, answer
    elif answer.complete and ending.status == 200:
        assert f"from {ending.served}" in answer.text, answer


# What the engines do, and what they are asked.


def fine(name: str) -> Callable[[Received], Program]:
    """A good answer in the form that was asked for, which says whose it is."""
    return lambda seen: (
        sse_answer([f"from {name}", " and more"], model=name)
        if b'"stream": true' in seen.body
        else chat_answer(name, f"from {name}")
    )


def asking(served: str, path: str = CHAT, **extra: object) -> bytes:
    prompts: dict[str, Any] = {
        CHAT: {"messages": [{"role": "user", "content": "hi"}]},
        "/v1/completions": {"prompt": "hi"},
        "/v1/embeddings": {"input": "hi"},
    }
    return json.dumps({"model": served, **prompts.get(path, prompts[CHAT]), **extra}).encode()


# What stands behind the gateway.


def laddered(name: str, clauses: str, first: str = "small", breaker: str = PATIENT) -> Raw:
    """A policy of the three tiers, of which the first may have another model."""
    models = {"light": first, "mid": "medium", "frontier": "large"}
    tiers = ", ".join(f"{{name: {tier}, models: [{{name: {it}}}]}}" for tier, it in models.items())
    return policy(name, f"{{serves: {{models: [{name}]}}, tiers: [{tiers}], {clauses}, {breaker}}}")


@contextmanager
def on_stage(*objects: Raw, endpoints: Endpoints | None = None) -> Iterator[Scene]:
    """The engines, those that are not there, and whatever else the test brings."""
    with ExitStack() as stack:
        engines = {name: stack.enter_context(ScriptedUpstream()) for name in ENGINES}
        at: dict[str, Any] = {name: engine.address for name, engine in engines.items()}
        at |= {GONE: stack.enter_context(refusing()), DEAF: stack.enter_context(deaf()), **(endpoints or {})}
        own = [model(name) for name in (*ENGINES, GONE, DEAF, NONE)]
        far = hosted(PASSING, f"http://127.0.0.1:{engines['small'].port}/v1", {"passThrough": True})
        yield Scene(stack.enter_context(RealGateway(fleet(far, *own, *objects), at)), engines)


@contextmanager
def performance(scene: Scene) -> Iterator[Scene]:
    """One test on it, of which the next sees nothing."""
    scene.begin()
    yield scene
    scene.end()
