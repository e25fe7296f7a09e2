-- The way back to the caller: what came of the last try, the headers that say so, and the ladder's answer where Envoy
-- itself had to end a request.
local ending = require("ending")
local exchange = require("exchange")
local ladder = require("ladder")

local response = {}

local NAMESPACE = "modelfleet"
local UPSTREAM, REASON, OPEN = "x-modelfleet-upstream", "x-modelfleet-reason", "x-modelfleet-open"
local AGAIN = "x-modelfleet-again"
local NOTHING = "-"
local FAILED = 500

local function put(headers, name, value)
  headers:replace("x-modelfleet-" .. name, value and tostring(value) or NOTHING)
end

-- "ENDPOINT HARDWARE", which the route writes.
local function served_of(headers, decision)
  local endpoint, hardware = (headers:get(UPSTREAM) or ""):match("^(%S+) (%S*)$")
  local known = hardware and hardware ~= "" and hardware ~= NOTHING
  local served = decision.served or { tier = decision.tier, model = decision.target }
  return { tier = served.tier, model = served.model, hardware = known and hardware or nil, endpoint = endpoint }
end

-- A model answered. One whose answer still runs is called broken off until its end is there.
local function answered(handle, data, noted, headers, status)
  local decision, attempts = noted.decision, noted.attempts
  local try = attempts[#attempts]
  try.status, try.reason, try.ms = status, "ok", math.max(0, handle:timestamp() - noted.began)
  local reason = decision.reason
  local open = headers:get(OPEN)
  headers:remove(OPEN)
  if open and not noted.ended then
    data:set(NAMESPACE, "closing", { attempts = attempts, reason = reason })
    try.reason, reason = "truncated", "truncated"
  end
  local served = served_of(headers, decision)
  data:set(NAMESPACE, "attempts", attempts)
  data:set(NAMESPACE, "served", served)
  data:set(NAMESPACE, "reason", reason)
  return served, decision.reason
end

-- A model failed, and Envoy tries nothing more: it had told the caller of an interim answer (100, 103) of the same try.
-- What it says goes on to the caller, but not as the caller's fault, and the record has it as what it was.
local function failed(data, noted, headers)
  local attempts, last = noted.attempts, noted.last
  local try = attempts[#attempts]
  try.status, try.reason, try.ms = last.status, last.reason, math.max(0, last.at - noted.began)
  headers:replace(":status", "503")
  headers:replace("retry-after", last.again or "1")
  data:set(NAMESPACE, "attempts", attempts)
  return last.reason
end

-- Envoy ended it in the middle of a try, mostly since its time is up.
local function cut_off(handle, data, noted, headers, status)
  local attempts, reason = noted.attempts, headers:get(REASON)
  local try = attempts[#attempts]
  if reason == "no_capacity" then
    -- The target went while the request was under way: nobody was asked.
    attempts[#attempts] = nil
    data:set(NAMESPACE, "sent", #attempts > 0)
    local skipped, aimed = noted.skipped or {}, noted.decision.served or noted.decision
    skipped[#skipped + 1] = { target = try.target, tier = aimed.tier, reason = reason }
    data:set(NAMESPACE, "skipped", skipped)
  else
    try.reason, try.ms = reason, math.max(0, handle:timestamp() - noted.began)
  end
  data:set(NAMESPACE, "attempts", attempts)
  local plan = exchange.plan_here(handle)
  if status < FAILED or not plan or not plan.ladder.answer then
    return reason
  end
  local decision = noted.decision
  local said, kind, body, seconds = ending.words(plan, decision, reason, handle:timestamp(), {})
  decision.rung = ladder.height(plan, exchange.state_of(handle).wanted)
  headers:replace(":status", tostring(said))
  headers:replace("content-type", kind)
  headers:remove("retry-after")
  if seconds then
    headers:replace("retry-after", seconds)
  end
  return reason, body
end

function response.tell(handle)
  local headers = handle:headers()
  local data = handle:streamInfo():dynamicMetadata()
  local noted = data:get(NAMESPACE) or {}
  local decision, status = noted.decision or {}, tonumber(headers:get(":status"))
  local reason, served, body = decision.reason, nil, nil
  if noted.sent and not noted.said and headers:get(REASON) then
    reason, body = cut_off(handle, data, noted, headers, status)
  elseif noted.sent and not noted.said and headers:get(AGAIN) then
    reason = failed(data, noted, headers)
  elseif noted.sent and not noted.said then
    served, reason = answered(handle, data, noted, headers, status)
  elseif not noted.decision then
    reason = headers:get(REASON)
  end
  if not served then
    data:set(NAMESPACE, "reason", reason or NOTHING)
    data:set(NAMESPACE, "decision", decision)
  end
  headers:remove(UPSTREAM)
  headers:remove(AGAIN)
  put(headers, "request-id", decision.id or headers:get("x-modelfleet-request-id"))
  put(headers, "policy", decision.policy)
  put(headers, "rule", decision.rule)
  put(headers, "tier", served and served.tier)
  put(headers, "model", served and served.model)
  put(headers, "rung", decision.rung)
  put(headers, "attempts", noted.sent and #noted.attempts or 0)
  put(headers, "reason", reason)
  if body then
    handle:body(true):setBytes(body)
  end
end

return response
