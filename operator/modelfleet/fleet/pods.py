"""Pods of models, as far as a model's status wants to know: where they run, and why they do not serve."""

from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Key
from modelfleet.fleet.labels import HARDWARE, MODEL
from modelfleet.fleet.raw import condition, identity, mapping, text
from modelfleet.fleet.troubles import Trouble, pod_trouble


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a model."""

    key: Key
    uid: str
    model: str
    """The name of the ModelDeployment that it was made for, by its label; empty where it is nobody's."""
    hardware: str
    """The name of the HardwareClass that it was made for, by its label."""
    node: str
    """The node that it runs on, empty while it has none."""
    ready: bool
    terminating: bool
    created: str
    trouble: Trouble | None = None
    """Why it is not ready, as far as that can be told; none for one that is, or that goes away."""
    ended: bool = False
    """Whether it has run to its end, well or badly: it is then no replica any more."""


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
    return Pod(
        key=key,
        uid=text(metadata.get("uid")),
        model=text(labels.get(MODEL)),
        hardware=text(labels.get(HARDWARE)),
        node=text(mapping(raw.get("spec")).get("nodeName")),
        ready=ready,
        terminating=terminating,
        created=text(metadata.get("creationTimestamp")),
        trouble=None if ready or terminating else pod_trouble(key, raw),
        ended=ended,
    )
