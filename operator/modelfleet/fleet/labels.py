"""Labels and annotations that tell what belongs together: ours on children, and what Kubernetes gives to nodes."""

from hashlib import blake2b
from typing import Final

MODEL: Final = "modelfleet.dev/model"
"""The ModelDeployment, on what is made for it: its name as `label_value` has it."""
HARDWARE: Final = "modelfleet.dev/hardware-class"
"""The HardwareClass that it is made for, likewise."""
UNITS: Final = "modelfleet.dev/units"
"""How many units of that class one replica takes, on its pods."""
HASH: Final = "modelfleet.dev/hash"
"""The annotation that tells for which model an object was made, and from what: two hashes."""
REGION: Final = "topology.kubernetes.io/region"
ZONE: Final = "topology.kubernetes.io/zone"

LONGEST: Final = 63
"""The most letters that the value of a label may have; names of objects may have more."""
_KEPT: Final = 54


def label_value(name: str) -> str:
    """The name as the value of a label: itself where it is short enough, else its beginning and a hash of it."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:_KEPT]}-{blake2b(name.encode(), digest_size=4).hexdigest()}"
