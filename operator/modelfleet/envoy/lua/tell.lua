-- What Envoy calls for an answer that no model gave: it says of itself what every answer says, and where Envoy itself had
-- to end a request that was under way, it is the ladder's answer.
local ending = require("ending")
local evidence = require("evidence")
local exchange = require("exchange")
local ladder = require("ladder")

jit.off() -- as in judge.lua

local AGAIN, REASON, UPSTREAM = "x-modelfleet-again", "x-modelfleet-reason", "x-modelfleet-upstream"
local FAILED = 500

-- A model failed, and Envoy tries nothing more: it had told the caller of an interim answer (100, 103) of the same try.
-- What it says goes on to the caller, but not as the caller's fault, and the record has it as what it was.
local function failed(handle, noted, headers)
  local attempts, last = noted.attempts, noted.last
  local try = attempts[#attempts]
  try.status, try.reason, try.ms = last.status, last.reason, math.max(0, last.at - noted.began)
  headers:replace(":status", "503")
  headers:replace("retry-after", last.again or "1")
  exchange.note(handle, { attempts = attempts })
  return last.reason
end

-- What became of the try in the middle of which Envoy ended the request, mostly since its time is up.
local function judge(handle, noted, reason)
  local attempts = noted.attempts
  local try = attempts[#attempts]
  if reason == "no_capacity" then
    -- The target went while the request was under way: nobody was asked.
    attempts[#attempts] = nil
    local skipped, aimed = noted.skipped or {}, noted.decision.served or noted.decision
    skipped[#skipped + 1] = { target = try.target, tier = aimed.tier, reason = reason }
    return exchange.note(handle, { attempts = attempts, skipped = skipped, sent = #attempts > 0 })
  end
  try.reason, try.ms = reason, math.max(0, handle:timestamp() - noted.began)
  exchange.note(handle, { attempts = attempts })
end

local function cut_off(handle, noted, headers, reason)
  judge(handle, noted, reason)
  local plan = exchange.plan_here(handle)
  if tonumber(headers:get(":status")) < FAILED or not plan or not plan.ladder.answer then
    return nil
  end
  local decision = noted.decision
  local status, kind, body, seconds = ending.words(plan, decision, reason, handle:timestamp(), {})
  decision.rung = ladder.height(plan, exchange.state_of(handle).wanted)
  headers:replace(":status", tostring(status))
  headers:replace("content-type", kind)
  headers:remove("retry-after")
  if seconds then
    headers:replace("retry-after", seconds)
  end
  return body
end

function envoy_on_response(handle)
  local headers, noted = handle:headers(), exchange.notes_of(handle)
  local decision = noted.decision or {}
  local reason, body = decision.reason or headers:get(REASON), nil
  if noted.sent and not noted.said and headers:get(REASON) then
    reason = headers:get(REASON)
    body = cut_off(handle, noted, headers, reason)
  elseif noted.sent and not noted.said and headers:get(AGAIN) then
    reason = failed(handle, noted, headers)
  end
  exchange.note(handle, { reason = reason or evidence.NOTHING, decision = decision })
  headers:remove(UPSTREAM)
  headers:remove(AGAIN)
  evidence.put(headers, decision, nil, noted.sent and #noted.attempts or 0, reason)
  if body then
    handle:body(true):setBytes(body)
  end
end
