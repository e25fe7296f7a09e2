"""Labels that tell what belongs together: ours on children, and those that Kubernetes gives to nodes."""

from typing import Final

MODEL: Final = "modelfleet.dev/model"
"""The name of the ModelDeployment, on what is made for it."""
HARDWARE: Final = "modelfleet.dev/hardware-class"
"""The name of the HardwareClass that it is made for."""
REGION: Final = "topology.kubernetes.io/region"

LONGEST: Final = 63
"""The most letters that the value of a label may have; names of objects may have more."""
