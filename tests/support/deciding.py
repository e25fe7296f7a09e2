"""The decide step of our script in process, with policies as users write them."""

from typing import Any

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.gateways import plan_gateways
from tests.support.decisions import Asked, Decided
from tests.support.luajit import required, runtime
from tests.support.luavalues import from_lua, to_lua

lua = runtime()
decide, ladder = required(lua, "decide"), required(lua, "ladder")


def plan_for(policy: RoutingPolicy) -> Any:
    """The policy's numbers as the script has them."""
    world = World(gateways={"default": Gateway("default")})
    snapshot = FleetSnapshot({}, {}, {policy.key: policy}, {}, frozenset(), world)
    (gateway,) = plan_gateways(snapshot)
    (plan,) = gateway.policies
    return to_lua(lua, {**plan.numbers, "policy": f"{policy.key.namespace}/{policy.key.name}"})


def request_for(asked: Asked) -> Any:
    facts = {name: getattr(asked, name) for name in ("path", "prompt_bytes", "max_tokens", "tools", "stream", "chance")}
    request = lua.table_from({name.encode(): to_lua(lua, fact) for name, fact in facts.items()})
    request[b"tenant"] = b"anonymous"
    request[b"header"] = lambda name: to_lua(lua, asked.headers.get(name.decode(), ()))
    request[b"kind"] = lambda path: to_lua(lua, asked.kinds.get(path.decode()))
    return request


def decision(plan: Any, asked: Asked) -> Decided:
    """What the script decides."""
    found = decide.decide(plan, request_for(asked))
    model, answer = found.model, found.answer
    return Decided(
        found.rule.decode(),
        found.tier.decode() if found.tier else None,
        model.name.decode() if model else None,
        answer.body.decode() if answer else None,
    )


def rungs(plan: Any, asked: Asked) -> list[tuple[str | None, str]]:
    """The rungs that the script makes of it, each a tier and a model."""
    found = decide.decide(plan, request_for(asked))
    made = from_lua(ladder.rungs(plan, found.wanted, found.spot))
    return [(rung.get("tier"), rung["model"]["name"]) for rung in made]
