"""Small fleets that are compiled, and one with a bit of everything."""

from dataclasses import replace
from typing import Any

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway, Hidden, World
from tests.support.documents import Document, fleet, model, policy

KEYS = Key("Secret", "default", "keys")
HOSTED = (
    "{engine: null, external: {url: 'https://a.example.com/v1', credentials: {secretRef: {name: keys, key: token}}}}"
)
TWO = "{tiers: [{name: a, models: [{name: m}]}, {name: b, models: [{name: n}]}], rules: [{name: b, tier: b}]}"


def compiled(
    *documents: Document, before: FleetPlan | None = None, token: str | None = None, mistakes: bool = False
) -> FleetPlan:
    secrets = {KEYS: {"token": Hidden(token)}} if token is not None else {}
    world = World(gateways={"default": Gateway("default")}, secrets=secrets)
    snapshot = replace(fleet(*documents, mistakes=mistakes), world=world)
    return compile_fleet(snapshot, before.in_force if before else None)


def served(name: str, *models: str, **more: Any) -> Document:
    return policy(name=name, serves={"models": list(models)}, **more)


def everything(turn: int) -> FleetPlan:
    """A fleet of a bit of everything, whose objects come in another order at each turn."""
    when = {"headers": {f"x-{letter}": letter for letter in "abcdefgh"}, "tools": True, "missing": ["a", "b"]}
    objects = [
        policy(TWO, rules=[{"name": "r", "when": when, "tier": "b"}]),
        served("q", "b", "c", breaker={"consecutive": 2}),
        policy(name="r", serves={"models": ["z", "y"], "hosts": ["b.example.com", "a.example.com"]}),
        served("bad", "bad", mode="Observe"),
        model(HOSTED),
        model(name="n"),
    ]
    return compiled(*objects[turn:], *objects[:turn], token="t")
