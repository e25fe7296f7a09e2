-- What Envoy calls at each try, upstream of all retries: on the way there the request is made ready, on the way back
-- the try is judged. At the gate, where the way leads after every try that failed, the next step is taken.
local budget = require("budget")
local ending = require("ending")
local exchange = require("exchange")
local ladder = require("ladder")
local steer = require("steer")
local upstreams = require("upstreams")
local usage = require("usage")

local AT, AGAIN, OPEN = "x-modelfleet-at", "x-modelfleet-again", "x-modelfleet-open"
local LONGEST_HELD = 32 * 1024 * 1024

local repeats = budget.new()

local function notes(handle)
  return handle:streamInfo():dynamicMetadata()
end

-- The try that Envoy has just given up, or did not make: what came of it.
local function cause_of(handle, headers, noted, state, made)
  local attempts = noted.attempts
  local try = attempts[#attempts]
  if not made then
    attempts[#attempts] = nil
    state.skipped[#state.skipped + 1] = { target = try.target, tier = state.tier, reason = "no_capacity" }
    return "no_capacity"
  end
  local last = noted.last
  local answered = last and last.try == #attempts
  -- The clock of the wall may be set back meanwhile.
  try.ms = math.max(0, (answered and last.at or handle:timestamp()) - noted.began)
  if answered then
    try.status, try.reason = last.status, last.reason
  else
    try.reason = ladder.silence(steer.connected(headers), try.ms, state.bound)
  end
  return try.reason
end

local function finish(handle, noted, state, plan, cause)
  local data, decision = notes(handle), noted.decision
  local last = noted.last and noted.last.try == #noted.attempts and noted.last or {}
  local status, kind, body, seconds, answered = ending.words(plan, decision, cause, handle:timestamp(), last)
  decision.rung = answered and ladder.height(plan, state.wanted) or state.rung - 1
  decision.reason = cause
  data:set("modelfleet", "decision", decision)
  data:set("modelfleet", "said", true)
  handle:respond({ [":status"] = tostring(status), ["content-type"] = kind, ["retry-after"] = seconds }, body)
end

local function go(handle, headers, noted, state, rung, cause)
  local data, model = notes(handle), rung.model
  upstreams.dress(headers, model, state.kept)
  state.alias, state.tier = model.alias, rung.tier
  -- Once there was another name, its length stands in the headers until a name is written anew.
  state.renamed = state.renamed or model.alias ~= state.written
  local attempts, decision = noted.attempts, noted.decision
  attempts[#attempts + 1] = { target = model.name, status = 0, reason = "abandoned", ms = 0 }
  decision.rung, decision.reason, decision.passes = state.rung - 1, cause, model.passThrough or false
  decision.served = { tier = rung.tier, model = model.name }
  data:set("modelfleet", "decision", decision)
  data:set("modelfleet", "attempts", attempts)
  data:set("modelfleet", "began", handle:timestamp())
  exchange.note_state(handle, state)
  steer.mark(headers, state.renamed and "rename" or "plain")
  steer.towards(handle, headers, model.cluster, state.made)
end

-- The gate: judges, and takes the next step.
local function pass(handle, headers)
  local data = notes(handle)
  local noted, state = data:get("modelfleet"), exchange.state_of(handle)
  local plan, now = exchange.plan_here(handle), handle:timestamp()
  local skipped = state.skipped or {}
  state.skipped = skipped
  local made = not steer.take_mark(headers)
  state.made = state.made + (made and 2 or 1)
  local cause = cause_of(handle, headers, noted, state, made)
  local rungs = ladder.rungs(plan, state.wanted, state.spot)
  state.left, state.tries = state.till - now, #noted.attempts
  local repeated = budget.total(repeats, plan.policy, now)
  state.room = budget.allows(repeated, state.seen, plan.retries.percent, ladder.LEAST_REPEATS)
  local step = ladder.step(plan, rungs, state, cause)
  if step.denied then
    skipped[#skipped + 1] = { target = rungs[state.rung].model.name, tier = rungs[state.rung].tier, reason = "budget" }
  end
  if #skipped > 0 then
    data:set("modelfleet", "skipped", skipped)
  end
  if step.ends then
    data:set("modelfleet", "attempts", noted.attempts)
    data:set("modelfleet", "sent", #noted.attempts > 0)
    return finish(handle, noted, state, plan, step.ends)
  end
  if step.repeats > 0 then
    budget.add(repeats, plan.policy, now)
  end
  state.rung, state.repeats = step.rung, step.repeats
  go(handle, headers, noted, state, rungs[step.rung], step.denied and "budget" or cause)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(AT) then
    headers:remove(AT)
    return pass(handle, headers)
  end
  if steer.take_mark(headers) == "rename" then
    local state = exchange.state_of(handle)
    local body = handle:body(true)
    upstreams.rename(body, state.from, state.length, state.alias)
  end
end

local function note_failure(handle, headers, noted, status, reason)
  local again = headers:get("retry-after")
  local last = { try = #noted.attempts, status = status, reason = reason, at = handle:timestamp(), again = again }
  notes(handle):set("modelfleet", "last", last)
  headers:replace(AGAIN, "1")
end

-- Whether the answer waits here until it is whole. What is longer than can wait passes, and so does a stream.
local function is_held(headers)
  local kind, length = headers:get("content-type") or "", tonumber(headers:get("content-length") or "0")
  local media = kind:lower():match("^%s*([^;%s]*)")
  return media == "application/json" and (not length or length <= LONGEST_HELD)
end

local function note_tokens(handle, tail)
  local found = usage.find(tail)
  if found then
    notes(handle):set("modelfleet", "tokens", found)
  end
end

-- An answer on its way: the record calls it broken off until its end is there.
local function follow(handle)
  local tail = ""
  for chunk in handle:bodyChunks() do
    tail = usage.join(tail, usage.tail(chunk))
  end
  note_tokens(handle, tail)
  -- What was taken before the answer's end is dead by now. An answer of headers alone ends before it is noted at all.
  local data = notes(handle)
  local closing = data:get("modelfleet").closing
  data:set("modelfleet", "ended", true)
  if closing then
    data:set("modelfleet", "attempts", closing.attempts)
    data:set("modelfleet", "reason", closing.reason)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = tonumber(headers:get(":status"))
  if ladder.failure(status, false) then
    local noted = notes(handle):get("modelfleet")
    local reason = ladder.failure(status, noted.decision.passes)
    if reason then
      return note_failure(handle, headers, noted, status, reason)
    end
  end
  if is_held(headers) then
    local body = handle:body()
    if body then
      note_tokens(handle, usage.tail(body))
    end
    return
  end
  headers:replace(OPEN, "1")
  follow(handle)
end
