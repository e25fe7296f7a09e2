"""Taints of nodes against the tolerations of a class."""

from collections.abc import Iterable, Sequence

from modelfleet.api.hardwareclass.spec import TaintEffect, Toleration, TolerationOperator
from modelfleet.fleet.nodes import Node, Taint

HARD = frozenset({TaintEffect.NO_SCHEDULE.value, TaintEffect.NO_EXECUTE.value})
"""Effects that keep pods off a node; the others only make it less wanted."""


def hard_taints(node: Node, tolerations: Sequence[Toleration]) -> tuple[Taint, ...]:
    """The taints that keep pods with these tolerations off the node."""
    if not node.taints:
        return ()
    return tuple(taint for taint in node.taints if taint.effect in HARD and not _is_tolerated(taint, tolerations))


def _is_tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(_tolerates(toleration, taint) for toleration in tolerations)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect.value != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    return toleration.operator is TolerationOperator.EXISTS or (toleration.value or "") == taint.value
