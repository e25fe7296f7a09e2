"""What kopf would remember of each object and compare at each event, and nobody here asks it for."""

from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory  # there is no public name for them


class NoMemories(ResourceMemories):
    """Keeps nothing of an object once its event has been handled, instead of a kilobyte for as long as it is there."""

    async def recall(self, *args: Any, **kwargs: Any) -> ResourceMemory:
        """A new record each time: observers have nothing in it."""
        return await super().recall(*args, **{**kwargs, "ephemeral": True})


class NoEssence(kopf.DiffBaseStorage):
    """Says that nothing ever changed: what did is found by comparing what was made of the objects."""

    def build(self, **_: Any) -> Any:
        """Nothing, instead of a deep copy of the object."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Nothing was stored."""

    def store(self, **_: Any) -> None:
        """Nothing is stored: that would be an annotation on the object."""
