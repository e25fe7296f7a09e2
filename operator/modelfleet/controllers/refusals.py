"""What the API server says no to, as a sentence on the model that wanted it."""

import re

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.raw import words
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import FIXES, refusal
from modelfleet.kube.errors import (
    ClientError,
    Conflict,
    Forbidden,
    Gone,
    KubeError,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from modelfleet.sources.kinds import BY_KIND

MISSING = {
    "ScaledObject": "install KEDA, or choose another scale.autoscaler",
    "ResourceClaimTemplate": "use Kubernetes 1.34 or newer, or have the HardwareClass name unit.resources",
}
"""What to do where the cluster has no such kind."""
PASSING = (Conflict, Gone, TooManyRequests, Unauthorized)
ENDING = "is being terminated"
"""So the API server refuses what is to be made in a namespace that goes away, with all that is in it."""
UNTYPED = "typed patch object"
"""So it speaks of a field that this version of Kubernetes does not have, which it takes for a failure of its own."""

_NAMED = re.compile(r'^\S+ "[^"]*" is (?:forbidden|invalid): ')
_DENIED = re.compile(r'User "[^"]*" cannot (\w+) resource ')


class NameTaken(ClientError):
    """An object of the name is there, and it is not ours."""


def denied_verb(error: KubeError) -> str:
    """The right that is missing, empty where it is not that."""
    found = _DENIED.search(error.message) if isinstance(error, Forbidden) else None
    return found[1] if found else ""


def trouble_of(key: Key, error: KubeError) -> Trouble | None:
    """What is to be said on the model because this object cannot be written; None for what passes by itself."""
    what = f'{key.kind} "{key.name}"'
    if isinstance(error, NameTaken):
        return Trouble(Condition.PLACED, Reason.NAME_TAKEN, f"the name of the {what} is taken: {error.message}")
    reason = refusal(error.message)
    if why := _why(key, error, reason):
        return Trouble(Condition.PLACED, reason, f"the {what} cannot be made: {why}")
    return None


def taken_by(owner: str) -> NameTaken:
    """The error that a foreign object of the name is. `owner` tells in words whose it is."""
    what = f"the one that is there {owner}, and is left alone"
    return NameTaken(f"{what}; delete it, or name the model otherwise")


def _why(key: Key, error: KubeError, reason: Reason) -> str:
    said = words(_NAMED.sub("", error.message))
    if isinstance(error, NotFound):
        fix = "" if "namespaces" in said else MISSING.get(key.kind, "")
        return fix and f"the cluster has no such kind; {fix}"
    if verb := denied_verb(error):
        return f"the operator may not {verb} {_right(key)}; grant it the right"
    told = isinstance(error, ClientError) and not isinstance(error, PASSING) and ENDING not in said
    failed = isinstance(error, ServerError) and (reason is not Reason.CREATE_FAILED or UNTYPED in said)
    return f"{said}; {FIXES[reason]}" if told or failed else ""


def _right(key: Key) -> str:
    watched = BY_KIND[key.kind]
    return f"{watched.plural}.{watched.group}" if watched.group else watched.plural
