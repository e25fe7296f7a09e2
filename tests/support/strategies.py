"""Documents that are valid, with everything that a kind can say; and what can happen to a document."""

import copy
from typing import Any

from hypothesis import strategies as st

from modelfleet.api.enums import Work
from modelfleet.api.routingpolicy.spec import Observable
from tests.support.documents import Document, document
from tests.support.paths import paths
from tests.support.values import JSON, TEXTS

Strategy = st.SearchStrategy[Any]

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
WORDS = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?", fullmatch=True)
HEADERS = st.from_regex(r"[a-w][a-z-]{0,8}", fullmatch=True)
DURATIONS = st.integers(1, 99).flatmap(lambda number: st.sampled_from([f"{number}ms", f"{number}s", f"{number}m1s"]))
QUANTITIES = st.integers(1, 10**6) | st.sampled_from(["500m", "24Gi", "1.5", "2e3"])
PRICES = st.decimals(0, 1000, places=3).map("{:f}".format)
URLS = st.sampled_from(["https://api.example.com/v1", "http://localhost:8080", "https://[::1]/v1"])
FLAGS = st.booleans()


def some(required: dict[str, Strategy] | None = None, **optional: Strategy) -> Strategy:
    """A mapping with all of the first fields and some of the others."""
    return st.fixed_dictionaries(required or {}, optional=optional)


def few(items: Strategy, least: int = 1, most: int = 3) -> Strategy:
    """A list without repetition."""
    return st.lists(items, min_size=least, max_size=most, unique=True)


def named(names: Strategy, **optional: Strategy) -> Strategy:
    """A list of things with names of their own."""
    things = few(names).flatmap(
        lambda chosen: st.tuples(*(some({"name": st.just(name)}, **optional) for name in chosen))
    )
    return things.map(list)


TOLERATIONS = st.one_of(
    some({"operator": st.just("Exists")}, key=WORDS),
    some({"key": WORDS}, operator=st.just("Equal"), value=WORDS, effect=st.just("NoSchedule")),
    st.just({"key": "gpu", "effect": "NoExecute", "tolerationSeconds": 60}),
)
HARDWARE = some(
    {
        "family": st.sampled_from(["gpu", "accelerator"]),
        "nodes": some(
            {"selector": st.dictionaries(WORDS, WORDS, min_size=1, max_size=3)},
            tolerations=st.lists(TOLERATIONS, max_size=3),
        ),
        "unit": some(
            {"resources": st.dictionaries(st.sampled_from(["cpu", "memory"]), QUANTITIES, min_size=1)},
            deviceClass=LABELS,
            acceleratorMemory=QUANTITIES,
        ),
    },
    capacity=some(market=st.sampled_from(["reserved", "spot"]), maxUnits=st.integers(0, 99), provision=FLAGS),
    price=some({"perUnitHour": PRICES}, currency=st.just("EUR")),
    suits=few(st.sampled_from([work.value for work in Work])),
    allowedNamespaces=few(LABELS),
)

ENTRIES = st.fixed_dictionaries({"name": LABELS, "key": WORDS})
MODELS = {
    "work": st.sampled_from([work.value for work in Work]),
    "model": some({"name": WORDS}, source=st.just("hf://a/b"), contextTokens=st.integers(1, 10**6)),
}
VALUES = st.one_of(
    st.fixed_dictionaries({"secretKeyRef": ENTRIES}), st.fixed_dictionaries({"configMapKeyRef": ENTRIES})
)
OWN = some(
    {
        **MODELS,
        "engine": some(
            {"name": st.sampled_from(["vllm", "sim"])},
            image=st.just("a/b:1"),
            args=st.lists(st.text("abc- ", max_size=5), max_size=3),
            env=st.one_of(named(HEADERS, value=WORDS), named(HEADERS, valueFrom=VALUES)),
        ),
    },
    placement=some({"classes": named(LABELS, units=st.integers(1, 8))}, pendingTimeout=DURATIONS, regions=few(WORDS)),
    scale=some({"max": st.integers(5, 9)}, min=st.integers(0, 5), autoscaler=st.sampled_from(["hpa", "none"])),
    rollout=some(surge=st.integers(0, 1)),
    warmup=some(slowStart=DURATIONS),
)
HOSTED = some(
    {**MODELS, "external": some({"url": URLS}, region=WORDS, credentials=st.just({"passThrough": True}))},
    price=st.fixed_dictionaries({"inputPerMillionTokens": PRICES, "outputPerMillionTokens": PRICES}),
)

ANSWERS = some({"body": st.text(min_size=1, max_size=5)}, status=st.integers(200, 203) | st.integers(400, 599))
WHEN = some(
    {"stream": FLAGS},
    headers=st.dictionaries(HEADERS, WORDS, min_size=1, max_size=2),
    path=st.sampled_from(["/v1/*", "/v1/chat"]),
    feature=WORDS,
    promptBytes=st.sampled_from([">100", "<=5"]),
    missing=few(st.sampled_from(["messages", "metadata.ticket", "header:x-a"])),
)


@st.composite
def policies(draw: st.DrawFn) -> Document:
    """The spec of a RoutingPolicy, whose rules and ladder lead to tiers that it has."""
    tiers: list[str] = draw(few(LABELS.filter(lambda name: name not in ("unsure", "else")), 1, 4))
    tier = st.sampled_from(tiers)
    models = named(LABELS, weight=st.integers(1, 9))
    bounds = [f"<0.{index + 1}" for index in range(len(tiers) - 1)]
    targets = st.one_of(
        st.fixed_dictionaries({"tier": tier}),
        st.fixed_dictionaries({"models": models}),
        st.fixed_dictionaries({"answer": ANSWERS}),
        st.just({"classify": {**dict(zip(tiers, [*bounds, "else"], strict=True)), "unsure": tiers[0]}}),
    )
    names = few(LABELS.filter(lambda name: name != "default"), 0, 4)
    spec: Document = draw(
        some(
            {
                "serves": some({"models": few(WORDS)}, hosts=few(LABELS), gateways=few(LABELS)),
                "tiers": st.tuples(*(some({"name": st.just(name), "models": models}) for name in tiers)).map(list),
            },
            rules=names.flatmap(lambda chosen: st.tuples(*(_rule(name, targets) for name in chosen))).map(list),
            timeouts=some(total=DURATIONS, firstToken=DURATIONS, answer=DURATIONS),
            # On the longest ladder that is made here, of four rungs, more would be too many.
            retries=some(attempts=st.integers(0, 2), retryOn=few(st.sampled_from(["connect", "5xx"]))),
            degrade=few(tier, 0).map(lambda rungs: [*({"tier": name} for name in rungs), {"answer": {"body": "busy"}}]),
            classes=few(WORDS, 1, 3).flatmap(_classes),
            limits=st.lists(
                some({"per": st.just("policy"), "every": DURATIONS, "tokens": st.integers(1, 99)}), max_size=2
            ),
            regions=few(WORDS).map(lambda order: {"order": order, "mode": "manual", "active": order[-1]}),
            affinity=st.just({"prefixBytes": 1024}),
            access=st.just({"apiKeys": {"secretRefs": [{"name": "keys"}]}}),
            observe=few(st.sampled_from([clause.value for clause in Observable])),
        )
    )
    return spec


def _rule(name: str, targets: Strategy) -> Strategy:
    return st.builds(lambda when, target: {"name": name, **when, **target}, some(when=WHEN), targets)


def _classes(names: list[str]) -> Strategy:
    first, *others = names
    rest = {name: some({"share": st.just("30%"), "when": WHEN}) for name in others}
    return st.fixed_dictionaries({first: some({"share": st.just("40%")}), **rest})


SPECS = {"HardwareClass": HARDWARE, "ModelDeployment": st.one_of(OWN, HOSTED), "RoutingPolicy": policies()}


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A valid document of any kind."""
    kind = draw(st.sampled_from(sorted(SPECS)))
    raw = {**document(kind, name=draw(LABELS)), "spec": draw(SPECS[kind])}
    if draw(FLAGS):
        raw["metadata"] = {
            **raw["metadata"],
            "labels": draw(st.dictionaries(WORDS, WORDS, max_size=2)),
            "generation": 3,
        }
    return raw


@st.composite
def mistaken(draw: st.DrawFn) -> Any:
    """A document that was valid before some of its places were changed, taken away, doubled or added to."""
    root: Any = [copy.deepcopy(draw(documents()))]  # what a strategy holds must not be changed
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from([path for path in paths(root) if path]))
        parent = root
        for step in way:
            parent = parent[step]
        _mistake(draw, parent, last, may_delete=parent is not root)
    return root[0]


def _mistake(draw: st.DrawFn, parent: Any, step: str | int, *, may_delete: bool) -> None:
    value, what = parent[step], draw(st.sampled_from(["change", "delete", "double", "add"]))
    if what == "delete" and may_delete:
        del parent[step]
    elif what == "double" and isinstance(value, list) and value:
        value.append(copy.deepcopy(value[0]))
    elif what == "add" and isinstance(value, dict):
        value[draw(TEXTS)] = draw(JSON)
    else:
        parent[step] = draw(JSON)
