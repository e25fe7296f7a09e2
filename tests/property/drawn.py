"""Any fleet of models and policies, and what may be wrong with one of them."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.support.documents import Document, model, policy
from tests.support.strategies import FLAGS, few, named, some

NAMES = ("a", "b", "c", "d")
HOSTED = {"url": "https://api.example.com/v1", "credentials": {"secretRef": {"name": "keys", "key": "token"}}}
SHARES = named(st.sampled_from(NAMES), weight=st.integers(1, 9))
RULES = st.lists(st.one_of(st.just({"tier": "light"}), st.fixed_dictionaries({"models": SHARES})), max_size=2)
SPECS = some(
    {"tiers": SHARES.map(lambda models: [{"name": "light", "models": models}])},
    rules=RULES.map(lambda rules: [{"name": f"r{at}", **rule} for at, rule in enumerate(rules)]),
    breaker=st.integers(1, 3).map(lambda number: {"consecutive": number}),
    timeouts=st.integers(1, 60).map(lambda seconds: {"total": f"{seconds}s"}),
)
HOSTS = st.none() | few(st.sampled_from(["x.example.com", "y.example.com"]))
MISTAKES: Mapping[str, Any] = {
    "a field that is not there": {"tiersss": []},
    "a wrong type": {"timeouts": {"total": "soon"}},
    "a model that is not there": {"tiers": [{"name": "light", "models": [{"name": "absent"}]}]},
    "a clause that is not enforced": {"mode": "Observe"},
}


@st.composite
def fleets(draw: st.DrawFn) -> list[Document]:
    """Models, some of them hosted, and policies of which each serves names of its own."""
    made = []
    for name in NAMES:
        hosted: Document = {"engine": None, "external": HOSTED} if draw(FLAGS) else {}
        made.append(model(name=name, **hosted))
    for number in range(draw(st.integers(2, 4))):
        serves: Document = {"models": [f"name-{number}", f"other-{number}"]}
        if hosts := draw(HOSTS):
            serves["hosts"] = hosts
        made.append(policy(name=f"p{number}", **draw(SPECS), serves=serves))
    return made
