"""What is in Secrets and ConfigMaps, for those who may know; the snapshot shows it to nobody."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.fleet.world import Hidden


def hidden_entries(raw: Mapping[str, Any]) -> Mapping[str, Hidden]:
    """The entries of a Secret or ConfigMap that are text. stringData wins over data, as in the API server."""
    decode = raw.get("kind") == "Secret"
    entries = dict(_texts(raw.get("data"), decode=decode))
    entries.update(_texts(raw.get("stringData"), decode=False))
    return {name: Hidden(text) for name, text in sorted(entries.items())}


def _texts(part: Any, *, decode: bool) -> Iterator[tuple[str, str]]:
    for name, value in part.items() if isinstance(part, Mapping) else ():
        if not isinstance(name, str) or not isinstance(value, str):
            continue
        text = _decoded(value) if decode else value
        if text is not None:
            yield name, text


def _decoded(value: str) -> str | None:
    try:
        return b64decode("".join(value.split()), validate=True).decode()
    except ValueError:  # no base64, or no text
        return None
