"""Fleets made up from a seed: many objects that refer to each other, some of them broken in one place."""

import random
from collections.abc import Iterator
from typing import Any

import yaml

API = "modelfleet.dev/v1alpha1"
MISTAKES = (
    "misspelt: 1\n",
    "suits: [nothing]\n",
    "model: {name: 'a b'}\n",
    "tiers: []\n",
    "timeouts: {total: soon}\n",
)


def generated_fleet(size: int, *, broken: float, seed: int) -> Iterator[str]:
    """The YAML of `size` objects; about the share `broken` of them has a mistake."""
    dice = random.Random(seed)
    for number in range(size):
        kind = ("HardwareClass", "ModelDeployment", "RoutingPolicy")[min(number * 10 // max(size, 1), 9) // 4]
        text = yaml.safe_dump(MAKERS[kind](number, size, dice), sort_keys=False)
        yield text + (f"  {dice.choice(MISTAKES)}" if dice.random() < broken else "")


def _hardware(number: int, size: int, dice: random.Random) -> dict[str, Any]:  # noqa: ARG001 - one shape for all
    spec = {
        "family": dice.choice(["gpu", "accelerator"]),
        "nodes": {"selector": {"example.com/pool": f"pool-{number}"}},
        "unit": {"resources": {"nvidia.com/gpu": dice.randint(1, 4), "cpu": "6", "memory": "24Gi"}},
        "capacity": {"market": dice.choice(["spot", "reserved"]), "maxUnits": dice.randint(1, 64)},
        "price": {"perUnitHour": f"{dice.random():.3f}"},
    }
    return _object("HardwareClass", f"class-{number}", spec)


def _model(number: int, size: int, dice: random.Random) -> dict[str, Any]:
    spec = {
        "work": dice.choice(["inference", "embedding"]),
        "model": {"name": f"model-{number}", "contextTokens": 8192},
        "engine": {"name": dice.choice(["vllm", "sglang", "sim"]), "args": ["--quiet"]},
        "placement": {"classes": [{"name": f"class-{dice.randrange(size // 5 + 1)}", "units": dice.randint(1, 4)}]},
        "scale": {"replicas": dice.randint(0, 9), "concurrencyPerReplica": 16},
    }
    return _object("ModelDeployment", f"model-{number}", spec)


def _policy(number: int, size: int, dice: random.Random) -> dict[str, Any]:
    def some_model() -> dict[str, Any]:
        return {"name": f"model-{size * 2 // 5 + dice.randrange(size * 2 // 5 + 1)}", "weight": dice.randint(1, 99)}

    spec = {
        "serves": {"models": [f"auto-{number}", f"name-{dice.randrange(size * 50)}"], "hosts": ["ai.example.com"]},
        "tiers": [{"name": name, "models": [some_model()]} for name in ("light", "mid", "large")],
        "rules": [
            {"name": "long", "when": {"promptBytes": f">{dice.randint(1, 10**6)}"}, "tier": "large"},
            {"name": "score", "classify": {"light": "<0.3", "mid": "<0.7", "large": "else", "unsure": "mid"}},
        ],
        "timeouts": {"total": "30s", "firstToken": f"{dice.randint(1, 40)}s"},
        "degrade": [{"tier": "light"}, {"answer": {"status": 200, "body": "Later, please."}}],
    }
    return _object("RoutingPolicy", f"policy-{number}", spec)


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


MAKERS = {"HardwareClass": _hardware, "ModelDeployment": _model, "RoutingPolicy": _policy}
