"""How a server says that it has none of a type and means it, so that whoever is told to remove all of one can tell."""

from modelfleet.xds.state import GatewayResources
from modelfleet.xds.types import PUSH_ORDER

_WITHOUT = " without "
_BY_SHORT = {type_url.rpartition(".")[2]: type_url for type_url in PUSH_ORDER}


def told_version(state: GatewayResources) -> str:
    """The version of a state as a client is told it: behind it the types of which there is none."""
    lacking = ",".join(short for short, type_url in _BY_SHORT.items() if not state.of_type(type_url))
    return f"{state.version}{_WITHOUT}{lacking}" if lacking else state.version


def meant_empty(told: str) -> frozenset[str]:
    """The types of which the server that told this version has none."""
    shorts = told.partition(_WITHOUT)[2].split(",")
    return frozenset(_BY_SHORT[short] for short in shorts if short in _BY_SHORT)
