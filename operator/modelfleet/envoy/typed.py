"""Messages inside of messages, and configuration that the Python protos have no words for."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pool import Default
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from xds.type.v3.typed_struct_pb2 import TypedStruct

from modelfleet.envoy.types import PREFIX

M = TypeVar("M", bound=Message)


def any_of(message: Message) -> AnyMessage:
    """The message with its type. Deterministic, since its bytes become part of a version."""
    value = message.SerializeToString(deterministic=True)
    return AnyMessage(type_url=PREFIX + message.DESCRIPTOR.full_name, value=value)


def struct_of(value: Mapping[str, Any]) -> Struct:
    """A mapping as a message."""
    struct = Struct()
    struct.update(value)
    return struct


def typed_struct(name: str, value: Mapping[str, Any]) -> AnyMessage:
    """A message that the installed protos know too little of: Envoy reads its fields by name."""
    return any_of(TypedStruct(type_url=PREFIX + name, value=struct_of(value)))


def struct_in_json(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The same, for what is written as JSON first."""
    return {"@type": f"{PREFIX}xds.type.v3.TypedStruct", "type_url": PREFIX + name, "value": value}


def parse(value: dict[str, Any], message: M) -> M:
    """Fills the message from what JSON would say of it, to the same bytes each time.

    The library packs a message inside of a message without sorting its maps, and each process would have other bytes.
    """
    ParseDict(value, message)
    _sort_packed(message)
    return message


def _sort_packed(message: Message) -> None:
    for field, value in message.ListFields():
        for inner in _messages(field, value):
            if isinstance(inner, AnyMessage):
                packed = GetMessageClass(Default().FindMessageTypeByName(inner.TypeName()))()
                inner.Unpack(packed)
                _sort_packed(packed)
                inner.value = packed.SerializeToString(deterministic=True)
            else:
                _sort_packed(inner)


def _messages(field: Any, value: Any) -> Iterable[Message]:
    if field.message_type is None:
        return ()
    if field.message_type.GetOptions().map_entry:
        return [value[key] for key in value] if field.message_type.fields_by_name["value"].message_type else ()
    return value if field.is_repeated else (value,)


def milliseconds(number: int) -> Duration:
    """A length of time."""
    return Duration(seconds=number // 1000, nanos=number % 1000 * 1_000_000)
