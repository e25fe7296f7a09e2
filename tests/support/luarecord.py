"""The record that Envoy writes of a request: the operator's own logs, with what our scripts noted in them."""

import json
import re
from typing import Any

from modelfleet.envoy.record import access_logs
from modelfleet.fleet.world import Gateway
from tests.support.luanotes import Notes

COMMAND = re.compile(r"%%|%([A-Z_]+(?:\([^)]*\))?)%")
VALUES: dict[str, Any] = {
    "START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)": "2026-01-02T03:04:05.006Z",
    "REQ(x-request-id)": "id-1",
    "REQ(:METHOD)": "POST",
    "RESPONSE_CODE": 200,
    "RESPONSE_FLAGS": "-",
    "RESPONSE_CODE_DETAILS": "via_upstream",
    "BYTES_RECEIVED": 44,
    "BYTES_SENT": 7,
    "DURATION": 12,
    "RESPONSE_DURATION": 11,
}
"""What Envoy itself knows of a request."""


def record_of(notes: Notes, gateway: str = "default", **values: Any) -> dict[str, Any]:
    """What the one log writes that takes the request."""
    (log,) = logs_of(notes, gateway)
    return written(log, notes, {**VALUES, **values})


def logs_of(notes: Notes, gateway: str = "default") -> list[Any]:
    """The logs that take a request of which this is noted."""
    return [log for log in access_logs(Gateway(gateway)) if takes(log["filter"], notes)]


def takes(condition: Any, notes: Notes) -> bool:
    if "and_filter" in condition:
        return all(takes(it, notes) for it in condition["and_filter"]["filters"])
    found = condition["metadata_filter"]
    (step,) = found["matcher"]["path"]
    noted = notes.of(found["matcher"]["filter"]).get(step["key"])
    if noted is None:
        return bool(found["match_if_key_not_found"])
    ((how, wanted),) = found["matcher"]["value"].items()
    if how == "string_match":
        return isinstance(noted, str) and noted.startswith(wanted["prefix"])
    return {"bool_match": noted is wanted}[how]


def written(log: Any, notes: Notes, values: dict[str, Any]) -> dict[str, Any]:
    """The line of this log."""
    form = log["typed_config"]["log_format"]
    if "json_format" in form:
        found: dict[str, Any] = _filled(form["json_format"], notes, values)
        return found
    text = form["text_format_source"]["inline_string"]
    assert text.endswith("\n")
    line = COMMAND.sub(lambda it: _as_text(_said(it.group(1), notes, values)) if it.group(1) else "%", text)
    assert "\n" not in line[:-1]
    read: dict[str, Any] = json.loads(line)
    return read


def _filled(form: Any, notes: Notes, values: dict[str, Any]) -> Any:
    """A command by itself keeps its type, and is null where there is nothing."""
    if isinstance(form, dict):
        return {name: _filled(item, notes, values) for name, item in form.items()}
    command = COMMAND.fullmatch(form) if isinstance(form, str) else None
    return _said(command.group(1), notes, values) if command else form


def _said(command: str, notes: Notes, values: dict[str, Any]) -> Any:
    if not command.startswith("DYNAMIC_METADATA("):
        return values[command]
    namespace, *path = command.removeprefix("DYNAMIC_METADATA(").removesuffix(")").split(":")
    found = notes.of(namespace)
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _as_text(value: Any) -> str:
    return "-" if value is None else str(value)


def is_line(notes: Notes) -> bool:
    """Whether the script has the most of the record ready."""
    (log,) = logs_of(notes)
    return "text_format_source" in log["typed_config"]["log_format"]
