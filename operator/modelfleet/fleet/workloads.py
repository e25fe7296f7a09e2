"""Deployments of models: how far they have come, and why they cannot make their pods."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.labels import HARDWARE, HASH, MODEL
from modelfleet.fleet.raw import condition, count, identity, mapping, mappings, text, words
from modelfleet.fleet.troubles import Trouble

NAMED = re.compile(r'^(?:Error creating: )?pods "[^"]*" is forbidden: ')
"""What stands in front of a refusal: it names a pod that never was, another one at each try."""
QUOTA = "exceeded quota"
DENIED = ("admission webhook", "failed calling webhook", "violates PodSecurity", "ValidatingAdmissionPolicy")
FIXES = {
    Reason.QUOTA_EXCEEDED: "lower scale.replicas or units, or have the ResourceQuota raised",
    Reason.ADMISSION_DENIED: "change spec.engine so that it is let in, or have the rule changed",
    Reason.CREATE_FAILED: "correct what it names",
}


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment of a model, on one class of hardware."""

    key: Key
    uid: str
    owner_uid: str
    """Which object it was made for; empty where no ModelDeployment owns it."""
    model: str
    """The name of that ModelDeployment, by its label."""
    hardware: str
    desired: int
    ready: int
    updated: int
    """Replicas of the newest template."""
    generation: int
    seen: int
    """The generation that the counts speak of."""
    trouble: Trouble | None = None
    """Why it makes no pods, or none that become ready."""
    total: int = 0
    """Replicas of any template."""
    hash: str = ""
    """What it was made from, as whoever made it wrote there."""

    @property
    def is_done(self) -> bool:
        """Whether every replica is of the newest template, and ready."""
        is_whole = min(self.updated, self.ready) >= self.desired
        return self.seen >= self.generation and is_whole and not self.older

    @property
    def older(self) -> int:
        """Replicas of older templates: of a single one that is being replaced, all other counts say nothing."""
        return max(0, self.total - self.updated)


def parse_workload(raw: Any) -> Workload | None:
    """The Deployment, or None where it has no name. Never raises."""
    known = identity(raw, "Deployment")
    if known is None:
        return None
    key, metadata = known
    labels, status = mapping(metadata.get("labels")), mapping(raw.get("status"))
    owners = [one for one in mappings(metadata.get("ownerReferences")) if one.get("kind") == "ModelDeployment"]
    return Workload(
        key=key,
        uid=text(metadata.get("uid")),
        owner_uid=text(owners[0].get("uid")) if owners else "",
        model=text(labels.get(MODEL)),
        hardware=text(labels.get(HARDWARE)),
        desired=count(mapping(raw.get("spec")).get("replicas"), 1),
        ready=count(status.get("readyReplicas")),
        updated=count(status.get("updatedReplicas")),
        generation=count(metadata.get("generation")),
        seen=count(status.get("observedGeneration")),
        trouble=_trouble(status),
        total=count(status.get("replicas")),
        hash=text(mapping(metadata.get("annotations")).get(HASH)),
    )


def _trouble(status: Mapping[str, Any]) -> Trouble | None:
    failure, progress = condition(status, "ReplicaFailure"), condition(status, "Progressing")
    if failure.get("status") == "True":
        return _refused(words(failure.get("message")))
    if progress.get("status") != "False":
        return None
    said = words(progress.get("message"))
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return Trouble(Condition.PROGRESSING, Reason.PROGRESS_DEADLINE_EXCEEDED, said or "it has timed out")
    return _refused(said)


def refusal(said: str) -> Reason:
    """What kind of refusal these words of the API server are."""
    if QUOTA in said:
        return Reason.QUOTA_EXCEEDED
    return Reason.ADMISSION_DENIED if any(word in said for word in DENIED) else Reason.CREATE_FAILED


def _refused(said: str) -> Trouble:
    said = NAMED.sub("", said) or "no reason is given"
    reason = refusal(said)
    return Trouble(Condition.PLACED, reason, f"no pod can be made: {said}; {FIXES[reason]}")
