"""Which other resources a resource names, read from its bytes."""

from google.protobuf.message import DecodeError

# What is packed in a resource is looked into where something has imported its type: this does those of hosted models.
import modelfleet.envoy.hosted  # noqa: F401
from modelfleet.envoy.contents import Need, contents
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.walk import known_type
from modelfleet.xds.references import Reference


def named_in(resource: XdsResource) -> frozenset[Reference]:
    """What it is of no use without. Nothing for bytes that make no message: whoever is sent them will say so."""
    message_class = known_type(resource.type_url)
    try:
        said = contents(message_class.FromString(resource.body)) if message_class else []
    except DecodeError:
        return frozenset()
    return frozenset((need.type_url, need.name) for _, need in said if isinstance(need, Need))
