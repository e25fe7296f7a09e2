"""Requests through all scripts, whatever becomes of their tries: what each model gets, and what is noted of it."""

from dataclasses import dataclass
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from modelfleet.envoy.names import MOST_ATTEMPTS
from tests.sizes import scale
from tests.support.documents import model, policy
from tests.support.luahandle import JSON
from tests.support.luajourney import BODY, KEY, Journey, Worker
from tests.support.strategies import FLAGS

KINDS = ("connect", "reset", "timeout", "overload", "5xx")
MINE = "Bearer caller"
MOST_TRIES = 12
CREDENTIALS = {"own": None, "keyed": {"secretRef": {"name": "keys", "key": "token"}}, "passing": {"passThrough": True}}


@dataclass(frozen=True)
class Engine:
    """What stands behind a tier."""

    alias: str
    kind: str
    path: str

    def document(self, name: str) -> Any:
        if self.kind == "own":
            return model(f"model: {{name: {self.alias}}}", name=name)
        external = {"url": f"https://api.example.com{self.path}", "credentials": CREDENTIALS[self.kind]}
        return model(f"model: {{name: {self.alias}}}", name=name, engine=None, external=external)

    def credentials(self, callers: str | None) -> str | None:
        return {"own": None, "keyed": KEY[1], "passing": callers}[self.kind]


ENGINES = st.builds(
    Engine,
    st.sampled_from(["auto", "a", "a-longer-name"]),
    st.sampled_from(list(CREDENTIALS)),
    st.sampled_from(["/v1", "/other"]),
)
OUTCOMES = st.sampled_from(["connect", "reset", "timeout", "overload", "5xx", "ok"])
TURNS = st.lists(st.tuples(OUTCOMES, st.sets(st.integers(0, 3))), min_size=26, max_size=26)
STATUS = {"overload": 429, "5xx": 500}


@dataclass(frozen=True)
class Case:
    engines: list[Engine]
    attempts: int
    retry_on: list[str] | None
    answers: bool

    def worker(self) -> Worker:
        names = [f"m{place}" for place in range(len(self.engines))]
        retries: dict[str, Any] = {"attempts": self.attempts}
        if self.retry_on:
            retries["retryOn"] = self.retry_on
        made = policy(
            tiers=[{"name": name, "models": [{"name": name}]} for name in names],
            degrade=[*({"tier": name} for name in names[1:]), *([{"answer": {"body": "x"}}] if self.answers else [])],
            retries=retries,
            timeouts={"answer": "1s"},
        )
        return Worker(made, *(engine.document(name) for name, engine in zip(names, self.engines, strict=True)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    engines = draw(st.lists(ENGINES, min_size=1, max_size=4))
    attempts = draw(st.integers(0, MOST_TRIES // len(engines) - 1))
    kinds = draw(st.none() | st.lists(st.sampled_from(KINDS), min_size=1, unique=True))
    return Case(engines, attempts, kinds, draw(FLAGS))


def turned(asked: Journey, outcome: str) -> None:
    """One try comes to this."""
    if outcome == "connect":
        asked.refused()
    elif outcome in STATUS:
        asked.failed(STATUS[outcome])
    else:
        asked.silent(1_000 if outcome == "timeout" else 5)


def way(place: int) -> str:
    return f"default/m{place}/way"


@settings(max_examples=scale(50, 3_000))
@given(cases(), TURNS, FLAGS)
def test_whatever_becomes_of_its_tries_a_request_gets_to_its_end_in_good_order(
    case: Case, turns: list[tuple[str, set[int]]], has_key: bool
) -> None:
    worker, outcomes = case.worker(), list[str]()
    worker.absent = {way(place) for place in turns[0][1]}
    asked = worker.ask(headers=[("authorization", MINE)] if has_key else [])
    while asked.said is None:
        outcome, absent = turns[len(outcomes)]
        outcomes.append(outcome)
        worker.absent = {way(place) for place in absent}
        if outcome == "ok":
            asked.told(asked.answered(200, JSON).resume())
            break
        turned(asked, outcome)
    if asked.said:
        asked.told()
    event(f"{len(outcomes)} tries")
    assert_sent(case, asked, MINE if has_key else None)
    assert_noted(case, asked, outcomes)


def assert_sent(case: Case, asked: Journey, callers: str | None) -> None:
    """Each model got what is its own, and each rung its turn."""
    places = [int(it.cluster.removeprefix("default/m").removesuffix("/way")) for it in asked.sent]
    assert places == sorted(places)
    assert all(places.count(place) <= case.attempts + 1 for place in places)
    for place, sent in zip(places, asked.sent, strict=True):
        engine = case.engines[place]
        assert sent.body == BODY.replace(b"auto", engine.alias.encode())
        assert sent.headers.get("content-length", str(len(sent.body))) == str(len(sent.body))
        path = "/v1" if engine.kind == "own" else engine.path
        assert sent.headers[":path"] == f"{path}/chat/completions"
        assert sent.headers.get("authorization") == engine.credentials(callers)
        assert not [name for name in sent.headers if name.startswith("x-modelfleet-")]
    # What comes after the last of them would go where nobody looks any more.
    assert asked.made <= MOST_ATTEMPTS


def assert_noted(case: Case, asked: Journey, outcomes: list[str]) -> None:
    """What is noted is what happened."""
    record = asked.record
    attempts = [(it["target"], it["reason"]) for it in record["attempts"]]
    sent = [it.cluster.removeprefix("default/").removesuffix("/way") for it in asked.sent]
    assert attempts == list(zip(sent, outcomes, strict=True))
    skipped = record["skipped"] or []
    assert {it["reason"] for it in skipped} <= {"no_capacity", "budget"}
    assert len({it["target"] for it in skipped}) == len(skipped)
    if asked.said is None:
        assert record["served"]["model"] == sent[-1]
        assert record["rung"] == int(sent[-1][1:])
        return
    assert record["served"] is None
    assert record["reason"] in {*KINDS, "no_capacity"}
    if case.answers:
        assert record["rung"] == len(case.engines)
    else:
        last = max([*sent, *(it["target"] for it in skipped)])
        assert f"m{record['rung']}" == last
        assert asked.said[0] == (504 if record["reason"] == "timeout" else 503)
