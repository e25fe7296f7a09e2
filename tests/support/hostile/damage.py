"""What goes wrong with the documents of a fleet: one slip, or one attack, at one place at a time."""

import copy
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Key, Path
from modelfleet.fleet.parse import key_of
from tests.support.hostile import words
from tests.support.hostile.dice import Dice
from tests.support.paths import paths

WAYS = (
    "remove",
    "text",
    "text",
    "number",
    "shape",
    "unknown",
    "double",
    "rename",
    "other",
    "again",
    "replace",
    "add",
    "swell",
)


@dataclass(frozen=True)
class Damage:
    """What was done where, and to whom."""

    way: str
    index: int
    path: Path
    key: Key | None
    """Whose document it was, and below whose it is now; None where it is nobody's."""
    key_after: Key | None


def damaged(documents: list[Any], dice: Dice, spared: str) -> tuple[list[Any], tuple[Damage, ...]]:
    """A copy of the documents with one to eight things done to them, and never to those of this name."""
    made = copy.deepcopy(documents)
    done = [_damage(made, dice, spared) for _ in range(dice.choice((1, 1, 2, 4, 8)))]
    return made, tuple(done)


def _damage(documents: list[Any], dice: Dice, spared: str) -> Damage:
    way = dice.choice(WAYS)
    if way in ("again", "add"):
        return _insert(documents, dice, way, spared)
    open_to_it = [at for at, raw in enumerate(documents) if not _is_spared(raw, spared)]
    if way == "swell":
        open_to_it = [at for at in open_to_it if _is_policy(documents[at])] or open_to_it
    index = dice.choice(open_to_it)
    before = documents[index]
    key = _key(before)
    places = [path for path in paths(before) if path]
    path: Path = ()
    if way == "replace" or not places:
        documents[index] = copy.deepcopy(dice.choice(words.DOCUMENTS))
    elif way == "swell" and _is_policy(before):
        path = _swell(before["spec"], dice)
    else:
        path = _spoil(before, dice.choice(places), way, dice)
    return Damage(way, index, path, key, _key(documents[index]))


def _insert(documents: list[Any], dice: Dice, way: str, spared: str) -> Damage:
    """Puts in what is there already, with something else in it, or what is no object."""
    index = dice.randrange(len(documents) + 1)
    if way == "add":
        documents.insert(index, copy.deepcopy(dice.choice(words.DOCUMENTS)))
        return Damage(way, index, (), None, _key(documents[index]))
    again = copy.deepcopy(dice.choice([raw for raw in documents if not _is_spared(raw, spared)]))
    documents.insert(index, again)
    places = [path for path in paths(again) if path and path[0] == "spec"]
    path = _spoil(again, dice.choice(places), "text", dice) if places else ()
    return Damage(way, index, path, _key(again), _key(again))


def _spoil(document: Any, path: Path, way: str, dice: Dice) -> Path:
    """Does it to what stands there; the path of what is new or gone."""
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    last: Any = path[-1]
    here = holder[last]
    if way == "remove":
        del holder[last]
    elif way == "unknown" and isinstance(here, dict):
        here[dice.choice(words.TEXTS)] = copy.deepcopy(dice.choice(words.SHAPES))
    elif way == "double" and isinstance(here, list) and here:
        here.append(copy.deepcopy(dice.choice(here)))
    elif way == "rename" and isinstance(last, str):
        holder[dice.choice(words.TEXTS)] = holder.pop(last)
    else:
        holder[last] = _instead(way, dice)
    return path


def _swell(spec: dict[str, Any], dice: Dice) -> Path:
    """As many and as long texts as each field by itself takes: more than anybody can be sent in one piece."""
    text = dice.choice(("\U0001f600", "\x00", "é", "%")) * 4096
    when = {"headers": {f"x-{number}": text[:256] for number in range(8)}} if dice.often(0.5) else {"stream": True}
    count = dice.choice((16, 32, 64))
    spec["rules"] = [{"name": f"r{number}", "when": when, "answer": {"body": text}} for number in range(count)]
    return "spec", "rules"


def _is_policy(raw: Any) -> bool:
    return isinstance(raw, dict) and raw.get("kind") == "RoutingPolicy" and isinstance(raw.get("spec"), dict)


def _instead(way: str, dice: Dice) -> Any:
    pools = {"number": words.NUMBERS, "shape": words.SHAPES, "other": words.PLAIN}
    return copy.deepcopy(dice.choice(pools.get(way, words.TEXTS)))


def _key(raw: Any) -> Key | None:
    return key_of(raw, "default") if isinstance(raw, dict) else None


def _is_spared(raw: Any, name: str) -> bool:
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    return isinstance(metadata, dict) and metadata.get("name") == name
