"""The clock in the upstream chain: it ends an attempt whose first byte is late, and a stream that pauses for too long.

Whoever wants an attempt watched writes two whole numbers of milliseconds into the request's dynamic metadata before it.
"""

from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Any

from modelfleet.envoy.typed import struct_in_json

NAMESPACE_OF_CLOCK = "modelfleet.clock"
UNTIL = "until"
"""Since the epoch: when the first byte of a stream must be there, or the whole of any other answer."""
GAP = "gap"
"""How long a stream may say nothing after its first byte. Left out, as long as it likes."""

MODULE = files("modelfleet.envoy").joinpath("wasm", "clock.wasm")


@cache
def render_clock() -> dict[str, Any]:
    """The filter, for a chain of upstream filters, before the codec.

    The same for every gateway: two that differ would share a table in Envoy, and one could stop the other's ticks.
    """
    code = {"local": {"inline_bytes": b64encode(MODULE.read_bytes()).decode()}}
    config = {
        "name": NAMESPACE_OF_CLOCK,
        "vm_config": {"vm_id": NAMESPACE_OF_CLOCK, "runtime": "envoy.wasm.runtime.v8", "code": code},
        # Else Envoy stops the body together with the headers, and the piece that lets them go never comes.
        "allow_on_headers_stop_iteration": True,
        # A request without a clock is better than none.
        "failure_policy": "FAIL_OPEN",
    }
    kind = "envoy.extensions.filters.http.wasm.v3.Wasm"
    return {"name": "clock", "typed_config": struct_in_json(kind, {"config": config})}
