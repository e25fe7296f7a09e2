"""The decision record: one JSON object for each request, with names that stay."""

from typing import Any

from modelfleet.envoy.names import NAMESPACE
from modelfleet.fleet.world import Gateway

VERSION = 1
TYPE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
WHOSE = ("policy", "revision", "tenant", "feature", "step", "class")
WHERE = ("model", "rule", "score", "tier", "target", "rung", "stream", "path", "host")


def access_logs(gateway: Gateway) -> list[dict[str, Any]]:
    """The same record twice: with the attempts that the script noted, or with an empty list where none was made."""
    attempted = {"filter": NAMESPACE, "path": [{"key": "sent"}]}
    return [
        _log(gateway, {**attempted, "value": {"bool_match": True}}, _noted("attempts"), otherwise=False),
        # A format cannot say "or an empty list", and the list is what readers walk through.
        _log(gateway, {**attempted, "value": {"bool_match": False}}, [], otherwise=True),
    ]


def _log(gateway: Gateway, matcher: dict[str, Any], attempts: object, *, otherwise: bool) -> dict[str, Any]:
    return {
        "name": "record",
        "filter": {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": otherwise}},
        "typed_config": {
            "@type": TYPE,
            "path": gateway.record,
            "log_format": {"json_format": record_format(gateway.name, attempts)},
        },
    }


def record_format(gateway: str, attempts: object) -> dict[str, Any]:
    """The record's fields. There is no text of a prompt in it, and no credential."""
    return {
        "v": VERSION,
        "id": "%REQ(x-request-id)%",
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "gateway": gateway,
        **{field: _noted("decision", field) for field in (*WHOSE, *WHERE)},
        "served": _noted("served"),
        "attempts": attempts,
        "skipped": _noted("skipped"),
        "reason": _noted("reason"),
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "method": "%REQ(:METHOD)%",
        "bytes": {"in": "%BYTES_RECEIVED%", "out": "%BYTES_SENT%"},
        "tokens": {"in": _noted("tokens", "in"), "out": _noted("tokens", "out")},
        "ms": {"total": "%DURATION%", "firstByte": "%RESPONSE_DURATION%"},
        "would": {},
    }


def _noted(*path: str) -> str:
    return f"%DYNAMIC_METADATA({':'.join((NAMESPACE, *path))})%"
