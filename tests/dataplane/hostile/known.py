"""Faults that are known and not mended yet, each as the one question that is left out for it. Delete what is mended."""

import re


def can_stand_in_a_path(name: str) -> bool:
    """GET /v1/models/NAME does not find a name with empty or dotted segments: Envoy tidies the path, also where the
    slashes were escaped.
    """
    return not re.search(r"//|^/|(^|/)\.\.?(/|$)", name)
