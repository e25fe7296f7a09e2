"""What a gateway is told, as people can read it: whatever is packed is unpacked, and what is secret stays hidden."""

import base64
import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict

from modelfleet.envoy.names import NAMESPACE
from modelfleet.envoy.newer import unknown_of
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import SECRET
from modelfleet.envoy.walk import is_map, known_type

HIDDEN = "(hidden)"
TYPED_STRUCT = "xds.type.v3.TypedStruct"
TEXTS = frozenset({"google.protobuf.Duration", "google.protobuf.Timestamp"})
"""Messages that everybody writes as a text."""
WRAPPERS = frozenset(
    f"google.protobuf.{name}Value" for name in ("Bool", "String", "Double", "Int32", "Int64", "UInt32", "UInt64")
)
"""Messages around one value, there so that it can be absent."""


def display_resources(resources: Iterable[XdsResource], *, script: bool = False) -> list[dict[str, Any]]:
    """A mapping for each resource, by type and name; with `script` the text of our scripts, else a word about them."""
    ordered = sorted(resources, key=lambda resource: (resource.type_url, resource.name))
    return [display_resource(resource, script=script) for resource in ordered]


def display_resource(resource: XdsResource, *, script: bool = False) -> dict[str, Any]:
    """One resource. Of a Secret nothing is told but its name: a short key could be guessed from its version, too."""
    kind = resource.type_url.rpartition("/")[2]
    head = {"type": kind, "name": resource.name}
    if resource.type_url == SECRET:
        return {**head, "version": HIDDEN, "resource": HIDDEN}
    message_class = known_type(resource.type_url)
    assert message_class is not None, f"nothing here knows {kind}"
    shown = _message(message_class.FromString(resource.body))
    if not script:
        _shorten(shown)
    return {**head, "version": resource.version, "resource": shown}


def _shorten(shown: Any) -> None:
    """What runs inside of Envoy is told by its size and its hash, wherever it stands."""
    if isinstance(shown, list):
        for item in shown:
            _shorten(item)
    elif isinstance(shown, dict):
        source = shown.get("default_source_code")
        if isinstance(source, dict) and "inline_string" in source:
            source["inline_string"] = _told("script", source["inline_string"].encode())
        if "inline_bytes" in shown:
            shown["inline_bytes"] = _told("module", base64.b64decode(shown["inline_bytes"]))
        for item in shown.values():
            _shorten(item)


def _told(kind: str, content: bytes) -> str:
    return f"(the {kind}: {len(content)} bytes, sha256:{sha256(content).hexdigest()[:16]})"


def _message(message: Any) -> Any:
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Any":
        return _packed(message)
    if name == "google.protobuf.Struct":
        return _ordered(MessageToDict(message))
    if name in TEXTS:
        return MessageToDict(message)
    if name in WRAPPERS:
        return message.value
    # In the order of the field numbers, as the protos have them: what names a thing comes first.
    return {of.name: _field(of, value) for of, value in message.ListFields()} | unknown_of(message)


def _packed(packed: Any) -> dict[str, Any]:
    kind = packed.type_url.rpartition("/")[2]
    message_class = known_type(packed.type_url)
    assert message_class is not None, f"nothing here knows {kind}"
    message: Any = message_class.FromString(packed.value)
    if kind == TYPED_STRUCT:
        return {"@type": message.type_url.rpartition("/")[2], **_message(message.value)}
    return {"@type": kind, **_message(message)}


def _field(of: FieldDescriptor, value: Any) -> Any:
    entry = of.message_type
    if entry is not None and is_map(of):
        inner = entry.fields_by_name["value"]
        shown = {key: _single(inner, value[key]) for key in sorted(value)}
        return _planned(shown) if of.name == "filter_metadata" else shown
    return [_single(of, item) for item in value] if of.is_repeated else _single(of, value)


def _planned(metadata: dict[str, Any]) -> dict[str, Any]:
    """With the plan of a policy, which travels as a text, as what it says."""
    ours = metadata.get(NAMESPACE, {})
    if isinstance(ours.get("plan"), str):
        return {**metadata, NAMESPACE: {**ours, "plan": _ordered(json.loads(ours["plan"]))}}
    return metadata


def _single(of: FieldDescriptor, value: Any) -> Any:
    if of.message_type is not None:
        return _message(value)
    if of.enum_type is not None:
        known = of.enum_type.values_by_number.get(value)
        return known.name if known else value
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _ordered(value: Any) -> Any:
    """Without the order in which protobuf keeps a map, another in each process, and with whole numbers as such."""
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
