"""What a model's own status says of each class: the only memory there is of since when a class is refused."""

from dataclasses import dataclass
from typing import Any

from modelfleet.fleet.raw import mapping, mappings, text
from modelfleet.fleet.times import seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """How a class stands with a model."""

    reason: str
    since: float
    """When the reason came to be; 0.0 where nobody says."""
    message: str = ""


def parse_standings(status: Any) -> dict[str, Standing]:
    """The standings by the class's name. Never raises: a status may hold anything that somebody wrote there."""
    return {
        name: Standing(text(one.get("reason")), seconds(text(one.get("since"))), text(one.get("message")))
        for one in mappings(mapping(status).get("classes"))
        if (name := text(one.get("name")))
    }
