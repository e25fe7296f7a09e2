"""Objects made up from the API server's schemas: most are nearly right, and some then get one thing wrong."""

import copy
import random
import re
from functools import cache
from typing import Any

from modelfleet.api.crd import object_schema
from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from tests.support.paths import paths

Schema = dict[str, Any]
Document = dict[str, Any]

TEXTS = (
    *("a", "light", "mid", "large", "eu-west-1", "gpu-l4", "x-class", "messages", "header:x-a", "a.b.c", "x" * 63),
    *("30s", "1h30m", "250ms", "1s1s1s1s", "24Gi", "500m", "1", "1e3", "1E", "1Ei", ".5", "5.", "1.5Gi", "0.71"),
    *("20%", "100%", "140%", ">100", "<=5", "<0.35", "<1", "<0", "else", "unsure", "USD", "default", "5xx", "true"),
    *("https://api.example.com/v1", "hf://a/b", "/v1/x", "/v1/*", "image:1", "registry.example.com/a/b:tag"),
    # What no field, or hardly any, takes.
    *("", "\n", "a\n", "a b", "é", "A_B", "-a", "a-", "a..b", "x" * 70, "x" * 300, "0", "0s", "-1", "721h", "99999h"),
    *("0%", "1000%", "<1.5", "<0.1234567", "1s1s1s1s1s", "http://a:99999/", "x-modelfleet-tier", "X-Modelfleet-A"),
)
KEYS = ("light", "mid", "large", "a", "x-class", "cpu", "memory", "batch", "unsure", "nvidia.com/gpu", "a b", "x" * 400)
QUANTITIES = (1, 6, "24Gi", "500m", "1e3", 0, -1, "0", "1.5", "x")
ODD: tuple[Any, ...] = (1, "x", True, [], {}, 1.5, 2.0, [1], {"a": 1}, None, 10**20, -1, ["a"], "")

DENSITIES = {"HardwareClass": 0.5, "ModelDeployment": 0.2, "RoutingPolicy": 0.1}
"""How much of what may be left out is given: where much of it goes together, less gives more that is right."""

HELPED = 0.8
LADDERS = 0.15
"""How many policies get a ladder that is about as long as it may be, which chance nearly never makes."""
SLIP = 0.002
"""How often a value is wrong although it could be right; an object has many."""


def generated(dice: random.Random) -> Document:
    """An object of one of our kinds; about half have nothing changed in them on purpose."""
    kind = dice.choice(list(KINDS))
    spec = _value(_schema(kind), dice, DENSITIES[kind] * dice.choice([0.5, 1, 1.5]))
    if dice.random() < HELPED:
        _help(kind, spec, dice)
    made = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "generated"}, "spec": spec}
    for _ in range(dice.choice([0, 0, 1, 2])):
        _mutate(made, dice)
    return made


@cache
def _schema(kind: str) -> Schema:
    schema: Schema = object_schema(KINDS[kind])["properties"]["spec"]
    return schema


def _value(schema: Schema, dice: random.Random, density: float) -> Any:
    if "x-kubernetes-int-or-string" in schema:
        return dice.choice(QUANTITIES[:5] if dice.random() > SLIP else QUANTITIES)
    if "enum" in schema:
        return dice.choice(schema["enum"]) if dice.random() > SLIP else "nothing"
    return MAKERS[schema["type"]](schema, dice, density)


def _string(schema: Schema, dice: random.Random, _: float) -> str:
    good = [text for text in TEXTS if _is_taken(schema, text)]
    return dice.choice(good if good and dice.random() > SLIP else TEXTS)


def _is_taken(schema: Schema, text: str) -> bool:
    rules = " ".join(rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
    patterns = re.findall(r"matches\(r'([^']*)'\)", rules)
    fits = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return fits and all(re.fullmatch(pattern, text) for pattern in patterns)


def _integer(schema: Schema, dice: random.Random, _: float) -> int:
    low, high = schema.get("minimum", 0), schema.get("maximum", 100)
    if dice.random() < SLIP:
        return int(dice.choice([low - 1, high + 1]))
    return int(dice.choice([low, high, min(low + 1, high), min(low + dice.randrange(50), high)]))


def _array(schema: Schema, dice: random.Random, density: float) -> list[Any]:
    least = schema.get("minItems", 0)
    size = min(dice.choice([max(least, 1), max(least, 1), least, 2, 3]), schema.get("maxItems", 3))
    return [_value(schema["items"], dice, density) for _ in range(size)]


def _object(schema: Schema, dice: random.Random, density: float) -> Document:
    if "additionalProperties" in schema:
        keys = KEYS[:-4] if dice.random() > SLIP else KEYS
        return {
            dice.choice(keys): _value(schema["additionalProperties"], dice, density)
            for _ in range(dice.choice([1, 1, 2]))
        }
    needed = schema.get("required", ())
    return {
        name: _value(field, dice, density * 0.8)
        for name, field in schema.get("properties", {}).items()
        if name in needed or dice.random() < density
    }


MAKERS = {
    "string": _string,
    "integer": _integer,
    "number": lambda _schema, dice, _density: dice.choice([0, 0.35, 0.5, 0.6, 1]),
    "boolean": lambda _schema, dice, _density: dice.random() < 0.5,
    "array": _array,
    "object": _object,
}


def _help(kind: str, spec: Document, dice: random.Random) -> None:
    """Makes the choices that chance nearly never makes well."""
    if kind == "ModelDeployment" and ("engine" in spec) == ("external" in spec):
        spec.pop("external", None)
        spec.pop("price", None)
        spec["engine"] = {"name": "sim"}
    if kind == "HardwareClass" and "deviceClass" not in spec["unit"]:
        spec["unit"].setdefault("resources", {"cpu": 1})
    if kind == "RoutingPolicy" and dice.random() < LADDERS:
        _set_ladder(spec, dice)


def _set_ladder(spec: Document, dice: random.Random) -> None:
    """Gives a policy tiers, ways to want them, falls, repeats and climbs: about as many tries as may be, or more."""
    names = [f"t{number}" for number in range(dice.randint(1, 8))]
    falls = [{"tier": name} for name in dice.sample(names, dice.randint(0, len(names)))]
    wants: Document = {
        "tier": dice.choice(names),
        "models": [{"name": "m"}],
        "classify": {dice.choice(names): "else"},
        "answer": {"body": "busy"},
    }
    # Of twelve tries as many on each rung as there is room for, one more, or one less; what is wanted may be a fall.
    rungs = max(1, len(falls) + dice.choice([0, 1]))
    repeats = [max(0, 12 // rungs - less) for less in (0, 1, 2)]
    sure = {"confidenceBelow": 0.6, "from": {"json": "sure"}}
    clauses: Document = {
        "rules": [{"name": want, want: wants[want]} for want in dice.sample(list(wants), dice.randint(0, 2))],
        "retries": dice.choice([{}, {"attempts": min(dice.choice(repeats), 11)}]),
        "degrade": [*falls, *dice.choice([[], [{"answer": {"body": "busy"}}]])],
        "escalate": {"when": sure, **dice.choice([{}, {"max": dice.randint(1, 7)}])},
    }
    given = {clause: value for clause, value in clauses.items() if dice.random() < 0.7}
    tiers = [{"name": name, "models": [{"name": "m"}]} for name in names]
    serves = spec["serves"]
    spec.clear()  # mistakes elsewhere would hide what is said of the ladder
    spec.update(given, serves=serves, tiers=tiers)


def _mutate(document: Document, dice: random.Random) -> None:
    """Changes one place: takes it away, makes it odd, adds a field that is not there, doubles it."""
    *way, last = dice.choice([path for path in paths(document["spec"], ("spec",)) if len(path) > 1] or [("spec",)])
    holder: Any = document
    for step in way:
        holder = holder[step]
    how, here = dice.choice(["remove", "odd", "odd", "text", "unknown", "double"]), holder[last]
    if how == "remove":
        del holder[last]
    elif how == "unknown" and isinstance(here, dict):
        here["notAField"] = dice.choice([1, None, "a"])
    elif how == "double" and isinstance(here, list) and here:
        here.append(copy.deepcopy(here[0]))
    else:
        holder[last] = dice.choice(TEXTS) if how == "text" else copy.deepcopy(dice.choice(ODD))
