"""How much a test does: little in every `make test`, all there is to learn in `make soak`."""

import os

SOAK = os.environ.get("MODELFLEET_SOAK") == "1"


def scale(quick: int, soak: int) -> int:
    """The size for this run."""
    return soak if SOAK else quick
