"""The real thing: one gateway with the policies of all pairs, and upstreams that play what each pair says."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.dataplane.referee.model import author
from tests.dataplane.referee.pairs import EMPTY, LONGEST_MS, PASSING, REFUSING, SCRIPTED, Pair
from tests.dataplane.referee.reading import Asked
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Request
from tests.dataplane.support.fleets import Raw, fleet, hosted, model, policy
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.received import Received
from tests.dataplane.support.records import ID, Record
from tests.dataplane.support.steps import Step
from tests.dataplane.support.unreachable import refusing
from tests.dataplane.support.upstream import ScriptedUpstream

AT_ONCE = 32
PATIENCE_S = 4 * LONGEST_MS / 1000
TICK_S = 0.005
RAMP_S = 0.03
"""Envoy's first requests take longer than those behind them, so not all begin at once."""
PROMPTS: Mapping[str, Mapping[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
}


@dataclass(frozen=True)
class Seen:
    """What became of a pair's request, which models heard of it in this order, and how late our clock was then."""

    answer: Answer
    record: Record | None
    heard: list[str]
    late_ms: float


class Ticking:
    """A clock that nobody should disturb: where it is late, so is everything, and times say nothing."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticking", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def late_ms(self, begin_s: float, end_s: float) -> float:
        """The longest that it was late between two moments of `time.monotonic()`."""
        return max((late * 1000 for at, late in list(self._late) if begin_s <= at <= end_s + late), default=0.0)

    def _run(self) -> None:
        due_s = time.monotonic() + TICK_S
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            now_s = time.monotonic()
            if now_s - due_s > 2 * TICK_S:
                self._late.append((now_s, now_s - due_s))
            due_s = now_s + TICK_S


class Player:
    """What one model's replica does: for each pair its own replies, in turn. Its upstream's thread alone calls it."""

    def __init__(self, name: str, pairs: Mapping[str, Pair]) -> None:
        self._name, self._pairs = name, pairs
        self._served: Counter[str] = Counter()

    def __call__(self, request: Received) -> list[Step]:
        user = user_of(request)
        self._served[user] += 1
        replies = self._pairs[user.partition("/")[0]].hosts[self._name].replies
        number = self._served[user]
        return replies[min(number, len(replies)) - 1].steps(author(self._name, number))


class Arena:
    """Pairs are asked while it is entered, many at once, each as often as one likes."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._pairs = {pair.name: pair for pair in pairs}
        self._stack = ExitStack()
        self._round = 0
        self._began_s = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._ticking = stack.enter_context(Ticking())
            self._upstreams = {
                name: stack.enter_context(ScriptedUpstream(Player(name, self._pairs))) for name in (*SCRIPTED, PASSING)
            }
            endpoints = {name: self._upstreams[name].address for name in SCRIPTED}
            endpoints[REFUSING] = stack.enter_context(refusing())
            self._gateway = stack.enter_context(RealGateway(self._fleet(), endpoints))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _fleet(self) -> str:
        own = [model(name) for name in (*SCRIPTED, REFUSING, EMPTY)]
        far = hosted(PASSING, f"http://127.0.0.1:{self._upstreams[PASSING].port}/v1", {"passThrough": True})
        return fleet(far, *own, *(_policy(pair) for pair in self._pairs.values()))

    def ask(self, pairs: Iterable[Pair], at_once: int = AT_ONCE) -> list[Seen]:
        """What became of each. A request that got no answer at all has no record."""
        self._round += 1
        self._began_s = time.monotonic()
        asked = list(pairs)
        with ThreadPoolExecutor(at_once) as pool:
            sent = [pool.submit(self._send, pair, min(number, at_once) * RAMP_S) for number, pair in enumerate(asked)]
            answers = [future.result() for future in sent]
        records = self._records([answer for answer, _ in answers])
        heard = self._heard()
        return [
            Seen(answer, records.get(answer.header(ID) or ""), heard.get(self._user(pair), []), late_ms)
            for pair, (answer, late_ms) in zip(asked, answers, strict=True)
        ]

    def _send(self, pair: Pair, at_s: float) -> tuple[Answer, float]:
        time.sleep(max(0.0, self._began_s + at_s - time.monotonic()))
        began_s = time.monotonic()
        answer = self._gateway.send(request_of(pair.asked, pair.name, self._user(pair)), PATIENCE_S)
        return answer, self._ticking.late_ms(began_s, time.monotonic())

    def _user(self, pair: Pair) -> str:
        return f"{pair.name}/{self._round}"

    def _records(self, answers: list[Answer]) -> dict[str, Record]:
        wanted = {id_ for answer in answers if (id_ := answer.header(ID))}
        found: dict[str, Record] = {}

        def all_there() -> bool:
            found.update({record["id"]: record for record in self._gateway.records.all()})
            return wanted <= found.keys()

        wait_for(all_there, "a record of every answer")
        return found

    def _heard(self) -> dict[str, list[str]]:
        """Of each pair the models that were asked, in order; each was asked for by its own name."""
        requests = [(name, it) for name, upstream in self._upstreams.items() for it in upstream.requests if it.whole_s]
        heard: dict[str, list[str]] = {}
        for name, request in sorted(requests, key=lambda it: it[1].arrived_s):
            own = request.json()["model"] == f"engine-{name}"
            heard.setdefault(user_of(request), []).append(name if own else f"{name} as {request.json()['model']}")
        return heard


def _policy(pair: Pair) -> Raw:
    return policy(pair.name, json.dumps(pair.policy))


def user_of(request: Received) -> str:
    return str(request.json()["user"])


def request_of(asked: Asked, served: str, user: str) -> Request:
    body: dict[str, Any] = {
        "model": served,
        **PROMPTS[asked.path],
        "user": user,
        **({"stream": True} if asked.stream else {}),
    }
    headers = {"x-want": asked.wants} if asked.wants else {}
    if asked.timeout is not None:
        headers["x-request-timeout"] = asked.timeout
    return Request(asked.path, json.dumps(body).encode(), headers)
