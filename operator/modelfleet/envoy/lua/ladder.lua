-- The ladder: what a request falls to, what a try came to, and what follows. Pure: nothing here knows of Envoy.
local decide = require("decide")

local ladder = {}

local FINAL = 200 -- an answer below is a switch of protocols that nobody asked for
local OVERLOAD = { [429] = true, [503] = true, [529] = true }
local CREDENTIALS = { [401] = true, [403] = true }
local TOO_LATE_MS = 100
-- Envoy's timers go by a clock that stands still while it works, so they come early on a busy machine.
local EARLY_MS, EARLY_PART = 50, 0.1
local LEAST_REPEATS = 3

-- What a status says of a try: nil where it is an answer, of whatever kind.
function ladder.failure(status, passes)
  if status < FINAL then
    return "reset"
  elseif OVERLOAD[status] then
    return "overload"
  elseif status >= 500 or (CREDENTIALS[status] and not passes) then
    return "5xx"
  end
  return nil
end

-- What a try without an answer came to.
function ladder.silence(connected, milliseconds, bound)
  if not connected then
    return "connect"
  end
  return milliseconds >= bound - math.min(EARLY_MS, bound * EARLY_PART) and "timeout" or "reset"
end

local function falls(plan, wanted)
  local others = {}
  for _, place in ipairs(plan.ladder.falls) do
    if place ~= wanted.tier then
      others[#others + 1] = plan.tiers[place]
    end
  end
  return others
end

-- How many rungs there are above the answer.
function ladder.height(plan, wanted)
  return 1 + #falls(plan, wanted)
end

-- The rungs above the answer: the wanted one, then what it falls to. Each draws its model by a spot of its own, which
-- one request, and one session, always gives again.
function ladder.rungs(plan, wanted, spot)
  local tier = wanted.tier and plan.tiers[wanted.tier].name
  local rungs = { { tier = tier, model = decide.draw(decide.models(plan, wanted), spot) } }
  for _, other in ipairs(falls(plan, wanted)) do
    local own = decide.spot(string.format("%.17g\n%s", spot, other.name))
    rungs[#rungs + 1] = { tier = other.name, model = decide.draw(other.models, own) }
  end
  return rungs
end

-- What comes after a try that failed, or a rung that was skipped. `state` has rung (from 1), repeats on it, tries so
-- far, left (ms of total) and room (whether the budget has some). The step is { rung } with repeats, or { ends = cause }.
function ladder.step(plan, rungs, state, cause)
  local repeats = state.repeats
  -- The first try is made however little time there is.
  local late = state.left < TOO_LATE_MS and state.tries > 0
  local denied = false
  if cause ~= "no_capacity" then
    if plan.retries.on and not plan.retries.on[cause] then
      return { ends = cause }
    end
    if repeats < plan.retries.attempts then
      if late then
        return { ends = "timeout" }
      elseif state.room then
        return { rung = state.rung, repeats = repeats + 1 }
      end
      denied = true
    end
  end
  if state.rung >= #rungs then
    return { ends = cause, denied = denied }
  elseif late then
    return { ends = "timeout", denied = denied }
  end
  return { rung = state.rung + 1, repeats = 0, denied = denied }
end

ladder.LEAST_REPEATS = LEAST_REPEATS

return ladder
