"""The decision record: one JSON object for each request, with names that stay."""

import json
from collections.abc import Mapping
from typing import Any

from modelfleet.envoy.names import NAMESPACE
from modelfleet.fleet.world import Gateway

VERSION = 1
TIME = "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%"
Filter = Mapping[str, Any]
TYPE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
WORDS: Filter = {"string_match": {"prefix": '"'}}
FURTHER_WORDS: Filter = {"string_match": {"prefix": ","}}
NO_WORDS: Filter = {"bool_match": False}
"""What was written out into fields is noted as false: a note does not go away."""
UNHEARD = (
    ',"status":0,"reason":"abandoned","ms":0}],"served":null,"skipped":null,"reason":null,'
    '"tokens":{"in":null,"out":null}'
)
"""How the line goes on of a request of which nobody heard again."""
WHOSE = ("policy", "revision", "tenant", "feature", "step", "class")
WHERE = ("model", "rule", "score", "tier", "target", "rung", "stream", "path", "host")


def access_logs(gateway: Gateway) -> list[dict[str, Any]]:
    """The same record in four ways, of which each request takes one, by scripts of this version.

    Envoy looks up each field of a JSON format by itself, for as much as a whole hop costs in all: the script has the
    most of a common line ready, what is known when a request is sent and how it goes on. Of a request of which it never
    hears again there is only the first. A format cannot say "or an empty list", and the attempts are what readers walk
    through; nor can a line say "or null".
    """
    written, unwritten = _if("line", FURTHER_WORDS), _if("line", NO_WORDS, otherwise=True)
    begun, unbegun = _if("first", WORDS), _if("first", NO_WORDS, otherwise=True)
    sent, unsent = _if("sent", {"bool_match": True}), _if("sent", {"bool_match": False}, otherwise=True)
    name = gateway.name
    lines = (line_format(name, _noted("line"), "%RESPONSE_DURATION%"), line_format(name, UNHEARD, "null"))
    whole, first = ({"text_format_source": {"inline_string": words}} for words in lines)
    return [
        _log(gateway, written, whole),
        _log(gateway, _both(unwritten, begun), first),
        _log(gateway, _both(unwritten, unbegun, sent), {"json_format": record_format(name, _noted("attempts"))}),
        _log(gateway, _both(unwritten, unbegun, unsent, *_asked(gateway)), {"json_format": record_format(name, [])}),
    ]


def _asked(gateway: Gateway) -> list[Filter]:
    """Probes are no requests of anybody, and only a port with TLS answers them."""
    return [{"not_health_check_filter": {}}] if gateway.secrets else []


def _log(gateway: Gateway, condition: Filter, form: dict[str, Any]) -> dict[str, Any]:
    config = {"@type": TYPE, "path": gateway.record, "log_format": form}
    return {"name": "record", "filter": condition, "typed_config": config}


def _if(note: str, value: Filter, *, otherwise: bool = False) -> Filter:
    """Whether the script noted such a value, or `otherwise` where it noted none. Envoy minds no `invert` here."""
    matcher = {"filter": NAMESPACE, "path": [{"key": note}], "value": value}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": otherwise}}


def _both(*conditions: Filter) -> Filter:
    return {"and_filter": {"filters": list(conditions)}}


def line_format(gateway: str, further: str, first_byte: str) -> str:
    """The record that begins as the script has noted. What stands here as it is has no letter to be escaped."""
    begin = f'{{"v":{VERSION},"time":"{TIME}","gateway":{_literal(gateway)},'
    status = '"status":%RESPONSE_CODE%,"flags":"%RESPONSE_FLAGS%","details":"%RESPONSE_CODE_DETAILS%",'
    size = '"bytes":{"in":%BYTES_RECEIVED%,"out":%BYTES_SENT%},'
    time = f'"ms":{{"total":%DURATION%,"firstByte":{first_byte}}},"would":{{}}}}\n'
    return f"{begin}{_noted('first')}{further},{status}{size}{time}"


def _literal(words: str) -> str:
    return json.dumps(words).replace("%", "%%")


def record_format(gateway: str, attempts: object) -> dict[str, Any]:
    """The record's fields. There is no text of a prompt in it, and no credential."""
    return {
        "v": VERSION,
        "id": "%REQ(x-request-id)%",
        "time": TIME,
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
