"""What each try of a request passes on its way to an upstream and back, below all retries."""

from functools import cache
from typing import Any

from modelfleet.envoy.clock import render_clock
from modelfleet.envoy.names import AT, GATE_MARK, NAMESPACE, OURS
from modelfleet.envoy.script import bundle
from modelfleet.envoy.typed import struct_in_json

FILTERS = "envoy.extensions.filters.http"
VM = "modelfleet.attempt"
"""Ways with filters of their own share one interpreter in each worker."""


def attempt_filters(*others: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters in the order in which a request passes them; an answer comes back the other way round."""
    # What others put on a request comes before the script: at the gate it is taken off again for whom it is not meant.
    return [_place(), *others, _script(), _strip(), render_clock(), _codec()]


def _place() -> dict[str, Any]:
    # The script cannot ask Envoy where it is; what stands in an endpoint's metadata can be written into a header.
    value = f"%UPSTREAM_METADATA({NAMESPACE}:{GATE_MARK})%"
    header = {"header": {"key": AT, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    mutations = {"request_mutations": [{"append": header}]}
    return _filter("place", f"{FILTERS}.header_mutation.v3.HeaderMutation", {"mutations": mutations})


def _strip() -> dict[str, Any]:
    # What an upstream says in our name is nobody's; the script behind it speaks for us. In Envoy's name it could forbid
    # a retry.
    prefixes = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in (OURS, "x-envoy-")]
    mutations = {"response_mutations": prefixes}
    return _filter("strip", f"{FILTERS}.header_mutation.v3.HeaderMutation", {"mutations": mutations})


@cache
def _script() -> dict[str, Any]:
    source = {"default_source_code": {"inline_string": bundle("attempt")}, "shared_vm_id": VM}
    return _filter(NAMESPACE, f"{FILTERS}.lua.v3.Lua", source)


def _codec() -> dict[str, Any]:
    return _filter("codec", f"{FILTERS}.upstream_codec.v3.UpstreamCodec", {})


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": struct_in_json(kind, config)}
