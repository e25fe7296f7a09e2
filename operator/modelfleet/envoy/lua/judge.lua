-- What Envoy calls when a try is answered: a failure goes to the gate, an answer to the caller, with headers that say
-- whose it is and with its line in the record.
local evidence = require("evidence")
local exchange = require("exchange")
local ladder = require("ladder")
local line = require("line")
local usage = require("usage")

-- Few loops and many calls of Envoy's: LuaJIT would compile without end here, for a third of what a request costs.
jit.off()
collectgarbage("setpause", 400) -- as in gateway.lua

local AGAIN, UPSTREAM = "x-modelfleet-again", "x-modelfleet-upstream"
local LONGEST_HELD = 32 * 1024 * 1024

local function note_failure(handle, headers, noted, status, reason)
  local again = headers:get("retry-after")
  local last = { try = #noted.attempts, status = status, reason = reason, at = handle:timestamp(), again = again }
  exchange.note(handle, { last = last })
  headers:replace(AGAIN, "1")
end

-- Whether the answer waits here until it is whole. What is longer than can wait passes, and so does a stream.
local function is_held(headers)
  local kind, length = headers:get("content-type"), tonumber(headers:get("content-length") or "0")
  if not kind or length and length > LONGEST_HELD then
    return false
  end
  return kind == "application/json" or kind:lower():match("^%s*([^;%s]*)") == "application/json"
end

-- What the chain wrote there, "ENDPOINT HARDWARE", by what it wrote: there are as many as there are replicas.
local ends, known = {}, 0
local MANY = 1024

local function end_of(words)
  local found = ends[words]
  if not found then
    local endpoint, hardware = words:match("^(%S+) (%S*)$")
    found = { endpoint = endpoint, hardware = hardware ~= "" and hardware ~= evidence.NOTHING and hardware or nil }
    if known >= MANY then
      ends, known = {}, 0 -- those of replicas that are long gone go, too
    end
    ends[words], known = found, known + 1
  end
  return found
end

local function served_of(headers, decision)
  local found = end_of(headers:get(UPSTREAM) or "")
  headers:remove(UPSTREAM)
  local aimed = decision.served
  local tier, model = decision.tier, decision.target
  if aimed then
    tier, model = aimed.tier, aimed.model
  end
  return { tier = tier, model = model, hardware = found.hardware, endpoint = found.endpoint }
end

-- The record of an answer. Envoy writes what the line cannot say.
local function record(handle, noted, try, served, reason, tokens)
  local words = noted.packed and line.tail(try, served, reason, tokens)
  if words then
    return exchange.note_line(handle, words)
  elseif noted.packed then
    exchange.notes_of(handle)
    noted.packed = nil
  end
  exchange.note(handle, { attempts = noted.attempts, served = served, reason = reason, tokens = tokens })
end

-- An answer that is let go while it arrives: the record calls it broken off until its end is there.
local function follow(handle, noted, try, served)
  local reason = try.reason
  try.reason = "truncated"
  record(handle, noted, try, served, "truncated")
  local tail = ""
  for chunk in handle:bodyChunks() do
    tail = usage.join(tail, usage.tail(chunk))
  end
  try.reason = reason
  record(handle, noted, try, served, noted.decision.reason, usage.find(tail))
end

function envoy_on_response(handle)
  local headers, noted = handle:headers(), nil
  local status = tonumber(headers:get(":status"))
  -- What is noted is read behind the wait: most answers need nothing of it before, and what is taken here is dead there.
  if ladder.failure(status, false) then
    noted = exchange.first_of(handle)
    local failure = noted.decision and ladder.failure(status, noted.decision.passes)
    if failure then
      return note_failure(handle, headers, noted, status, failure)
    end
  end
  local tokens
  local held = is_held(headers)
  if held then
    local body = handle:body()
    tokens = body and usage.find(usage.tail(body))
    headers = handle:headers()
  end
  noted = noted or exchange.first_of(handle)
  if not noted.decision then
    return -- sent by scripts of another version, while a gateway is upgraded: its answer passes as it is
  end
  local decision, try = noted.decision, noted.attempts[#noted.attempts]
  try.status, try.reason, try.ms = status, "ok", math.max(0, handle:timestamp() - noted.began)
  local served = served_of(headers, decision)
  evidence.put(headers, decision, served, #noted.attempts, decision.reason)
  if held then
    return record(handle, noted, try, served, decision.reason, tokens)
  end
  follow(handle, noted, try, served)
end
