"""What a gateway says where neither a model nor the script has the word: errors in OpenAI's shape."""

from collections.abc import Mapping
from typing import Any

from modelfleet.envoy.names import NAMESPACE, OURS

BAD, OURS_TO_MEND = "invalid_request_error", "api_error"
ID = "%REQ(x-request-id)%"
Filter = Mapping[str, Any]


def local_replies() -> dict[str, Any]:
    """The mappers of Envoy's own replies, the first that fits; a reason in each tells the script what came."""
    return {
        "mappers": [
            # The script's own answers are complete; without a mapper of theirs the later ones would rewrite them.
            {"filter": _said_by_script()},
            _mapper(_flags("NR"), "gateway_error", OURS_TO_MEND, "the gateway could not route the request", status=500),
            _mapper(_status(413), "body_too_large", BAD, "the body is larger than this gateway takes"),
            _mapper(_status(431), "headers_too_large", BAD, "the headers are larger than this gateway takes"),
            _mapper(_status(408), "request_timeout", BAD, "the request did not arrive in time"),
            # The clock's own bound has no flag; a reply of ours with this status is never anything else.
            _mapper(
                _either(_flags("UT", "SI"), _status(504)),
                "timeout",
                OURS_TO_MEND,
                "the model did not answer in time",
                status=504,
            ),
            _mapper(_flags("UF"), "connect", OURS_TO_MEND, "the model cannot be reached", retry=True),
            _mapper(_flags("UC", "UR", "LR", "URX", "UPE"), "reset", OURS_TO_MEND, "the model broke off", retry=True),
            _mapper(_flags("UO"), "overload", OURS_TO_MEND, "the model has no room for more requests", retry=True),
            _mapper(_flags("UH", "NC"), "no_capacity", OURS_TO_MEND, "no replica of the model is ready", retry=True),
            _mapper(_status(500, "GE"), "gateway_error", OURS_TO_MEND, "the gateway failed"),
            _mapper(_status(400, "GE"), "bad_request", BAD, "the request could not be read"),
        ]
    }


def _said_by_script() -> Filter:
    matcher = {"filter": NAMESPACE, "path": [{"key": "said"}], "value": {"bool_match": True}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}}


def _mapper(
    on: Filter, reason: str, kind: str, message: str, *, status: int | None = None, retry: bool = False
) -> dict[str, Any]:
    status = status or (503 if retry else None)
    headers = {"reason": reason} | ({"retry-after": "1"} if retry else {})
    return {
        "filter": on,
        **({"status_code": status} if status else {}),
        # The script has not seen all of these requests, so the reply names them itself.
        "headers_to_add": [_header(name, value) for name, value in {**headers, "request-id": ID}.items()],
        "body_format_override": {
            "json_format": {"error": {"message": message, "type": kind, "code": reason}},
            "content_type": "application/json",
        },
    }


def _header(name: str, value: str) -> dict[str, Any]:
    key = name if name == "retry-after" else OURS + name
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _either(*filters: Filter) -> Filter:
    return {"or_filter": {"filters": list(filters)}}


def _flags(*flags: str) -> Filter:
    return {"response_flag_filter": {"flags": list(flags)}}


def _status(status: int, compare: str = "EQ") -> Filter:
    value = {"default_value": status, "runtime_key": f"modelfleet.status.{status}.{compare.lower()}"}
    return {"status_code_filter": {"comparison": {"op": compare, "value": value}}}
