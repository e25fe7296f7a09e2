"""What the status says of a ladder, against the scripts that walk it: the same rung, for the unluckiest request."""

from collections.abc import Collection, Iterator
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import World
from modelfleet.statuses.degraded import degraded
from modelfleet.statuses.judged import Judged
from modelfleet.statuses.supply import Supply
from tests.sizes import scale
from tests.support.deciding import decide, ladder, lua, plan_for, request_for
from tests.support.decisions import Asked
from tests.support.documents import model, policy, valid
from tests.support.luavalues import from_lua, to_lua
from tests.support.statuses import REPLICA
from tests.support.strategies import FLAGS

POOL = ("a", "b", "c", "d")
TIERS = ("light", "mid", "large")
RULES = ("r0", "r1")
HOSTED = "{engine: null, external: {url: 'https://api.example.com/v1'}}"
DRAWS = 300
"""Of two models on each of four rungs every choice comes up in so many draws: one in sixteen."""
# Of two models with a share each has half of it.
MODELS = st.lists(st.sampled_from(POOL), min_size=1, max_size=2, unique=True).flatmap(
    lambda names: st.sampled_from([[1] * len(names), [1, 0][: len(names)]]).map(
        lambda weights: [{"name": name, "weight": weight} for name, weight in zip(names, weights, strict=True)]
    )
)
TARGETS = st.one_of(
    st.fixed_dictionaries({"tier": st.sampled_from(TIERS)}),
    st.fixed_dictionaries({"models": MODELS}),
    st.just({"answer": {"body": "x"}}),
)
FALLS = st.lists(st.sampled_from(TIERS), max_size=3, unique=True)


@st.composite
def policies(draw: st.DrawFn) -> RoutingPolicy:
    rules = [
        {"name": name, **({"when": {"headers": {"x-rule": name}}} if draw(st.integers(0, 4)) else {}), **draw(TARGETS)}
        for name in RULES[: draw(st.integers(0, 2))]
    ]
    degrade = [*({"tier": name} for name in draw(FALLS)), *([{"answer": {"body": "busy"}}] if draw(FLAGS) else [])]
    made = valid(policy(tiers=[{"name": name, "models": draw(MODELS)} for name in TIERS], rules=rules, degrade=degrade))
    assert isinstance(made, RoutingPolicy)
    return made


def ends(plan: Any, absent: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Where requests of every kind end by the scripts: how bad that is, its rung and the name of that."""
    for rule in ("", *RULES):
        for number in range(DRAWS):
            asked = Asked(headers={"x-rule": [rule]} if rule else {}, chance=number / DRAWS)
            found = decide.decide(plan, request_for(asked))
            if found.answer:
                break
            yield _end(plan, found, absent)


def _end(plan: Any, found: Any, absent: Collection[str]) -> tuple[int, int, str]:
    made = ladder.rungs(plan, found.wanted, found.spot)
    rungs, place = from_lua(made), 1
    while rungs[place - 1]["model"]["name"] in absent:
        state = {"rung": place, "repeats": 0, "tries": 0, "left": 1e6, "room": True}
        step = from_lua(ladder.step(plan, made, to_lua(lua, state), b"no_capacity"))
        if "rung" not in step:
            return (2, ladder.height(plan, found.wanted), "answer") if plan.ladder.answer else (3, place, "none")
        place = step["rung"]
    return (1, place - 1, rungs[place - 1]["tier"]) if place > 1 else (0, 0, "wanted")


@settings(max_examples=scale(60, 3_000), deadline=None)
@given(policies(), st.sets(st.sampled_from(POOL), max_size=2), st.sets(st.sampled_from(POOL), max_size=1))
def test_the_status_names_the_rung_on_which_the_scripts_leave_the_unluckiest_request(
    made: RoutingPolicy, ready: set[str], hosted: set[str]
) -> None:
    keys = {name: Key("ModelDeployment", "default", name) for name in POOL}
    models = {keys[name]: valid(model(HOSTED if name in hosted else "", name=name)) for name in POOL}
    world = World(endpoints={keys[name]: REPLICA for name in ready})
    snapshot = FleetSnapshot({}, models, {}, {}, frozenset(models), world)  # type: ignore[arg-type]
    found = degraded(Judged(made.key, "u", 1, made), Supply(snapshot, (), (), Recall()), wrong=False)
    by_scripts = set(ends(plan_for(made), set(POOL) - ready - hosted))
    depth, index, name = max(by_scripts, key=lambda end: end[:2], default=(0, 0, "wanted"))
    event(f"{depth}")
    assert found.more["rung"]["index"] == index
    assert (depth, index, found.more["rung"]["name"]) in by_scripts | {(0, 0, "wanted")}
    assert (found.row.status.value == "True") == (depth > 0)
    assert found.row.reason.value == ("AsWanted", "FallsToTier", "FallsToAnswer", "NothingLeft")[depth]
    assert depth != 1 or name in TIERS
