"""Classes of hardware and models with everything that they can say."""

from functools import partial
from typing import Any

from modelfleet.api.enums import Work
from modelfleet.api.hardwareclass.spec import Family, Market, TaintEffect
from modelfleet.api.modeldeployment.engine import EngineName
from modelfleet.api.modeldeployment.placement import Autoscaler, Spread
from tests.support.hostile import names
from tests.support.hostile.dice import Dice

Document = dict[str, Any]
API = "modelfleet.dev/v1alpha1"
SECRET, CONFIG = "keys", "settings"
HALF = 0.4


def document(kind: str, name: str, namespace: str, spec: Document, dice: Dice) -> Document:
    """The object, with metadata as clusters and people fill it."""
    metadata: Document = {"name": name}
    # A class is in no namespace, and what it says of one is ignored.
    where = namespace if kind != "HardwareClass" else dice.choice(names.NAMESPACES)
    if where != "default" or dice.often(0.3):
        metadata["namespace"] = where
    if dice.often(0.3):
        metadata |= _metadata(dice)
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def _metadata(dice: Dice) -> Document:
    texts = names.texts(300, empty=True)
    return dice.some(
        HALF,
        {},
        labels=lambda: {dice.choice(("pool", "a.b/c", "x" * 63)): dice.choice(("", *names.WORDS))},
        annotations=lambda: {dice.choice(("owner", "Example.com/who", "a")): dice.choice(texts)},
        uid=lambda: dice.choice(texts),
        generation=lambda: dice.whole(-1, 2**63),
        creationTimestamp=lambda: dice.choice(("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2025-12-31T23:59:59Z")),
        resourceVersion=lambda: dice.choice(texts),
        generateName=lambda: dice.choice(texts),
        finalizers=lambda: [dice.choice(texts)],
        managedFields=lambda: [{"a": dice.choice(texts)}],
        ownerReferences=lambda: None,
        selfLink=lambda: dice.choice(texts),
        deletionTimestamp=lambda: None,
        deletionGracePeriodSeconds=lambda: 0,
    )


def hardware_spec(dice: Dice) -> Document:
    family = dice.choice(list(Family)).value
    unit = dice.some(
        HALF,
        {
            "resources": lambda: {
                dice.choice(("cpu", "memory", "a")): dice.choice(names.QUANTITIES),
                "nvidia.com/gpu": 1,
            }
        },
        deviceClass=lambda: dice.choice(names.DNS_NAMES),
        **({} if family == "cpu" else {"acceleratorMemory": lambda: dice.choice(names.QUANTITIES)}),
    )
    return dice.some(
        HALF,
        {"family": lambda: family, "nodes": lambda: _nodes(dice), "unit": lambda: unit},
        capacity=lambda: dice.some(
            HALF,
            {},
            market=lambda: dice.choice(list(Market)).value,
            maxUnits=lambda: dice.whole(0, 1_000_000),
            provision=lambda: dice.often(0.5),
        ),
        price=lambda: dice.some(HALF, {"perUnitHour": lambda: dice.choice(names.PRICES)}, currency=lambda: "EUR"),
        suits=lambda: dice.several([work.value for work in Work], 1, 11),
        allowedNamespaces=lambda: list(dict.fromkeys(names.NAMESPACES)),
    )


def _nodes(dice: Dice) -> Document:
    keys = ("pool", "a.b/c", "x" * 63, "0")
    return dice.some(
        HALF,
        {"selector": lambda: {key: dice.choice(("", *names.WORDS)) for key in dice.several(keys)}},
        tolerations=lambda: [_toleration(dice) for _ in range(dice.randint(0, 3))],
    )


def _toleration(dice: Dice) -> Document:
    effect = dice.choice(list(TaintEffect)).value
    exists = dice.often(0.5)
    made = dice.some(
        HALF,
        {"operator": lambda: "Exists"} if exists else {"key": lambda: "gpu"},
        effect=lambda: effect,
        **(
            {"key": lambda: "a.b/c"}
            if exists
            else {"operator": lambda: "Equal", "value": lambda: dice.choice(names.WORDS)}
        ),
    )
    if made.get("effect") == "NoExecute":
        made["tolerationSeconds"] = dice.whole(0, 2**31 - 1)
    return made


def model_spec(dice: Dice, classes: list[str], *, hosted: bool) -> Document:
    common = {
        "model": lambda: dice.some(
            HALF,
            {"name": lambda: dice.choice(names.SERVED)},
            source=lambda: dice.choice(names.SOURCES),
            contextTokens=lambda: dice.whole(1, 100_000_000),
        ),
        **({"external": lambda: _external(dice)} if hosted else {"engine": lambda: _engine(dice)}),
    }
    shared = {"work": lambda: dice.choice(list(Work)).value, "priorityClassName": lambda: dice.choice(names.DNS_NAMES)}
    if hosted:
        return dice.some(HALF, common, price=lambda: _price(dice), work=shared["work"])
    return dice.some(
        HALF,
        common,
        **shared,
        placement=lambda: _placement(dice, classes),
        scale=lambda: _scale(dice),
        warmup=lambda: dice.some(HALF, {}, slowStart=lambda: dice.choice(names.DURATIONS)),
        rollout=lambda: dice.some(HALF, {}, surge=lambda: dice.whole(0, 1)),
    )


def _external(dice: Dice) -> Document:
    secret = {"secretRef": {"name": SECRET, "key": dice.choice(("token", "odd"))}}
    return dice.some(
        HALF,
        {"url": lambda: dice.choice(names.URLS)},
        region=lambda: dice.choice(names.WORDS),
        credentials=lambda: dice.choice((secret, {"passThrough": True})),
    )


def _price(dice: Dice) -> Document:
    prices = {f"{way}PerMillionTokens": lambda: dice.choice(names.PRICES) for way in ("input", "output")}
    return dice.some(HALF, prices, currency=lambda: "USD")


def _engine(dice: Dice) -> Document:
    words = names.texts(4096, empty=True)
    name = dice.choice(list(EngineName)).value
    custom = {"image": lambda: dice.choice(names.IMAGES)}
    return dice.some(
        HALF,
        {"name": lambda: name, **(custom if name == "custom" else {})},
        **({} if name == "custom" else custom),
        command=lambda: [dice.choice(words) for _ in range(dice.choice((1, 2, 64)))],
        args=lambda: [dice.choice(words) for _ in range(dice.choice((0, 1, 3)))],
        env=lambda: [_variable(name, dice) for name in dice.several(names.ENV_NAMES)],
    )


def _variable(name: str, dice: Dice) -> Document:
    references = (
        {"secretKeyRef": {"name": SECRET, "key": "token"}},
        {"configMapKeyRef": {"name": CONFIG, "key": "entry"}},
    )
    given = dice.choice(
        ({"value": dice.choice(names.texts(4096, empty=True))}, {"valueFrom": dice.choice(references)}, {})
    )
    return {"name": name, **given}


def _placement(dice: Dice, classes: list[str]) -> Document:
    return dice.some(
        HALF,
        {
            "classes": lambda: [
                dice.some(HALF, {"name": partial(str, name)}, units=lambda: dice.whole(1, 1024))
                for name in dice.several(classes)
            ]
        },
        pendingTimeout=lambda: dice.choice(names.DURATIONS),
        returnAfter=lambda: dice.choice(names.DURATIONS),
        regions=lambda: dice.several(names.WORDS),
        spread=lambda: dice.choice(list(Spread)).value,
    )


def _scale(dice: Dice) -> Document:
    return dice.some(
        HALF,
        {"max": lambda: dice.whole(5, 10_000)},
        replicas=lambda: dice.choice((0, 1, 2, 10_000)),
        min=lambda: dice.whole(0, 5),
        concurrencyPerReplica=lambda: dice.whole(1, 100_000),
        autoscaler=lambda: dice.choice(list(Autoscaler)).value,
    )
