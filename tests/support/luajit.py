"""The project's Lua modules in process: LuaJIT through lupa, with no way from Lua to files or to Python."""

from pathlib import Path
from typing import Any

from lupa import luajit21

import modelfleet.envoy

LUA = Path(modelfleet.envoy.__file__).parent / "lua"

# `require` finds what is preloaded and nothing else, as in Envoy, where the modules travel inside one script.
PRELOAD = """
local name, source = ...
package.loaders, package.path, package.cpath = { package.loaders[1] }, "", ""
io, os, python = nil, nil, nil
package.preload[name] = assert(loadstring(source, "@" .. name .. ".lua"))
"""


# One function that makes closures, as in Envoy's script: LuaJIT compiles by prototype, and sees the same here.
FETCH = """
return function(body)
  return function(offset, count)
    assert(count <= 65536, "more than 64 KiB at a time")
    assert(offset >= 0 and count >= 0 and offset + count <= #body, "outside the body")
    return body:sub(offset + 1, offset + count)
  end
end
"""


def runtime() -> Any:
    """A fresh LuaJIT with every module of the project ready for `require`; strings are bytes."""
    lua = luajit21.LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    for path in sorted(LUA.glob("*.lua")):
        lua.execute(PRELOAD, path.stem.encode(), path.read_bytes())
    lua.execute(PRELOAD, b"tests.fetch", FETCH.encode())
    return lua


def required(lua: Any, name: str) -> Any:
    return lua.execute("return require(...)", name.encode())


def fetch_of(lua: Any, body: bytes) -> Any:
    """What Envoy's `body:getBytes` is to the reader, as a Lua function; refuses what lies outside the body."""
    return required(lua, "tests.fetch")(body)


def plain(value: Any) -> Any:
    """A Lua value as Python has it: tables become dicts, keys become text, and bytes stay bytes."""
    if luajit21.lua_type(value) != "table":
        return value
    return {key.decode(): plain(item) for key, item in value.items()}
