"""What Envoy hands to our scripts, made up in Lua: for what a real Envoy cannot easily be brought to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.luajit import PRELOAD, required, runtime
from tests.support.luanotes import Notes
from tests.support.luaroutes import Looks, Tables
from tests.support.luavalues import from_lua, to_lua

Headers = Sequence[tuple[str, str]]

# The calls and no more than the calls that Envoy has; one that is not here fails as it would there. A call that waits
# gives control back to the test, and what was taken before it is dead after it.
HANDLE = """
local given = ...
local state = { body = given.body, headers = given.headers, answers = {}, now = given.now, wraps = 0 }
state.decoded, state.fetched = 0, 0

local function alive(made)
  local wraps = state.wraps
  return setmetatable({}, { __index = function(_, name)
    assert(wraps == state.wraps, "object used outside of proper scope")
    return made[name]
  end })
end
local function wait(what)
  state.wraps, state.route, state.host = state.wraps + 1, nil, nil
  return coroutine.yield(what)
end

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
  assert(not state.gone, "header map can no longer be modified")
  local found = positions(name)
  for index = #found, 1, -1 do table.remove(state.headers, found[index]) end
end
function headers:replace(name, value)
  assert(type(name) == "string" and type(value) == "string", "headers are strings")
  self:remove(name)
  state.headers[#state.headers + 1] = { name, value }
end

local function buffer_of(bytes)
  local buffer = {}
  function buffer:length() return #bytes end
  function buffer:getBytes(offset, count)
    assert(offset >= 0 and count >= 0 and offset + count <= #bytes, "outside the body")
    state.fetched = state.fetched + count
    return bytes:sub(offset + 1, offset + count)
  end
  function buffer:setBytes(changed)
    bytes, state.body = changed, changed
    headers:replace("content-length", tostring(#changed))
  end
  return buffer
end

local dynamic = {}
function dynamic:get(namespace) return given.notes.get(namespace) end
function dynamic:set(namespace, key, value) given.notes.set(namespace, key, value) end

local info = {}
function info:dynamicMetadata() return alive(dynamic) end

local handle = {}
function handle:headers() return alive(headers) end
function handle:body(always)
  if not state.body and not always then return nil end
  if not state.whole then
    if state.body then wait("body") end
    state.whole = buffer_of(state.body or "")
  end
  return alive(state.whole)
end
function handle:bodyChunks()
  return function()
    if not state.body then return nil end
    state.gone = true
    local chunk = wait("chunk")
    return chunk and alive(buffer_of(chunk))
  end
end
function handle:streamInfo() return alive(info) end
function handle:filterContext() return { get = function(_, key) return given.context[key] end } end
-- Envoy makes each of these once, and gives the same again until the script has waited for something.
function handle:metadata()
  if not state.route then
    local carried = given.looks.look(state.headers)
    state.route = { get = function(_, key) return carried(key) end }
  end
  return state.route
end
function handle:virtualHost()
  if not state.host then
    local carried = given.looks.host()
    local function get(_, key)
      state.decoded = state.decoded + (key == "plan" and 1 or 0)
      return carried(key)
    end
    state.host = { metadata = function() return { get = get } end }
  end
  return state.host
end
function handle:clearRouteCache() given.looks.clear() end
function handle:timestamp() return state.now end
function handle:respond(answer, body)
  assert(not state.gone, "respond cannot be called if headers have been continued")
  assert(type(body) == "string", "an answer has a body")
  state.answers[#state.answers + 1] = { headers = answer, body = body }
  wait("nothing") -- for good: who has answered does not come back
end

local running
function state.resume(...)
  local went, waits = coroutine.resume(running, ...)
  if not went then error(waits, 0) end
  state.waits = coroutine.status(running) ~= "dead" and waits or nil
end
function state.call(name)
  running = coroutine.create(_G[name])
  state.resume(handle)
end
return state
"""

# The generator's seed comes from the system, which is out of reach here; a test says where chance falls.
CHANCE = b"""
local chance = { spot = 0 }
function chance.draw() return chance.spot end
return chance
"""

JSON = (("content-type", "application/json"),)
NOW = 1_700_000_000_500


@dataclass
class Script:
    """One worker's script, which keeps what it learns from one request to the next."""

    tables: Tables = field(default_factory=dict)
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    max_body_bytes: int = 4 * 1024 * 1024
    entry: str = "gateway"
    now: int = NOW
    lua: Any = field(default_factory=runtime)
    made: Any = field(init=False)
    """What makes a handle, read once: to read it takes longer than a request."""

    def __post_init__(self) -> None:
        self.made = self.lua.compile(HANDLE)
        self.lua.execute(PRELOAD, b"chance", CHANCE)
        required(self.lua, self.entry)

    def fall(self, spot: float) -> None:
        """Where chance falls from now on."""
        required(self.lua, "chance").spot = spot

    def has(self, name: str) -> bool:
        """Whether there is such a function for Envoy to call."""
        return self.lua.globals()[name.encode()] is not None

    def request(
        self,
        body: bytes,
        headers: Headers = JSON,
        *,
        path: str = "/v1/chat/completions",
        method: str = "POST",
        authority: str = "gw",
    ) -> "Handled":
        """A request as it comes, whole."""
        pseudo = ((":method", method), (":path", path), (":authority", authority), ("x-request-id", "id-1"))
        return self.handle([*pseudo, *headers], body).call("envoy_on_request").resume_whole()

    def response(self, notes: Notes, headers: Headers, body: bytes = b"", looks: Looks | None = None) -> "Handled":
        """An answer on its way back, whole."""
        return self.handle(headers, body, notes, looks).call("envoy_on_response").resume_whole()

    def handle(
        self, headers: Headers, body: bytes | None, notes: Notes | None = None, looks: Looks | None = None
    ) -> "Handled":
        """What Envoy calls the script with. Without a body it ends with its headers."""
        notes, looks = notes or Notes(), looks or Looks(self.tables)
        given = {
            "headers": headers,
            "context": {"hosts": self.hosts, "maxBodyBytes": self.max_body_bytes},
            "now": self.now,
        }
        table = to_lua(self.lua, given)
        table[b"body"], table[b"notes"], table[b"looks"] = body, notes.for_lua(self.lua), looks.for_lua(self.lua)
        return Handled(self.made(table), notes, looks)


@dataclass
class Handled:
    """One half of a request's way through a script, and what the script leaves behind."""

    state: Any
    noted: Notes
    looks: Looks

    def call(self, name: str) -> "Handled":
        """Runs it up to its end, or up to where it waits."""
        self.state.call(name.encode())
        return self

    def resume(self, piece: bytes | None = None) -> "Handled":
        """What it waits for is there: the whole body, a piece of it, or with nothing the end of the pieces."""
        self.state.resume(piece)
        return self

    def resume_whole(self) -> "Handled":
        """The body is there, whole, where it waits for that."""
        return self.resume() if self.waits == "body" else self

    @property
    def waits(self) -> str | None:
        waits = self.state.waits
        return waits.decode() if waits else None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [
            (from_lua(name), from_lua(value)) for name, value in (it.values() for it in self.state.headers.values())
        ]

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def body(self) -> bytes:
        return bytes(self.state.body or b"")

    @property
    def answer(self) -> tuple[int, str, bytes] | None:
        """Status, content type and body of the answer that the script gave itself, at most one."""
        answers = list(self.state.answers.values())
        assert len(answers) < 2, "answered twice"
        if not answers:
            return None
        headers = from_lua(answers[0].headers)
        return int(headers[":status"]), headers["content-type"], bytes(answers[0].body)

    @property
    def retry_after(self) -> str | None:
        """What that answer says of when to come back."""
        headers = from_lua(next(iter(self.state.answers.values())).headers)
        found: str | None = headers.get("retry-after")
        return found
