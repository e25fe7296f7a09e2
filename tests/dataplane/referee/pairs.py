"""Policies, upstreams and requests that nobody would think of, each with what the referee says of it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.dataplane.referee.catalogue import JSON, STREAMS
from tests.dataplane.referee.model import NOISE_MS, Host, Prediction, Referee
from tests.dataplane.referee.reading import KINDS, Asked, Policy
from tests.dataplane.referee.replies import Reply

SCRIPTED = ("a", "b", "c", "d")
PASSING = "passing"
"""A hosted model, to which the caller's own credentials go."""
REFUSING, EMPTY = "refusing", "empty"
MODELS = (*SCRIPTED, PASSING, REFUSING, EMPTY)
TIERS = ("light", "mid", "frontier")
TOTALS = (None, None, 300, 650, 700, 1050, 1100, 1450, 1600, 2200)
LONGEST_MS = 2400.0
MOST_TRIES = 12
WORDS = 'We are "busy".\nTry again\tlater: Ü 工具'


@dataclass(frozen=True)
class Pair:
    """One policy of its own, the hosts behind it, one request, and what comes of it."""

    name: str
    policy: Policy
    hosts: Mapping[str, Host]
    asked: Asked
    expected: Prediction


def pairs(seed: int, count: int) -> list[Pair]:
    return [_settled(f"pair-{seed}-{number}") for number in range(count)]


def _settled(name: str) -> Pair:
    """The first that chance offers of which the end is near and beyond doubt; most have a way behind them."""
    chance = random.Random(name)
    moves = chance.choice((0, 2, 2, 2, 3, 4))
    while True:
        pair = _Maker(chance).pair(name)
        told = pair.expected
        clear = told.closest_ms >= NOISE_MS and told.ends_ms <= LONGEST_MS
        if clear and len(told.attempts) + len(told.skipped) >= moves:
            return pair


class _Maker:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def pair(self, name: str) -> Pair:
        asked = self._asked()
        policy = self._policy(name)
        hosts = {model: self._host(model, asked) for model in MODELS}
        return Pair(name, policy, hosts, asked, Referee(policy, hosts, asked).predict())

    def _often(self, share: float) -> bool:
        return self._chance.random() < share

    # The request.

    def _asked(self) -> Asked:
        chance = self._chance
        path = chance.choice(("/v1/chat/completions", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"))
        stream = path != "/v1/embeddings" and self._often(0.5)
        timeout = None if self._often(0.7) else chance.choice(("250ms", "0.7", "1100ms", "1s50ms", "10m", "60", "soon"))
        wants = chance.choices(("", "aside", "tier", "stop"), (50, 20, 25, 5))[0]
        return Asked(path, stream, timeout, wants)

    # The policy.

    def _policy(self, name: str) -> dict[str, Any]:
        chance = self._chance
        models = chance.sample(MODELS, len(MODELS))
        count = chance.choice((1, 2, 2, 3, 3))
        tiers = [{"name": tier, "models": self._models(models.pop(), models)} for tier in TIERS[:count]]
        rules: list[dict[str, Any]] = [
            {"name": "aside", "models": self._models(models.pop(), models)},
            {"name": "tier", "tier": chance.choice(TIERS[:count])},
            {"name": "stop", "answer": self._answer()},
        ]
        policy = {
            "serves": {"models": [name]},
            "tiers": tiers,
            "rules": [{**rule, "when": {"headers": {"x-want": rule["name"]}}} for rule in rules],
            "degrade": self._degrade(TIERS[:count]),
            "retries": self._retries(count),
            "timeouts": self._timeouts(),
            "breaker": {"consecutive": 1000},
        }
        return {clause: said for clause, said in policy.items() if said}

    def _models(self, model: str, others: list[str]) -> list[dict[str, Any]]:
        """One that is drawn, and sometimes others that are not."""
        if model not in (*SCRIPTED, PASSING) or self._often(0.8):
            return [{"name": model}]
        several = [{"name": model, "weight": 5}, {"name": others[0], "weight": 0}]
        self._chance.shuffle(several)
        return several

    def _degrade(self, tiers: tuple[str, ...]) -> list[dict[str, Any]]:
        falls = self._chance.sample(tiers, self._chance.randint(0, len(tiers)))
        steps: list[dict[str, Any]] = [{"tier": tier} for tier in falls]
        return [*steps, {"answer": self._answer()}] if self._often(0.5) else steps

    def _answer(self) -> dict[str, Any]:
        status = self._chance.choice((None, 200, 202, 422, 503, 529))
        return {"body": WORDS} if status is None else {"body": WORDS, "status": status}

    def _retries(self, count: int) -> dict[str, Any]:
        """Never more tries than a policy may have, however long its ladder."""
        retries: dict[str, Any] = {}
        if self._often(0.6):
            retries["attempts"] = self._chance.randint(0, min(3, MOST_TRIES // (count + 1) - 1))
        if self._often(0.4):
            retries["retryOn"] = self._chance.sample(KINDS, self._chance.randint(1, len(KINDS) - 1))
        if self._often(0.3):
            retries["budgetPercent"] = self._chance.choice((0, 20, 100))
        return retries

    def _timeouts(self) -> dict[str, Any]:
        chance = self._chance
        said: dict[str, float | None] = {
            "total": chance.choice(TOTALS),
            "firstToken": chance.choice((None, 400, 400, 800)),
            "answer": chance.choice((None, 400, 400, 800)),
            "betweenTokens": chance.choice((None, 400, 400, 800)),
        }
        timeouts: dict[str, Any] = {name: f"{bound}ms" for name, bound in said.items() if bound}
        return timeouts if self._often(0.9) else {**timeouts, "clientMayLower": False}

    # What stands behind a model.

    def _host(self, model: str, asked: Asked) -> Host:
        if model == EMPTY:
            return Host(absent="no replica")
        if model == REFUSING:
            return Host(absent="refuses")
        count = self._chance.choice((1, 1, 2, 3))
        return Host(tuple(self._reply(asked) for _ in range(count)), passing=model == PASSING)

    def _reply(self, asked: Asked) -> Reply:
        kinds = STREAMS if asked.stream else JSON
        kind = self._chance.choices(("fine", "wrong", "late"), (30, 45, 25))[0]
        return self._chance.choice(kinds[kind])
