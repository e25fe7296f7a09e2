"""What whoever installed modelfleet says of all children."""

from dataclasses import dataclass
from typing import Final

from modelfleet import __version__

OURS: Final = f"ghcr.io/modelfleet/modelfleet:{__version__}"
"""The image of this very version."""


@dataclass(frozen=True, slots=True)
class Options:
    """The installer's part of what children are made from."""

    prometheus: str = ""
    """The address of the Prometheus that KEDA is to ask; empty where there is none."""
    image: str = OURS
    """Our own image, which the simulated engine is in."""
