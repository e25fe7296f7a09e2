-- What Envoy calls at the gate, where a request goes after every try that failed: there the try is judged, and the next
-- step is taken.
local budget = require("budget")
local ending = require("ending")
local exchange = require("exchange")
local ladder = require("ladder")
local replies = require("replies")
local steer = require("steer")
local upstreams = require("upstreams")

jit.off() -- as in judge.lua

local repeats = budget.new()

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
  local decision = noted.decision
  local last = noted.last and noted.last.try == #noted.attempts and noted.last or {}
  local status, kind, body, seconds, answered = ending.words(plan, decision, cause, handle:timestamp(), last)
  decision.rung = answered and ladder.height(plan, state.wanted) or state.rung - 1
  decision.reason = cause
  exchange.note(handle, { decision = decision, said = true })
  handle:respond({ [":status"] = tostring(status), ["content-type"] = kind, ["retry-after"] = seconds }, body)
end

local function go(handle, headers, noted, state, rung, cause)
  local model = rung.model
  upstreams.dress(headers, model, state.kept)
  state.alias, state.tier = model.alias, rung.tier
  -- Once there was another name, its length stands in the headers until a name is written anew.
  state.renamed = state.renamed or model.alias ~= state.written
  local attempts, decision = noted.attempts, noted.decision
  attempts[#attempts + 1] = { target = model.name, status = 0, reason = "abandoned", ms = 0 }
  decision.rung, decision.reason, decision.passes = state.rung - 1, cause, model.passThrough or false
  decision.served = { tier = rung.tier, model = model.name }
  exchange.note(handle, { decision = decision, attempts = attempts, began = handle:timestamp() })
  exchange.note_state(handle, state)
  if state.renamed then
    steer.rename(headers)
  end
  steer.again(handle, headers, model.cluster, state.made, decision.stream)
end

-- Scripts of another version sent it, while a gateway is upgraded: what they would do next is not known here.
local function give_up(handle)
  local status, kind, body = replies.refusal("reset", "the model broke off")
  handle:respond({ [":status"] = tostring(status), ["content-type"] = kind, ["retry-after"] = "1" }, body)
end

local function pass(handle, headers)
  local noted = exchange.notes_of(handle)
  if not noted.decision then
    return give_up(handle)
  end
  local state = exchange.state_of(handle)
  local plan, now = exchange.plan_here(handle), handle:timestamp()
  local skipped = state.skipped or {}
  state.skipped = skipped
  local made = not steer.take_skip(headers)
  state.made = state.made + 2
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
    exchange.note(handle, { skipped = skipped })
  end
  if step.ends then
    exchange.note(handle, { attempts = noted.attempts, sent = #noted.attempts > 0 })
    return finish(handle, noted, state, plan, step.ends)
  end
  if step.repeats > 0 then
    budget.add(repeats, plan.policy, now)
  end
  state.rung, state.repeats = step.rung, step.repeats
  go(handle, headers, noted, state, rungs[step.rung], step.denied and "budget" or cause)
end

function envoy_on_request(handle)
  pass(handle, handle:headers())
end
