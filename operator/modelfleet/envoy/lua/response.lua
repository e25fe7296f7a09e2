-- The way back: what came of the attempt, the headers that say so, and the tokens that it took.
local replies = require("replies")

local response = {}

local NAMESPACE = "modelfleet"
local UPSTREAM, REASON = "x-modelfleet-upstream", "x-modelfleet-reason"
local NOTHING = "-"
local TAIL = 2048
local FINAL = 200 -- an answer below is a switch of protocols that nobody asked for
local OVERLOAD = { [429] = true, [503] = true, [529] = true }
local CREDENTIALS = { [401] = true, [403] = true }

-- How an upstream's answer counts.
function response.outcome(status, passes)
  if OVERLOAD[status] then
    return "overload"
  elseif status >= 500 or (CREDENTIALS[status] and not passes) then
    return "5xx"
  end
  return "ok"
end

-- An answer that blames the caller for what is between us and the upstream becomes one that does not.
local function soften(handle, status, passes)
  local code, message
  if status == 429 then
    code, message = "overloaded", "the model is overloaded: try again shortly"
  elseif CREDENTIALS[status] and not passes then
    code, message = "upstream_credentials", "the host of the model refused the gateway's own credentials"
  elseif status < FINAL then
    code, message = "reset", "the model broke off"
  else
    return false
  end
  local headers = handle:headers()
  local again = headers:get("retry-after") or "1"
  local changed, kind, body = replies.refusal(code, message)
  headers:replace(":status", tostring(changed))
  headers:replace("content-type", kind)
  headers:remove("content-encoding")
  headers:remove("www-authenticate")
  headers:replace("retry-after", again)
  -- Ours goes out at once, whatever becomes of theirs, which may be huge, slow, or break off.
  headers:replace("content-length", tostring(#body))
  for chunk in handle:bodyChunks() do
    chunk:setBytes(body)
    body = ""
  end
  if #body > 0 then
    handle:body(true):setBytes(body) -- an answer of headers alone
  end
  return true
end

local function put(headers, name, value)
  headers:replace("x-modelfleet-" .. name, value and tostring(value) or NOTHING)
end

-- "COUNT ENDPOINT HARDWARE", which the route writes; nothing of it on what no route answered.
local function upstream_of(headers)
  local line = headers:get(UPSTREAM)
  if not line then
    return 0
  end
  headers:remove(UPSTREAM)
  local count, endpoint, hardware = line:match("^(%S+) (%S+) (%S*)$")
  return tonumber(count) or 0, endpoint, hardware
end

-- What the one attempt came to: by the upstream's own status, or by what the gateway says in its place.
local function attempt_of(handle, noted, status, own_reason, passes)
  local took = handle:timestamp() - noted.began
  if own_reason then
    return { { target = noted.decision.target, status = 0, reason = own_reason, ms = took } }
  end
  return { { target = noted.decision.target, status = status, reason = response.outcome(status, passes), ms = took } }
end

local function served_of(noted, endpoint, hardware)
  local hardware_known = hardware and hardware ~= "" and hardware ~= NOTHING
  return {
    tier = noted.decision.tier,
    model = noted.decision.target,
    hardware = hardware_known and hardware or nil,
    endpoint = endpoint,
  }
end

-- The usage that stands near the end of an answer. In the words of a model the quotes around a name are escaped, so only
-- a field of the answer itself is found.
local function usage_in(tail)
  local into, out = tail:match('.*"prompt_tokens"%s*:%s*(%d+)'), tail:match('.*"completion_tokens"%s*:%s*(%d+)')
  return into and { ["in"] = tonumber(into), out = tonumber(out or "0") }
end

local function tail_of(buffer)
  local length = buffer:length()
  local from = math.max(0, length - TAIL)
  return length > 0 and buffer:getBytes(from, length - from) or ""
end

-- Numbers from the usage that an engine reports, at the end of its answer and without holding any of it back.
local function count_tokens(handle)
  local tail = ""
  for chunk in handle:bodyChunks() do
    tail = (tail .. tail_of(chunk)):sub(-TAIL)
  end
  local usage = usage_in(tail)
  if usage then
    -- What was taken before the answer's end is dead by now.
    handle:streamInfo():dynamicMetadata():set(NAMESPACE, "tokens", usage)
  end
end

-- Notes the attempt and what served, and gives back who served and why it came to this.
local function judge(handle, data, noted, headers, status)
  local count, endpoint, hardware = upstream_of(headers)
  local own_reason = headers:get(REASON) or status < FINAL and "reset" or nil
  if not noted.sent then
    return 0, nil, noted.decision and noted.decision.reason or own_reason
  elseif count == 0 then
    data:set(NAMESPACE, "sent", false)
    return 0, nil, own_reason
  end
  local attempts = attempt_of(handle, noted, status, own_reason, noted.decision.passes)
  data:set(NAMESPACE, "attempts", attempts)
  local served = not own_reason and served_of(noted, endpoint, hardware) or nil
  if served then
    data:set(NAMESPACE, "served", served)
  end
  local came = attempts[1].reason
  return count, served, came == "ok" and noted.decision.reason or came
end

function response.tell(handle)
  local headers = handle:headers()
  local data = handle:streamInfo():dynamicMetadata()
  local noted = data:get(NAMESPACE) or {}
  local decision = noted.decision or {}
  local status = tonumber(headers:get(":status") or "")
  local count, served, reason = judge(handle, data, noted, headers, status)
  data:set(NAMESPACE, "reason", reason or NOTHING)
  put(headers, "request-id", decision.id or headers:get("x-modelfleet-request-id"))
  put(headers, "policy", decision.policy)
  put(headers, "rule", decision.rule)
  put(headers, "tier", served and served.tier)
  put(headers, "model", served and served.model)
  put(headers, "rung", decision.rung)
  put(headers, "attempts", count)
  put(headers, "reason", reason)
  if (served or status < FINAL) and not soften(handle, status, decision.passes) then
    count_tokens(handle)
  end
end

return response
