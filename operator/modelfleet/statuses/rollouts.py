"""How far the newest version of a model has come: written or not, rolled out or not, and what keeps it from that."""

from collections.abc import Iterator, Sequence

from modelfleet.findings import Condition, Reason
from modelfleet.placement.result import Share
from modelfleet.statuses.classes import moves
from modelfleet.statuses.conditions import FALSE, TRUE, Row, sentences, unread
from modelfleet.statuses.replicas import Replicas
from modelfleet.statuses.verdict import Verdict, not_judged

TYPE = Condition.PROGRESSING


def progressing(verdict: Verdict, replicas: Replicas, shares: Sequence[Share]) -> Row:
    """Whether replicas are being made or replaced, or move."""
    made, scene = replicas.workloads, replicas.scene
    if "Deployment" in replicas.unknown:
        return unread(TYPE, "Deployment", replicas.unknown["Deployment"])
    moving = moves(shares, replicas)
    if scene.unwritten:
        return _unwritten(replicas, moving)
    if not made:
        nothing = Row(TYPE, FALSE, Reason.PENDING, "nothing is being rolled out")
        return nothing if verdict.judged.resource else not_judged(TYPE)
    stuck = [(Reason.NO_SURGE_CAPACITY, sentence) for sentence in _stuck(replicas, scene.stuck)]
    if troubles := [*stuck, *replicas.troubles(TYPE)]:
        return Row(TYPE, FALSE, troubles[0][0], sentences(message for _, message in troubles))
    if not moving and all(one.is_done for one in made):
        return Row(TYPE, FALSE, Reason.UP_TO_DATE, "every replica is of the newest version, and ready")
    desired = sum(one.desired for one in made)
    updated, serving = (sum(min(getattr(one, of), one.desired) for one in made) for of in ("updated", "ready"))
    message = f"{updated} of {desired} replicas are of the newest version, {serving} of {desired} ready"
    return Row(TYPE, TRUE, Reason.ROLLING_OUT, sentences([*moving, message]))


def _unwritten(replicas: Replicas, moving: Sequence[str]) -> Row:
    """What there is to say before all Deployments are what they are to be: what they say is of the version before."""
    if refused := replicas.refusals(Condition.PLACED):
        return Row(TYPE, FALSE, refused[0][0], sentences(message for _, message in refused))
    return Row(TYPE, TRUE, Reason.ROLLING_OUT, sentences([*moving, "the newest version is not written yet"]))


def _stuck(replicas: Replicas, labels: frozenset[str]) -> Iterator[str]:
    """Why a new version gets nowhere on these classes, in a sentence for each."""
    for one in replicas.workloads:
        if one.hardware not in labels:
            continue
        pods = (pod for pod in replicas.live if pod.hardware == one.hardware and pod.waiting and not pod.node)
        said = min((pod.trouble.message.removesuffix(".") for pod in pods if pod.trouble), default="it has no node")
        where = f"{replicas.scene.name_of(one.hardware)}: " if one.hardware else ""
        older = f"{min(one.older, one.desired)} of {one.desired} replicas are of an older version"
        fix = "set spec.rollout.surge: 0, so that an old one goes first, or add room"
        yield f"{where}{older}, and there is no room for a newer one beside them: {said}; {fix}"
