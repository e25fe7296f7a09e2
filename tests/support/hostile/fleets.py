"""Whole fleets, valid or half broken, each from a name that says all there is to know of it.

They are made by a seeded generator and not by Hypothesis: each runs against one Envoy that lives through thousands of
them, there are to be exactly so many, and texts of 10 KB in each would exhaust the choices that Hypothesis keeps. What
Hypothesis would give beside that is a smaller case, and `shrink` gives it by taking objects and fields away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.routingpolicy.unenforced import ENFORCED
from modelfleet.findings import Key
from modelfleet.fleet.parse import key_of
from tests.support.hostile import names
from tests.support.hostile.damage import Damage, damaged
from tests.support.hostile.dice import Dice
from tests.support.hostile.policies import Clauses
from tests.support.hostile.resources import API, CONFIG, SECRET, Document, document, hardware_spec, model_spec

NEIGHBOUR = "neighbour"
NEIGHBOUR_HOST = "neighbour.example"
BROKEN = 0.6
UNENFORCED = 0.25


@dataclass(frozen=True)
class Fleet:
    """What somebody declares, and what is known of it."""

    name: str
    documents: list[Any]
    before: list[Any]
    """What it was before anything in it was broken; the same where nothing is."""
    damage: tuple[Damage, ...]

    @property
    def touched(self) -> frozenset[Key]:
        """The objects that something was done to, by the names that they had and those that they have now."""
        keys = {key for one in self.damage for key in (one.key, one.key_after) if key}
        return frozenset(keys)


def made(name: str) -> Fleet:
    """The fleet of this name; the same name gives the same fleet."""
    dice = Dice(name)
    documents = _documents(dice)
    dice.shuffle(documents)
    before, damage = documents, tuple[Damage, ...]()
    if dice.often(BROKEN):
        documents, damage = damaged(documents, dice, spared=NEIGHBOUR)
    return Fleet(name, documents, before, damage)


def _documents(dice: Dice) -> list[Document]:
    classes = dice.several([name for name in names.DNS_NAMES if name != "a"], 1, 3)
    hardware = [document("HardwareClass", name, "", hardware_spec(dice), dice) for name in classes]
    namespaces = dice.several(names.NAMESPACES, 1, 2)
    documents = [*hardware, *_neighbour()]
    for namespace in namespaces:
        documents += [*_holders(namespace, dice), *_models(namespace, classes, dice)]
        models = [it["metadata"]["name"] for it in documents if _is_model_of(it, namespace)]
        documents += _policies(namespace, models, dice)
    return documents


def _is_model_of(raw: Document, namespace: str) -> bool:
    return key_of(raw, "default")[:2] == ("ModelDeployment", namespace)


def _models(namespace: str, classes: list[str], dice: Dice) -> list[Document]:
    chosen = dice.several(names.DNS_NAMES, 2, 9 if dice.often(0.05) else 4)
    return [
        document("ModelDeployment", name, namespace, model_spec(dice, classes, hosted=dice.often(0.4)), dice)
        for name in chosen
    ]


def _policies(namespace: str, models: list[str], dice: Dice) -> list[Document]:
    made = []
    for name in dice.several(names.DNS_NAMES, 1, 3):
        clauses = Clauses(dice, models, unenforced=dice.often(UNENFORCED))
        made.append(document("RoutingPolicy", name, namespace, clauses.spec(), dice))
    return made


def _holders(namespace: str, dice: Dice) -> list[Document]:
    """The Secret and the ConfigMap that models of the namespace name."""
    where = {"namespace": namespace}
    tokens = {"token": dice.choice(names.TOKENS), "odd": dice.choice((*names.TOKENS, *names.PRIVATE_TOKENS))}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, **where}, "stringData": tokens},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG, **where}, "data": {"entry": "a"}},
    ]


def _neighbour() -> list[Document]:
    """A policy that nobody does anything to, and its model: whatever the others are, it serves."""
    spec = {
        "serves": {"models": [NEIGHBOUR], "hosts": [NEIGHBOUR_HOST]},
        "tiers": [{"name": "only", "models": [{"name": NEIGHBOUR}]}],
    }
    metadata = {"name": NEIGHBOUR, "namespace": "default"}
    model = {"model": {"name": "engine-neighbour"}, "engine": {"name": "sim"}}
    return [
        {"apiVersion": API, "kind": "ModelDeployment", "metadata": metadata, "spec": model},
        {"apiVersion": API, "kind": "RoutingPolicy", "metadata": metadata, "spec": spec},
    ]


def sound_policies(fleet: Fleet) -> set[Key]:
    """The policies that must be in force: valid and enforced as they are, with nothing done to them or their models."""
    found = {key_of(raw, "default"): raw for raw in fleet.before if raw["kind"] == "RoutingPolicy"}
    return {
        key
        for key, raw in found.items()
        if not fleet.touched & {key, *_models_of(key, raw["spec"])} and is_enforced(raw["spec"])
    }


def _models_of(key: Key, spec: Mapping[str, Any]) -> set[Key]:
    lists = [*spec["tiers"], *spec.get("rules", ())]
    named = {model["name"] for it in lists for model in it.get("models", ())}
    return {Key("ModelDeployment", key.namespace, name) for name in named}


def is_enforced(spec: Mapping[str, Any]) -> bool:
    """Whether gateways enforce all that the policy says. An empty list says nothing."""
    return (
        all(clause in ENFORCED for clause, said in spec.items() if said != [])
        and spec.get("mode") != "Observe"
        and not any("maxInFlight" in tier for tier in spec["tiers"])
        and not any("classify" in rule for rule in spec.get("rules", ()))
    )
