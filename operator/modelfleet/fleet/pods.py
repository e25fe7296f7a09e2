"""Pods of models, as far as a model's status wants to know: where they run, and why they do not serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Key
from modelfleet.fleet.labels import HARDWARE, MODEL, UNITS
from modelfleet.fleet.raw import condition, identity, mapping, text
from modelfleet.fleet.requests import Requests, requests_of
from modelfleet.fleet.times import seconds
from modelfleet.fleet.troubles import Trouble, pod_trouble

_MOST_UNITS = 7
"""The most digits that a number of units may have."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a model."""

    key: Key
    uid: str
    model: str
    """The ModelDeployment that it was made for, by its label; empty where it is nobody's."""
    hardware: str
    """The HardwareClass that it was made for, by its label."""
    node: str
    """The node that it runs on, empty while it has none."""
    ready: bool
    terminating: bool
    created: str
    trouble: Trouble | None = None
    """Why it is not ready, as far as that can be told; none for one that is, or that goes away."""
    ended: bool = False
    """Whether it has run to its end, well or badly: it is then no replica any more."""
    units: int = 0
    """How many units of its class it takes, by its label."""
    requests: Requests = ()
    """What it asks of a node, in thousandths, by the name of the resource."""
    waiting: float = 0.0
    """Since when the scheduler has no node for it, in seconds since 1970; 0.0 where it does not say so."""


def parse_pod(raw: Any) -> Pod | None:
    """The pod, or None where it has no name. Never raises."""
    known = identity(raw, "Pod")
    if known is None:
        return None
    key, metadata = known
    labels, status = mapping(metadata.get("labels")), mapping(raw.get("status"))
    ended = status.get("phase") in ("Failed", "Succeeded")
    ready = not ended and condition(status, "Ready").get("status") == "True"
    terminating = bool(metadata.get("deletionTimestamp"))
    spec, units = mapping(raw.get("spec")), text(labels.get(UNITS))
    return Pod(
        key=key,
        uid=text(metadata.get("uid")),
        model=text(labels.get(MODEL)),
        hardware=text(labels.get(HARDWARE)),
        node=text(spec.get("nodeName")),
        ready=ready,
        terminating=terminating,
        created=text(metadata.get("creationTimestamp")),
        trouble=None if ready or terminating else pod_trouble(key, raw),
        ended=ended,
        units=int(units) if units.isascii() and units.isdecimal() and len(units) <= _MOST_UNITS else 0,
        requests=requests_of(spec),
        waiting=_waiting(status),
    )


def _waiting(status: Mapping[str, Any]) -> float:
    scheduled = condition(status, "PodScheduled")
    # A pod that is held back by a gate waits for whoever holds it, and not for room.
    if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return 0.0
    return seconds(text(scheduled.get("lastTransitionTime")))
