"""Slips in what an object is: they make it another one, or none, and the one that was meant seems to be gone."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import GROUP
from modelfleet.fleet.parse import Foreign, Parsed
from modelfleet.fleet.snapshot import entries_of
from modelfleet.sources.reading.problems import quoted

_LIKENESS: Final = 0.8


def slip(raw: Any, parsed: Parsed, *, is_known: bool) -> str:
    """What about the object may be a slip, so that nothing follows from what is not there; empty where nothing is.

    `is_known`: the file had an object of this kind and name.
    """
    key = parsed.key
    if isinstance(parsed, Foreign):
        return _foreign(raw, parsed, is_known=is_known)
    if not isinstance(raw, Mapping):
        return "holds something that is no object"
    if not key.kind or not key.name:
        return f"has an object without a {'name' if key.kind else 'kind'}"
    return "" if key.kind in KINDS else f'has an object of the kind "{quoted(key.kind)}"'


def _foreign(raw: Mapping[str, Any], parsed: Foreign, *, is_known: bool) -> str:
    version = raw["apiVersion"]
    if entries_of(raw) is not None:
        return "" if parsed.key.name else f"has a {parsed.key.kind} without a name"
    near = get_close_matches(version.partition("/")[0], (GROUP,), cutoff=_LIKENESS)
    return f'has the apiVersion "{quoted(version)}" for a {quoted(parsed.key.kind)}' if near or is_known else ""
