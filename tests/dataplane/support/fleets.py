"""Fleets as their users write them, with what the tests never vary left to this module."""

from collections.abc import Mapping
from typing import Any

import yaml

Raw = dict[str, Any]


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> Raw:
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }


def model(name: str, alias: str = "") -> Raw:
    """A model of one's own. Its engine calls it engine-NAME unless the test says otherwise."""
    return _object("ModelDeployment", name, {"model": {"name": alias or f"engine-{name}"}, "engine": {"name": "sim"}})


def hosted(name: str, url: str, credentials: Mapping[str, Any] | None = None) -> Raw:
    """A model that somebody else serves, under the name engine-NAME."""
    external = {"url": url} | ({"credentials": dict(credentials)} if credentials else {})
    return _object("ModelDeployment", name, {"model": {"name": f"engine-{name}"}, "external": external})


def policy(name: str, spec: str) -> Raw:
    """A policy from its spec in YAML."""
    return _object("RoutingPolicy", name, yaml.safe_load(spec))


def simple(served: str, target: str = "") -> Raw:
    """The five-line policy: one name, one tier, one model."""
    return policy(
        served, f"{{serves: {{models: [{served}]}}, tiers: [{{name: only, models: [{{name: {target or served}}}]}}]}}"
    )


def once(raw: Raw) -> Raw:
    """The policy without repeats, for tests of what becomes of one try."""
    raw["spec"]["retries"] = {"attempts": 0}
    return raw


def fleet(*objects: Raw) -> str:
    """All of them as one text, as they would come from a file."""
    return yaml.safe_dump_all(objects)
