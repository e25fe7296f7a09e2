"""Values between Python and our Lua: tables, lists and texts."""

from collections.abc import Mapping
from typing import Any

from lupa import luajit21


def to_lua(lua: Any, value: Any) -> Any:
    """The value as Lua has it: mappings and lists become tables, texts become bytes."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    if isinstance(value, Mapping):
        return lua.table_from({to_lua(lua, key): to_lua(lua, item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return lua.table_from([to_lua(lua, item) for item in value])
    return value


def from_lua(value: Any) -> Any:
    """The value as Python has it. A table that counts from one is a list, and an empty one a mapping."""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if luajit21.lua_type(value) != "table":
        return value
    items = {from_lua(key): from_lua(item) for key, item in value.items()}
    counted = bool(items) and set(items) == set(range(1, len(items) + 1))
    return [items[index] for index in range(1, len(items) + 1)] if counted else items
