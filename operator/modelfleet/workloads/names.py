"""What children are called: names that begin with the model's, are valid for their kind, and never collide."""

import re
from hashlib import blake2b
from typing import Final

LONGEST_SERVICE: Final = 63
LONGEST_DEPLOYMENT: Final = 46
"""The hash of a template and that of a pod take 17 letters more: so a pod's name, of 63 at most, has ours whole."""

_SERVICE: Final = re.compile("[a-z]([-a-z0-9]*[a-z0-9])?")
_HASH: Final = 5


def deployment_name(model: str, hardware: str) -> str:
    """The name of a model's Deployment on a class of hardware; the class is empty where any node will do."""
    return _hashed("-".join(filter(None, (model, hardware))), (model, hardware), LONGEST_DEPLOYMENT)


def claim_name(model: str, hardware: str, devices: str, units: int) -> str:
    """The name of the template of a replica's claim. What is in one can never be changed, so its name tells it."""
    parts = (model, hardware, devices, str(units))
    return _hashed("-".join(filter(None, (model, hardware))), parts, LONGEST_DEPLOYMENT)


def service_name(model: str) -> str:
    """The name of what there is one of: the model's own, where a Service may be called so."""
    if len(model) <= LONGEST_SERVICE and _SERVICE.fullmatch(model):
        return model
    # Unlike other objects, a Service must not begin with a digit: its name is the first part of a host's.
    return _hashed(model if model[0].isalpha() else f"m-{model}", (model,), LONGEST_SERVICE)


def _hashed(words: str, parts: tuple[str, ...], longest: int) -> str:
    # No name has a slash in it, so other parts are another text. Dots are for hosts: in a pod's name they mislead.
    mark = blake2b("/".join(parts).encode()).hexdigest()[:_HASH]
    return f"{words.replace('.', '-')[: longest - _HASH - 1].rstrip('-')}-{mark}"
