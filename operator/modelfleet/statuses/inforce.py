"""What a status says of the version that is in force: enough for a process that never saw it to go on with it."""

from typing import Any

from modelfleet.statuses.judged import Judged


def in_force(judged: Judged) -> dict[str, Any]:
    """The part of a status about it; nothing of an object that never was in order."""
    version = judged.in_force
    if version is None:
        return {}
    said: dict[str, Any] = {"generation": version.generation}
    if version.resource:
        whole = version.resource.model_dump(mode="json", by_alias=True, exclude_unset=True, include={"spec"})
        said["spec"] = whole["spec"]
    return {"inForce": said}
