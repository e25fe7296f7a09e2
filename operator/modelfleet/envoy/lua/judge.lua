-- What Envoy calls when a try is answered: a failure goes to the gate, an answer to the caller, with headers that say
-- whose it is and with its line in the record.
local evidence = require("evidence")
local exchange = require("exchange")
local ladder = require("ladder")
local line = require("line")
local usage = require("usage")

-- Few loops and many calls of Envoy's: LuaJIT would compile without end here, for a third of what a request costs.
jit.off()

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

-- "ENDPOINT HARDWARE", which the chain wrote there before.
local function served_of(headers, decision)
  local endpoint, hardware = (headers:get(UPSTREAM) or ""):match("^(%S+) (%S*)$")
  headers:remove(UPSTREAM)
  local known = hardware and hardware ~= "" and hardware ~= evidence.NOTHING
  local aimed = decision.served
  local tier, model = decision.tier, decision.target
  if aimed then
    tier, model = aimed.tier, aimed.model
  end
  return { tier = tier, model = model, hardware = known and hardware or nil, endpoint = endpoint }
end

-- The record of an answer that is whole. Envoy writes what the line cannot say, or does not say.
local function close(handle, noted, try, served, tokens)
  local decision = noted.decision
  local words = #noted.attempts == 1 and not noted.skipped and line.of(decision, try, served, tokens)
  if words then
    return exchange.note(handle, { line = words })
  end
  local notes = { attempts = noted.attempts, served = served, reason = decision.reason, tokens = tokens }
  exchange.note(handle, notes)
end

-- An answer that is let go while it arrives: the record calls it broken off until its end is there.
local function follow(handle, noted, try, served)
  local reason = try.reason
  try.reason = "truncated"
  exchange.note(handle, { attempts = noted.attempts, served = served, reason = "truncated" })
  local tail = ""
  for chunk in handle:bodyChunks() do
    tail = usage.join(tail, usage.tail(chunk))
  end
  try.reason = reason
  close(handle, noted, try, served, usage.find(tail))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = tonumber(headers:get(":status"))
  local noted = exchange.notes_of(handle)
  local decision = noted.decision
  local failure = ladder.failure(status, decision.passes)
  if failure then
    return note_failure(handle, headers, noted, status, failure)
  end
  local tokens
  local held = is_held(headers)
  if held then
    local body = handle:body()
    tokens = body and usage.find(usage.tail(body))
    headers = handle:headers()
  end
  local try = noted.attempts[#noted.attempts]
  try.status, try.reason, try.ms = status, "ok", math.max(0, handle:timestamp() - noted.began)
  local served = served_of(headers, decision)
  evidence.put(headers, decision, served, #noted.attempts, decision.reason)
  if held then
    return close(handle, noted, try, served, tokens)
  end
  follow(handle, noted, try, served)
end
