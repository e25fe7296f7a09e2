"""What an operator is asked to notice: something that is made, something that goes. A test breaks things around it."""

import time
import uuid
from typing import Any

from tests.cluster.operator.objects import condition, gone, hosted, make, routed, wait_for_condition
from tests.sizes import scale
from tests.testbed.api import Api

PROMPT_S = float(scale(20, 10))
"""What the user waits for at most, once nothing is broken any more; longer where others share the machine."""


def sees_what_is_made(api: Api, namespace: str, patience: float = PROMPT_S) -> float:
    """Seconds until a new object is told to be ready."""
    name, began = f"new-{uuid.uuid4().hex[:6]}", time.monotonic()
    make(api, hosted(name, namespace))
    wait_for_condition(api, "ModelDeployment", namespace, name, "Ready", "True", patience)
    return time.monotonic() - began


def pair(api: Api, namespace: str, name: str = "m") -> None:
    """A model, and a policy of the same name that leads to it: when it says so, both have been seen."""
    make(api, hosted(name, namespace), routed(name, namespace, name))
    wait_for_condition(api, "RoutingPolicy", namespace, name, "ResolvedRefs", "True")


def without_model(api: Api, namespace: str, name: str = "m") -> None:
    """Deletes the model of a pair."""
    gone(api, "ModelDeployment", namespace, name)


def sees_what_is_gone(api: Api, namespace: str, name: str = "m", patience: float = PROMPT_S) -> float:
    """Seconds until the policy of a pair says that its model is not there."""
    began = time.monotonic()
    wait_for_condition(api, "RoutingPolicy", namespace, name, "ResolvedRefs", "ModelNotFound", patience)
    return time.monotonic() - began


def resolved(api: Api, namespace: str, name: str = "m") -> dict[str, Any]:
    """What the policy of a pair says of its model."""
    return condition(api, "RoutingPolicy", namespace, name, "ResolvedRefs")
