"""How each class of hardware stands with a model: what runs there, what is about to move, and why not elsewhere."""

from collections.abc import Sequence
from typing import Any

from modelfleet.findings import Reason
from modelfleet.fleet.standings import Standing
from modelfleet.fleet.times import stamp
from modelfleet.placement.plan import MUST_BE_READ
from modelfleet.placement.result import Share
from modelfleet.statuses.conditions import shortened
from modelfleet.statuses.replicas import Replicas, declared
from modelfleet.statuses.verdict import Verdict

MOST_CLASSES = 16
"""The most that a status takes: all that a model may declare, and some that it did before."""
CONTENT = frozenset({Reason.CHOSEN, Reason.NOT_NEEDED})
"""Reasons of classes that refused nobody."""


def class_rows(replicas: Replicas) -> list[dict[str, Any]]:
    """The classes of a model as its status has them, in the order of preference.

    Of a model that was not planned they stay as they stand: since when one is refused is remembered nowhere else.
    """
    scene = replicas.scene
    if not scene.is_planned:
        return []
    if scene.shares is None:
        rows = [_kept(name, one, replicas) for name, one in scene.standing.items()]
    else:
        rows = [_row(share, replicas) for share in scene.shares if share.hardware]
    return rows[:MOST_CLASSES]


def _row(share: Share, replicas: Replicas) -> dict[str, Any]:
    row = _counts(share.hardware, replicas)
    row |= {"chosen": bool(row["chosen"] or share.replicas or share.target)}
    row |= {"units": share.units} if share.units else {}
    message, since = shortened(share.message), stamp(share.since)
    return {**row, "reason": share.reason.value, "message": message, "since": since}


def _kept(name: str, standing: Standing, replicas: Replicas) -> dict[str, Any]:
    row = _counts(name, replicas)
    if "Pod" in replicas.unknown:
        row["chosen"] = standing.reason == Reason.CHOSEN
    since = {"since": stamp(standing.since)} if standing.since else {}
    said = {"reason": standing.reason, "message": standing.message}
    return {**row, **{field: shortened(text) for field, text in said.items() if text}, **since}


def _counts(name: str, replicas: Replicas) -> dict[str, Any]:
    there = replicas.by_class.get(name, ())
    row: dict[str, Any] = {"name": name, "chosen": bool(there)}
    if "Pod" not in replicas.unknown:
        row |= {"replicas": len(there), "readyReplicas": replicas.ready_on(name)}
    return row


def why_kept(verdict: Verdict, replicas: Replicas) -> list[str]:
    """Why a model was not planned, and stays as it is, in a sentence or none."""
    scene = replicas.scene
    if not scene.is_planned or scene.shares is not None:
        return []
    unknown = replicas.unknown
    for kind in sorted(MUST_BE_READ & unknown.keys()):
        return [f"nothing is moved while objects of the kind {kind} cannot be read: {unknown[kind]}"]
    wrong = [name for name in declared(verdict.judged) if name not in scene.ground.classes]
    named = f'with HardwareClass "{wrong[0]}"' if wrong else "with the spec"
    return [f"nothing is moved before what is wrong {named} is put right"]


def why_not(shares: Sequence[Share], replicas: Replicas, *, everywhere: bool) -> list[str]:
    """Why no more is on the classes that refused: those that are preferred to one in use, or every one of them."""
    in_use = [index for index, share in enumerate(shares) if share.target]
    last = len(shares) if everywhere or not in_use else max(in_use)
    return [_refusal(share, replicas) for share in shares[:last] if share.reason not in CONTENT]


def _refusal(share: Share, replicas: Replicas) -> str:
    message = share.message
    for pod in replicas.by_class.get(share.hardware, ()):
        # The words of the scheduler are told once, with the number of the replicas that they are about.
        message = message.removeprefix(f"{pod.trouble.message.removesuffix('.')}; ") if pod.trouble else message
    return f"{share.hardware}: {message}" if share.hardware else message


def obstacle(shares: Sequence[Share]) -> Reason | None:
    """Why no class takes the model, in the word of the one that it prefers; None where one does."""
    refuses = bool(shares) and all(share.reason not in CONTENT for share in shares)
    return shares[0].reason if refuses else None


def moves(shares: Sequence[Share], replicas: Replicas) -> list[str]:
    """What of the replicas is on its way from one class to another, in a sentence or none."""
    leaving = {share.hardware: share.replicas - share.target for share in shares if share.replicas > share.target}
    number, every = sum(leaving.values()), sum(share.target for share in shares)
    if not number:
        return []
    start, is_one = " and ".join(leaving), number == 1
    who = f"{number} of {every or replicas.desired} replicas"
    if not every:
        stays, them = ("stays", "it") if is_one else ("stay", "them")
        return [f"{who} {stays} on {start} until another class can take {them}"]
    goals = " and ".join(share.hardware for share in shares if share.target > replicas.ready_on(share.hardware))
    move, successors = ("moves", "its successor is") if is_one else ("move", "their successors are")
    return [f"{who} {move} from {start} to {goals}, {successors} not ready yet"]
