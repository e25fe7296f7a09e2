"""The whole decide step of the script against a second reading of the design, policy by policy, request by request."""

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from tests.sizes import scale
from tests.support.deciding import decision, plan_for, rungs
from tests.support.decisions import Asked, decided, laddered
from tests.support.documents import policy, valid
from tests.support.strategies import FLAGS, few, named, some

# Few names, so that what policies ask for is often what requests have.
HEADERS = st.sampled_from(["x-a", "X-B", "x-step", "x-feature"])
VALUES = st.sampled_from(["1", "2", "legal", "plan", ""])
PLACES = st.sampled_from(["messages", "metadata.ticket", "prompt"])
ITEMS = PLACES | st.sampled_from(["header:x-a", "header:X-B"])
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
MODELS = named(st.sampled_from("abcd"), weight=st.integers(0, 9)).filter(
    lambda models: any(model.get("weight", 1) for model in models)
)
COMPARISONS = st.builds("{}{}".format, st.sampled_from(["<", "<=", ">", ">="]), st.integers(1, 4))
WORDS = VALUES.filter(bool)
WHEN = some(
    headers=st.dictionaries(st.sampled_from(["x-a", "X-B"]), WORDS, min_size=1, max_size=2),
    path=st.sampled_from([*PATHS, "/v1/*", "/v1/c*"]),
    step=WORDS,
    feature=st.sampled_from(["legal", "search", "other"]),
    tenant=st.sampled_from(["anonymous", "acme"]),
    promptBytes=COMPARISONS,
    maxTokens=COMPARISONS,
    tools=FLAGS,
    stream=FLAGS,
    missing=few(ITEMS, 1, 2),
    empty=few(ITEMS, 1, 2),
).filter(lambda when: 1 <= len(when) <= 3)
TARGETS = st.one_of(
    st.fixed_dictionaries({"tier": st.sampled_from(["light", "large"])}),
    st.fixed_dictionaries({"models": MODELS}),
    st.fixed_dictionaries({"answer": st.fixed_dictionaries({"body": WORDS})}),
)
RULES = st.lists(st.tuples(some(when=WHEN), TARGETS), max_size=5).map(
    lambda pairs: [{"name": f"r{number}", **when, **target} for number, (when, target) in enumerate(pairs)]
)
FALLS = st.lists(st.sampled_from(["light", "large", "last"]), max_size=3, unique=True)
DEGRADE = st.tuples(FALLS, FLAGS).map(
    lambda steps: [*({"tier": name} for name in steps[0]), *([{"answer": {"body": "later"}}] if steps[1] else [])]
)
IDENTIFIERS = some(
    session=st.just("X-Session"), step=st.just("X-Step"), feature=st.just("x-feature"), features=st.just(["legal"])
).filter(lambda names: names and ("features" not in names or "feature" in names))


@st.composite
def policies(draw: st.DrawFn) -> RoutingPolicy:
    tiers: list[Any] = [{"name": name, "models": draw(MODELS)} for name in ("light", "large", "last")]
    spec: dict[str, Any] = {"tiers": tiers, "rules": draw(RULES), "degrade": draw(DEGRADE)}
    spec |= {"identifiers": draw(IDENTIFIERS)} if draw(FLAGS) else {}
    made = valid(policy(**spec))
    assert isinstance(made, RoutingPolicy)
    return made


REQUESTS = st.builds(
    Asked,
    path=st.sampled_from(PATHS),
    headers=st.dictionaries(
        HEADERS.map(str.lower) | st.just("x-session"), st.lists(VALUES, min_size=1, max_size=2), max_size=4
    ),
    kinds=st.dictionaries(PLACES, st.sampled_from(["null", "empty", "array", "string"])),
    prompt_bytes=st.integers(0, 5),
    max_tokens=st.none() | st.integers(0, 5),
    tools=FLAGS,
    stream=FLAGS,
    chance=st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=scale(120, 5_000))
@given(policies(), st.lists(REQUESTS, min_size=1, max_size=5))
def test_the_script_decides_as_the_design_says(made: RoutingPolicy, asked: list[Asked]) -> None:
    plan = plan_for(made)
    for one in asked:
        expected = decided(made, one)
        event("default" if expected.rule == "default" else "a rule")
        assert decision(plan, one) == expected
        if expected.model:
            assert rungs(plan, one) == laddered(made, one)
