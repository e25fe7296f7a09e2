"""Fleets as text, and the ways in which people and programs put text into files."""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

API = "modelfleet.dev/v1alpha1"
ENGINE = Path(__file__).with_name("engine.py")

Object = dict[str, Any]


def text(*objects: Object) -> str:
    return yaml.safe_dump_all(objects, sort_keys=False, default_flow_style=None)


def sim(name: str, *args: str, **spec: object) -> Object:
    engine = {"name": "sim", "args": list(args)} if args else {"name": "sim"}
    return _object("ModelDeployment", name, {"model": {"name": f"m-{name}"}, "engine": engine, **spec})


def custom(name: str, *words: str, **engine: object) -> Object:
    spec = {"model": {"name": f"m-{name}"}, "engine": {"name": "custom", "command": list(words), **engine}}
    return _object("ModelDeployment", name, spec)


def small_engine(name: str, *words: str, **engine: object) -> Object:
    """One that starts in no time."""
    return custom(name, sys.executable, "-I", "-S", str(ENGINE), "$(PORT)", *words, **engine)


def external(name: str, url: str, **more: object) -> Object:
    return _object("ModelDeployment", name, {"model": {"name": f"m-{name}"}, "external": {"url": url, **more}})


def policy(name: str, *models: str, rules: tuple[Object, ...] = (), **spec: object) -> Object:
    """A policy that answers to its own name, with a tier `t-MODEL` for each model."""
    tiers = [{"name": f"t-{model}", "models": [{"name": model}]} for model in models]
    features = sorted({"b", "c", *models})
    return _object(
        "RoutingPolicy",
        name,
        {
            "serves": {"models": [name]},
            "identifiers": {"feature": "x-feature", "features": features},
            "tiers": tiers,
            **({"rules": list(rules)} if rules else {}),
            **spec,
        },
    )


def to(model: str, name: str = "") -> Object:
    """A rule that sends the feature of the model's name to its tier."""
    return {"name": name or f"r-{model}", "when": {"feature": model}, "tier": f"t-{model}"}


def secret(name: str, **entries: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": entries}


def config_map(name: str, **entries: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": entries}


def _object(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def save(path: Path, *objects: Object) -> None:
    """As editors save: another file takes the place."""
    put(path, text(*objects))


def put(path: Path, content: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(content)
    os.replace(draft, path)  # noqa: PTH105 - the same, and said as the system calls it


def place_of(content: str, words: str) -> str:
    """LINE:COLUMN where the words begin."""
    before = content[: content.index(words)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
