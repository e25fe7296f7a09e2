"""Headers that gateways take off a request before anything looks at it, whoever sent them."""

from modelfleet.api.scalars.names import OURS

PREFIXES = (OURS, "x-envoy-")
NAMES = ("x-request-id",)
"""Of these the gateway then sets its own, new for each request."""


def is_stripped(header: str) -> bool:
    """Whether what a caller sends in this header is seen by nobody."""
    return header.lower().startswith(PREFIXES) or header.lower() in NAMES
