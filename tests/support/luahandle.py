"""What Envoy hands to our script, made up in Lua: for what a real Envoy cannot easily be brought to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.luajit import PRELOAD, required, runtime
from tests.support.luavalues import from_lua, to_lua

# The calls and no more than the calls that Envoy has; one that is not here fails as it would there.
HANDLE = """
local given = ...
local state = { notes = {}, body = given.body, headers = given.headers, answers = {} }
state.clears, state.decoded, state.fetched = 0, 0, 0

local headers = {}
local function positions(name)
  local found = {}
  for place, pair in ipairs(state.headers) do
    if pair[1] == name then found[#found + 1] = place end
  end
  return found
end
function headers:get(name)
  local values = {}
  for index, place in ipairs(positions(name)) do values[index] = state.headers[place][2] end
  return #values > 0 and table.concat(values, ",") or nil
end
function headers:getNumValues(name) return #positions(name) end
function headers:getAtIndex(name, index) return state.headers[positions(name)[index + 1]][2] end
function headers:remove(name)
  local found = positions(name)
  for index = #found, 1, -1 do table.remove(state.headers, found[index]) end
end
function headers:replace(name, value)
  assert(type(name) == "string" and type(value) == "string", "headers are strings")
  self:remove(name)
  state.headers[#state.headers + 1] = { name, value }
end

local buffer = {}
function buffer:length() return #state.body end
function buffer:getBytes(offset, count)
  assert(offset >= 0 and count >= 0 and offset + count <= #state.body, "outside the body")
  state.fetched = state.fetched + count
  return state.body:sub(offset + 1, offset + count)
end
function buffer:setBytes(bytes)
  state.body = bytes
  headers:replace("content-length", tostring(#bytes))
end

local dynamic = {}
function dynamic:get(namespace) return state.notes[namespace] end
function dynamic:set(namespace, key, value)
  assert(value ~= nil, "nothing cannot be noted")
  state.notes[namespace] = state.notes[namespace] or {}
  state.notes[namespace][key] = value
end

local info = {}
function info:dynamicMetadata() return dynamic end

local handle = { state = state }
function handle:headers() return headers end
function handle:body(always)
  assert(always == true, "without a body there would be none to look at")
  return buffer
end
function handle:bodyChunks()
  local done = false
  return function() if not done then done = true; return buffer end end
end
function handle:streamInfo() return info end
function handle:filterContext() return { get = function(_, key) return given.context[key] end } end
function handle:metadata()
  local data = given.routes[headers:get("x-modelfleet-scope") or ""] or {}
  local function get(_, key)
    state.decoded = state.decoded + (key == "plan" and 1 or 0)
    return data[key]
  end
  return { get = get }
end
function handle:clearRouteCache() state.clears = state.clears + 1 end
function handle:timestamp() return given.now end
function handle:respond(answer, body)
  assert(type(body) == "string", "an answer has a body")
  state.answers[#state.answers + 1] = { headers = answer, body = body }
end
return handle
"""

# The generator's seed comes from the system, which is out of reach here; a test says where chance falls.
CHANCE = b"""
local chance = { spot = 0 }
function chance.draw() return chance.spot end
return chance
"""

JSON = (("content-type", "application/json"),)


@dataclass
class Script:
    """One worker's script, which keeps what it learns from one request to the next."""

    routes: dict[str, Any] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    max_body_bytes: int = 4 * 1024 * 1024
    lua: Any = field(default_factory=runtime)

    def __post_init__(self) -> None:
        self.lua.execute(PRELOAD, b"chance", CHANCE)
        required(self.lua, "gateway")

    def fall(self, spot: float) -> None:
        """Where chance falls from now on."""
        required(self.lua, "chance").spot = spot

    def request(
        self,
        body: bytes,
        headers: Sequence[tuple[str, str]] = JSON,
        *,
        path: str = "/v1/chat/completions",
        method: str = "POST",
        authority: str = "gw",
    ) -> "Handled":
        pseudo = ((":method", method), (":path", path), (":authority", authority), ("x-request-id", "id-1"))
        return self._run(b"envoy_on_request", [*pseudo, *headers], body)

    def response(
        self,
        noted: Mapping[str, Any],
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
    ) -> "Handled":
        return self._run(b"envoy_on_response", headers, body, notes=noted)

    def _run(self, name: bytes, headers: Sequence[tuple[str, str]], body: bytes, notes: Any = None) -> "Handled":
        given = {
            "headers": headers,
            "routes": self.routes,
            "context": {"hosts": self.hosts, "maxBodyBytes": self.max_body_bytes},
        }
        table = to_lua(self.lua, given)
        table[b"body"], table[b"now"] = body, 1_700_000_000_500
        handle = self.lua.execute(HANDLE, table)
        if notes:
            handle.state.notes[b"modelfleet"] = to_lua(self.lua, notes)
        self.lua.globals()[name](handle)
        return Handled(handle.state)


@dataclass
class Handled:
    """What the script left behind."""

    state: Any

    @property
    def headers(self) -> dict[str, str]:
        return {
            name.decode(): value.decode() for name, value in (pair.values() for pair in self.state.headers.values())
        }

    @property
    def body(self) -> bytes:
        return bytes(self.state.body)

    @property
    def notes(self) -> Any:
        return from_lua(self.state.notes).get("modelfleet", {})

    @property
    def answer(self) -> tuple[int, str, bytes] | None:
        """Status, content type and body of the answer that the script gave itself, at most one."""
        answers = list(self.state.answers.values())
        assert len(answers) < 2, "answered twice"
        if not answers:
            return None
        headers = from_lua(answers[0].headers)
        return int(headers[":status"]), headers["content-type"], bytes(answers[0].body)
