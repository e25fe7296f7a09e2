"""Requests under ladders of three rungs, and what is noted of them."""

import json
from typing import Any

from tests.support.documents import model, policy
from tests.support.luajourney import Journey, Worker
from tests.support.luanotes import decision_of

NAMES = ("one", "two", "three")
FALLS = [{"tier": "two"}, {"tier": "three"}]
ONE, TWO, THREE = (f"default/{name}/way" for name in NAMES)


def falling(**spec: Any) -> Worker:
    """Three tiers of a model each, wanted and fallen to in this order."""
    return among(*(f"model: {{name: engine-{name}}}" for name in NAMES), **{"degrade": FALLS, **spec})


def among(*engines: str, **spec: Any) -> Worker:
    """A tier for each of these models, one below the other."""
    names = NAMES[: len(engines)]
    tiers = [{"name": name, "models": [{"name": name}]} for name in names]
    made = [model(engine, name=name) for name, engine in zip(names, engines, strict=True)]
    return Worker(policy(**{"tiers": tiers, "degrade": [{"tier": name} for name in names[1:]], **spec}), *made)


def attempts(asked: Journey) -> list[tuple[str, int, str, int]]:
    return [(it["target"], it["status"], it["reason"], it["ms"]) for it in asked.record["attempts"]]


def skipped(asked: Journey) -> list[tuple[str, str | None, str]]:
    return [(it["target"], it.get("tier"), it["reason"]) for it in asked.record["skipped"] or []]


def clusters(asked: Journey) -> list[str]:
    return [it.cluster for it in asked.sent]


def decision(asked: Journey, *names: str) -> tuple[Any, ...]:
    return tuple(decision_of(asked.notes).get(name) for name in names)


def refused(asked: Journey) -> tuple[int, str]:
    assert asked.said is not None
    return asked.said[0], json.loads(asked.said[2])["error"]["code"]
