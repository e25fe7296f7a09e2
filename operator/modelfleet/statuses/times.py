"""When conditions last changed, and whether a status says anything new."""

import re
from collections.abc import Mapping
from typing import Any

from modelfleet.findings import Condition

TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
"""A time in UTC to the second, so that the text sorts as the time does."""
OURS = frozenset(Condition)


def settle(wanted: Mapping[str, Any], current: Any, now: str) -> dict[str, Any]:
    """The status with the time at which each condition came to be so; `current` is what stands on the object.

    `now` is in UTC to the second, as in 2026-01-31T12:00:00Z. No time ever goes back, whoever's clock wrote it.
    """
    known = conditions_of(current)
    conditions = []
    for condition in wanted["conditions"]:
        before = known.get(condition["type"], {})
        since = _time(before.get("lastTransitionTime"))
        if not (since and before.get("status") == condition["status"]):
            since = max(now, since)
        conditions.append({**condition, "lastTransitionTime": since})
    return {**wanted, "conditions": conditions, **_settled_rung(wanted, current, now)}


def same(settled: Mapping[str, Any], current: Any) -> bool:
    """Whether writing the status would change nothing. Conditions of types that are not ours do not count."""
    if not isinstance(current, Mapping):
        return False
    others = {name: part for name, part in current.items() if name != "conditions"}
    wanted = {name: part for name, part in settled.items() if name != "conditions"}
    return others == wanted and _ours(current) == _ours(settled)


def with_others(settled: Mapping[str, Any], current: Any) -> dict[str, Any]:
    """The status with the conditions that others have on the object: what to replace all of it by.

    A server-side apply leaves what somebody else wrote into a field that is ours and that says nothing now; an update
    with this takes it away.
    """
    others = [one for type_, one in conditions_of(current).items() if type_ not in OURS]
    return {**settled, "conditions": [*settled["conditions"], *others]}


def conditions_of(status: Any) -> dict[str, Mapping[str, Any]]:
    """The conditions of a status by their type, as far as it has any."""
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    found = (one for one in conditions if isinstance(one, Mapping)) if isinstance(conditions, list | tuple) else ()
    return {one["type"]: one for one in found if isinstance(one.get("type"), str)}


def _ours(status: Any) -> dict[str, Mapping[str, Any]]:
    return {type_: condition for type_, condition in conditions_of(status).items() if type_ in OURS}


def _settled_rung(wanted: Mapping[str, Any], current: Any, now: str) -> dict[str, Any]:
    """Since when requests end up on the rung where they do, where the status says that."""
    rung, before = wanted.get("rung"), current.get("rung") if isinstance(current, Mapping) else None
    if not isinstance(rung, Mapping):
        return {}
    before = before if isinstance(before, Mapping) else {}
    since = _time(before.get("since"))
    stays = all(before.get(name) == value for name, value in rung.items())
    return {"rung": {**rung, "since": since if since and stays else max(now, since)}}


def _time(value: Any) -> str:
    return value if isinstance(value, str) and TIME.fullmatch(value) else ""
