"""Fleets of a given number of policies, each with a model of its own, for measuring what another policy costs."""

from collections.abc import Iterator
from typing import Any

Raw = dict[str, Any]
API = "modelfleet.dev/v1alpha1"


def sized_fleet(policies: int) -> Iterator[Raw]:
    """Their models and themselves."""
    for number in range(policies):
        yield sized_model(number)
        yield sized_policy(number)


def sized_model(number: int) -> Raw:
    return _object("ModelDeployment", f"m{number}", {"model": {"name": f"e{number}"}, "engine": {"name": "sim"}})


def sized_policy(number: int, rule: str = "first") -> Raw:
    """It serves the name nNUMBER, by a rule of this name."""
    spec = {
        "serves": {"models": [f"n{number}"]},
        "tiers": [{"name": "light", "models": [{"name": f"m{number}"}]}],
        "rules": [{"name": rule, "when": {"promptBytes": ">0"}, "tier": "light"}],
        "timeouts": {"total": "30s", "firstToken": "5s"},
    }
    return _object("RoutingPolicy", f"p{number}", spec)


def _object(kind: str, name: str, spec: Raw) -> Raw:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}
