"""Fleets that change, and the compiler of one xds replica, which looks at each of them in an order of its own."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.check import Seen
from modelfleet.findings import Key, keeps_out
from modelfleet.fleet.parse import Invalid, parse_object
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.fleet.world import Endpoint, Gateway, Hidden, World
from modelfleet.xds.state import GatewayResources, gateway_resources

API = "modelfleet.dev/v1alpha1"
NAMES = ("default", "other")
"""The gateways that every policy is for, whether they are there or not."""
GATEWAYS = {"default": Gateway("default", "127.0.0.1", 8080)}
HOSTED = (3, 2)
"""One model of three, the last of them, is somebody else's and is asked with a key, unless all are one's own."""

SECRET = {"name": "keys", "key": "token"}

Where = tuple[str, int]


@dataclass(frozen=True)
class Fleet:
    """What users declare, and what is true around it. Models and policies by number: a policy's model has its own."""

    models: Mapping[int, str]
    """What its engine calls it."""
    policies: Mapping[int, Mapping[str, Any]]
    """Its spec."""
    endpoints: Mapping[int, tuple[Where, ...]]
    hosted: bool = True
    key: str = "first"

    def text(self) -> str:
        """As YAML, as it would come from files."""
        objects = [_object("ModelDeployment", f"m{at}", self._model(at, name)) for at, name in self.models.items()]
        objects += [_object("RoutingPolicy", f"p{at}", spec) for at, spec in self.policies.items()]
        return yaml.dump_all(objects, Dumper=yaml.CSafeDumper)

    def with_policy(self, number: int, **changed: Any) -> "Fleet":
        """One policy is otherwise."""
        spec = {**self.policies.get(number, policy(number)), **changed}
        return replace(self, policies={**self.policies, number: spec})

    def with_rule(self, number: int, name: str) -> "Fleet":
        """An edit as small as they come: the rule of one policy is called otherwise."""
        return self.with_policy(number, rules=[{"name": name, "when": {"promptBytes": ">0"}, "tier": "light"}])

    def renamed(self, word: str) -> "Fleet":
        """Every model is called otherwise by its engine."""
        return replace(self, models={number: f"{word}{number}" for number in self.models})

    def shuffled(self, dice: random.Random) -> "Fleet":
        """The same, with everything in another order."""
        return replace(
            self,
            models=_shuffled(self.models, dice),
            policies=_shuffled(self.policies, dice),
            endpoints=_shuffled(self.endpoints, dice),
        )

    def _model(self, number: int, name: str) -> dict[str, Any]:
        every, which = HOSTED
        if not self.hosted or number % every != which:
            return {"model": {"name": name}, "engine": {"name": "sim"}}
        external = {"url": f"http://127.0.0.1:{1000 + number}/v1", "credentials": {"secretRef": SECRET}}
        return {"model": {"name": name}, "external": external}


def fleet_of(policies: int, at: Where = ("127.0.0.1", 9), *, hosted: bool = True) -> Fleet:
    """So many policies, each with a model of its own, whose replica is there."""
    numbers = range(policies)
    models = {number: f"e{number}" for number in numbers}
    return Fleet(models, {number: policy(number) for number in numbers}, dict.fromkeys(numbers, (at,)), hosted)


def policy(number: int) -> dict[str, Any]:
    """It serves the name nNUMBER with its own model, and falls to the first model of all."""
    own, first = [{"name": f"m{number}"}], [{"name": "m0"}]
    return {
        "serves": {"models": [f"n{number}"], "gateways": list(NAMES)},
        "tiers": [{"name": "light", "models": own}] + ([{"name": "heavy", "models": first}] if number else []),
        "timeouts": {"total": "30s"},
    }


@dataclass
class Compiler:
    """That of one replica: it has a past, and what it saw before must make no difference to what it makes."""

    gateways: Mapping[str, Gateway] = field(default_factory=lambda: GATEWAYS)
    _plan: FleetPlan | None = None
    _seen: dict[str, Seen] = field(default_factory=dict)

    def compile(self, fleet: Fleet) -> dict[str, GatewayResources]:
        """By gateway. A fleet with a mistake fails the test."""
        parsed = [parse_object(raw) for raw in yaml.load_all(fleet.text(), Loader=yaml.CSafeLoader)]
        wrong = [finding for item in parsed if isinstance(item, Invalid) for finding in item.findings]
        secret = Key("Secret", "default", SECRET["name"])
        endpoints = {
            Key("ModelDeployment", "default", f"m{at}"): tuple(Endpoint(*where) for where in replicas)
            for at, replicas in fleet.endpoints.items()
        }
        world = World(self.gateways, endpoints, {secret: {SECRET["key"]: Hidden(fleet.key)}})
        snapshot = snapshot_of(parsed, {secret: frozenset([SECRET["key"]])}, world)
        plan = compile_fleet(snapshot, self._plan.in_force if self._plan else None, self._seen)
        wrong += filter(keeps_out, plan.findings)
        assert not wrong, wrong
        assert not plan.defects, plan.defects
        self._plan = plan
        return {name: gateway_resources(resources) for name, resources in plan.gateways.items()}


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def _shuffled(of: Mapping[int, Any], dice: random.Random) -> dict[int, Any]:
    return {key: of[key] for key in dice.sample(list(of), len(of))}
