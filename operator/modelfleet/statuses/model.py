"""The status of a model: where its replicas are, whether they serve, and in whose words they do not."""

from collections.abc import Mapping
from typing import Any

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Condition, Reason, keeps_out
from modelfleet.fleet.labels import LONGEST, MODEL
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.statuses.conditions import FALSE, TRUE, Row, ready, sentences, told, unread, wire
from modelfleet.statuses.replicas import Replicas, replicas_of
from modelfleet.statuses.verdict import Verdict, not_judged

HOSTED = "nothing speaks against it here; whether its host answers is not looked at"


def model_status(verdict: Verdict, snapshot: FleetSnapshot, nodes: Mapping[str, Node]) -> dict[str, Any]:
    """The status of a ModelDeployment."""
    judged = verdict.judged
    replicas = replicas_of(judged, snapshot, nodes)
    accepted = verdict.accepted(Condition.RESOLVED_REFS, Condition.PLACED, Condition.MISPLACED)
    if isinstance(judged.resource, ModelDeployment) and judged.resource.spec.external:
        rows = [accepted, verdict.resolved()]
        return wire([*rows, ready(rows, HOSTED)], judged.generation)
    rows = [accepted, verdict.resolved(), _placed(verdict, replicas), _available(verdict, replicas)]
    more = [_progressing(verdict, replicas), _misplaced(verdict, replicas)]
    status = wire([*rows, *more, ready(rows, rows[-1].message)], judged.generation)
    return {**status, **_counts(verdict, replicas)}


def _placed(verdict: Verdict, replicas: Replicas) -> Row:
    type_, desired = Condition.PLACED, replicas.desired
    found = verdict.of(type_)
    if found and keeps_out(found[0]):
        return Row(type_, FALSE, found[0].reason, told(found))
    if row := _unread(type_, verdict, replicas):
        return row
    warned = [told(found)] if found else []
    if troubles := replicas.troubles(type_):
        return Row(type_, FALSE, troubles[0][0], sentences([*(said for _, said in troubles), *warned]))
    said = f"{replicas.placed} of {replicas.total} replicas have a node"
    if replicas.placed < desired:
        missing = said if replicas.live else "no replica exists yet"
        return Row(type_, FALSE, Reason.PENDING, sentences([missing, *warned]))
    if not desired:
        return Row(type_, TRUE, Reason.SCALED_TO_ZERO, sentences(["no replica is wanted", *warned]))
    return Row(type_, TRUE, Reason.PLACED, sentences([said, *warned]))


def _available(verdict: Verdict, replicas: Replicas) -> Row:
    type_ = Condition.AVAILABLE
    if row := _unread(type_, verdict, replicas):
        return row
    troubles = replicas.troubles(type_) or replicas.troubles(Condition.PROGRESSING)
    said = [message for _, message in troubles]
    if replicas.ready:
        counts = f"{replicas.ready} of {replicas.total} replicas are ready"
        return Row(type_, TRUE, Reason.AVAILABLE, sentences([counts, *said]))
    if troubles:
        return Row(type_, FALSE, troubles[0][0], sentences(said))
    if not replicas.live and not replicas.desired:
        message = "spec.scale.replicas: is 0, so nothing serves the model: raise it"
        return Row(type_, FALSE, Reason.SCALED_TO_ZERO, message)
    if replicas.placed:
        return Row(type_, FALSE, Reason.STARTING, "no replica is ready yet: they are being started")
    waiting = "no replica has a node yet" if replicas.live else "no replica exists yet"
    return Row(type_, FALSE, Reason.PENDING, waiting)


def _unread(type_: Condition, verdict: Verdict, replicas: Replicas) -> Row | None:
    if "Pod" in replicas.unknown:
        return unread(type_, "Pod", replicas.unknown["Pod"])
    # Where an older version of the spec was taken, its replicas are there and may well serve.
    return not_judged(type_) if verdict.judged.resource is None and replicas.are_none else None


def _progressing(verdict: Verdict, replicas: Replicas) -> Row:
    type_, made = Condition.PROGRESSING, replicas.workloads
    if "Deployment" in replicas.unknown:
        return unread(type_, "Deployment", replicas.unknown["Deployment"])
    if not made:
        if verdict.judged.resource is None:
            return not_judged(type_)
        return Row(type_, FALSE, Reason.PENDING, "nothing is being rolled out")
    if troubles := replicas.troubles(type_):
        return Row(type_, FALSE, troubles[0][0], sentences(message for _, message in troubles))
    desired = sum(one.desired for one in made)
    if all(one.is_done for one in made):
        return Row(type_, FALSE, Reason.UP_TO_DATE, "every replica is of the newest version, and ready")
    updated, serving = (sum(min(getattr(one, of), one.desired) for one in made) for of in ("updated", "ready"))
    message = f"{updated} of {desired} replicas are of the newest version, {serving} of {desired} ready"
    return Row(type_, TRUE, Reason.ROLLING_OUT, message)


def _misplaced(verdict: Verdict, replicas: Replicas) -> Row:
    type_, resource = Condition.MISPLACED, verdict.judged.resource
    if not isinstance(resource, ModelDeployment):
        return not_judged(type_)
    found = verdict.of(type_)
    choices = [choice.name for choice in resource.spec.placement.classes] if resource.spec.placement else []
    unfit = {choices[step] for one in found for step in one.path if isinstance(step, int)}
    used = {pod.hardware for pod in replicas.live}
    # A class that does not suit may be listed and never needed; where nothing runs yet, all that are listed count.
    if found and (used & unfit if used else set(choices) <= unfit):
        return Row(type_, TRUE, Reason.MISPLACED, told(found))
    return Row(type_, FALSE, Reason.WELL_PLACED, told(found) or "no class that it runs on suits other work only")


def _counts(verdict: Verdict, replicas: Replicas) -> dict[str, Any]:
    name, counts = verdict.judged.key.name, dict[str, Any]()
    if len(name) <= LONGEST:
        counts["selector"] = f"{MODEL}={name}"
    if "Pod" in replicas.unknown:
        return counts
    counts |= {"replicas": len(replicas.live), "readyReplicas": replicas.ready}
    if used := _used(verdict, replicas):
        counts["placedOn"] = ", ".join(used)
    if "Node" not in replicas.unknown:
        counts |= {"regions": regions} if (regions := replicas.by_region()) else {}
    return counts


def _used(verdict: Verdict, replicas: Replicas) -> list[str]:
    resource = verdict.judged.resource
    placement = resource.spec.placement if isinstance(resource, ModelDeployment) else None
    preferred = [choice.name for choice in placement.classes] if placement else []
    used = {pod.hardware for pod in replicas.live if pod.hardware}
    return [*(name for name in preferred if name in used), *sorted(used.difference(preferred))]
