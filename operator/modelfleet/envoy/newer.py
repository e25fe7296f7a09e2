"""Words of Envoy's API that the published Python protos lack, spelled as Envoy's own files number them."""

from typing import Any, Final

from envoy.config.route.v3.route_components_pb2 import RetryPolicy
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

_COMPOSITE: Final = "envoy.extensions.clusters.composite.v3"
_REFRESH: Final = 14
"""RetryPolicy.refresh_cluster_on_retry, a bool."""


def _declared() -> Any:
    # A cluster's type has to be a message of its own: as a TypedStruct Envoy refuses it.
    file = FileDescriptorProto(name="modelfleet/composite.proto", package=_COMPOSITE, syntax="proto3")
    entry = file.message_type.add(name="ClusterConfig")
    member = entry.nested_type.add(name="ClusterEntry")
    text, message = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE
    member.field.add(name="name", number=1, type=text, label=FieldDescriptorProto.LABEL_OPTIONAL)
    clusters = entry.field.add(name="clusters", number=1, type=message, label=FieldDescriptorProto.LABEL_REPEATED)
    clusters.type_name = f".{_COMPOSITE}.ClusterConfig.ClusterEntry"
    Default().AddSerializedFile(file.SerializeToString())
    return GetMessageClass(Default().FindMessageTypeByName(f"{_COMPOSITE}.ClusterConfig"))


_ClusterConfig = _declared()


def composite(names: list[str]) -> Any:
    """A cluster of clusters: attempt n asks the n-th, or the first after it that has somebody to ask."""
    return _ClusterConfig(clusters=[{"name": name} for name in names])


def refresh_on_retry(policy: RetryPolicy) -> None:
    """Has a retry look anew where it goes. A field that a proto does not know survives as bytes."""
    policy.MergeFromString(bytes([_REFRESH << 3, 1]))


def unknown_of(message: Message) -> dict[str, Any]:
    """What a message says beyond its proto, for who shows it."""
    if message.DESCRIPTOR.full_name != RetryPolicy.DESCRIPTOR.full_name:
        return {}
    fields: Any = UnknownFieldSet(message)
    return {"refresh_cluster_on_retry": True} if any(one.field_number == _REFRESH for one in fields) else {}
