"""The status of a model: where its replicas are, whether they serve, and in whose words they do not."""

from collections.abc import Sequence
from typing import Any

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Condition, Reason, keeps_out
from modelfleet.fleet.labels import MODEL, label_value
from modelfleet.placement.result import Share
from modelfleet.statuses.classes import class_rows, obstacle, why_kept, why_not
from modelfleet.statuses.conditions import FALSE, TRUE, Row, ready, sentences, told, unread, wire
from modelfleet.statuses.inforce import in_force
from modelfleet.statuses.replicas import Replicas, declared, replicas_of
from modelfleet.statuses.rollouts import progressing
from modelfleet.statuses.scene import Scene
from modelfleet.statuses.verdict import Verdict, not_judged

HOSTED = "nothing speaks against it here; whether its host answers is not looked at"


def model_status(verdict: Verdict, scene: Scene) -> dict[str, Any]:
    """The status of a ModelDeployment."""
    judged = verdict.judged
    replicas, shares = replicas_of(judged, scene), scene.shares or ()
    accepted = verdict.accepted(Condition.RESOLVED_REFS, Condition.PLACED, Condition.MISPLACED)
    if isinstance(judged.resource, ModelDeployment) and judged.resource.spec.external:
        rows = [accepted, verdict.resolved()]
        return {**wire([*rows, ready(rows, HOSTED)], judged.generation), **in_force(judged)}
    rows = [accepted, verdict.resolved(), _placed(verdict, replicas, shares), _available(verdict, replicas)]
    more = [progressing(verdict, replicas, shares), _misplaced(verdict, replicas)]
    # Who looks at the sum alone is to see as well why a class that is preferred has none of them, or not all.
    message = sentences([rows[-1].message, *why_not(shares, replicas, everywhere=False)])
    status = wire([*rows, *more, ready(rows, message)], judged.generation)
    return {**status, **in_force(judged), **_counts(verdict, replicas)}


def _placed(verdict: Verdict, replicas: Replicas, shares: Sequence[Share]) -> Row:
    type_, desired = Condition.PLACED, replicas.desired
    found = verdict.of(type_)
    if found and keeps_out(found[0]):
        return Row(type_, FALSE, found[0].reason, told(found))
    if row := _unread(type_, verdict, replicas):
        return row
    lacks = replicas.placed < desired
    troubles = replicas.troubles(type_)
    others = [*why_not(shares, replicas, everywhere=lacks), *why_kept(verdict, replicas)]
    others += [told(found)] if found else []
    # A surplus replica that waits for room, as in a rollout, is none that is wanted; what is refused is wanted always.
    if against := troubles if lacks else replicas.refusals(type_):
        return Row(type_, FALSE, against[0][0], sentences([*(words for _, words in troubles), *others]))
    said = [f"{replicas.placed} of {replicas.total} replicas have a node", *(words for _, words in troubles)]
    if lacks:
        missing = said if replicas.live else ["no replica exists yet"]
        return Row(type_, FALSE, obstacle(shares) or Reason.PENDING, sentences([*missing, *others]))
    if not desired:
        return Row(type_, TRUE, Reason.SCALED_TO_ZERO, sentences(["no replica is wanted", *others]))
    return Row(type_, TRUE, Reason.PLACED, sentences([*said, *others]))


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


def _misplaced(verdict: Verdict, replicas: Replicas) -> Row:
    type_ = Condition.MISPLACED
    if verdict.judged.resource is None:
        return not_judged(type_)
    found, choices = verdict.of(type_), declared(verdict.judged)
    unfit = {choices[step] for one in found for step in one.path if isinstance(step, int)}
    used = replicas.by_class.keys()
    # A class that does not suit may be listed and never needed; where nothing runs yet, all that are listed count.
    if found and (used & unfit if used else set(choices) <= unfit):
        cost = replicas.cost_per_hour(unfit)
        paid = [f"{cost} an hour is paid for replicas on what suits other work"] if cost else []
        return Row(type_, TRUE, Reason.MISPLACED, sentences([told(found), *paid]))
    return Row(type_, FALSE, Reason.WELL_PLACED, told(found) or "no class that it runs on suits other work only")


def _counts(verdict: Verdict, replicas: Replicas) -> dict[str, Any]:
    counts: dict[str, Any] = {"selector": f"{MODEL}={label_value(verdict.judged.key.name)}"}
    if rows := class_rows(replicas):
        counts["classes"] = rows
    if "Pod" in replicas.unknown:
        return counts
    counts |= {"replicas": len(replicas.live), "readyReplicas": replicas.ready}
    if used := _used(verdict, replicas):
        counts["placedOn"] = ", ".join(used)
    if "HardwareClass" not in replicas.unknown:
        counts |= {"costPerHour": cost} if (cost := replicas.cost_per_hour()) else {}
    if "Node" not in replicas.unknown:
        counts |= {"regions": regions} if (regions := replicas.by_region()) else {}
    return counts


def _used(verdict: Verdict, replicas: Replicas) -> list[str]:
    preferred = declared(verdict.judged)
    used = {name for name in replicas.by_class if name}
    return [*(name for name in preferred if name in used), *sorted(used.difference(preferred))]
