"""What each try of a request passes on its way to an upstream and back, below all retries."""

from functools import cache
from typing import Any

from modelfleet.envoy.clock import render_clock
from modelfleet.envoy.names import GATE_MARK, NAMESPACE, OURS, SKIPPED, STREAM, TURN, UPSTREAM
from modelfleet.envoy.script import bundle
from modelfleet.envoy.skipping import only_if
from modelfleet.envoy.typed import struct_in_json

FILTERS = "envoy.extensions.filters.http"
ATTEMPT = "%UPSTREAM_HOST% %UPSTREAM_METADATA(modelfleet:hardware)%"


def attempt_filters(*others: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters in the order in which a request passes them; an answer comes back the other way round."""
    # A name has to be written anew, and a stream to be watched, only now and then: who needs neither pays for neither.
    rename = only_if(TURN, "rename", script("rename"))
    clock = only_if(STREAM, "1", render_clock())
    return [*others, rename, script("judge"), clock, _strip(), _codec()]


def gate_filters() -> list[dict[str, Any]]:
    """The filters of the gate, which nothing leaves."""
    return [script("gate"), _codec()]


@cache
def script(entry: str) -> dict[str, Any]:
    """The filter that runs an entry. Ways with filters of their own share one interpreter in each worker."""
    source = {"default_source_code": {"inline_string": bundle(entry)}, "shared_vm_id": f"{NAMESPACE}.{entry}"}
    return _filter(NAMESPACE, f"{FILTERS}.lua.v3.Lua", source)


def _strip() -> dict[str, Any]:
    # What an upstream says in our name is nobody's; the script behind it speaks for us. In Envoy's name it could forbid
    # a retry. And what we told Envoy of a request is no business of an upstream.
    foreign = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in (OURS, "x-envoy-")]
    # A replica has no such mark, and so no such header.
    skipped = _append(SKIPPED, f"%UPSTREAM_METADATA({NAMESPACE}:{GATE_MARK})%")
    mutations = {
        "request_mutations": [foreign[0], skipped],
        "response_mutations": [*foreign, _append(UPSTREAM, ATTEMPT)],
    }
    return _filter("strip", f"{FILTERS}.header_mutation.v3.HeaderMutation", {"mutations": mutations})


def _append(name: str, value: str) -> dict[str, Any]:
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _codec() -> dict[str, Any]:
    return _filter("codec", f"{FILTERS}.upstream_codec.v3.UpstreamCodec", {})


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": struct_in_json(kind, config)}
