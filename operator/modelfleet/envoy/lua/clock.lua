-- How long a request may take: the policy's bounds, and what its caller asks for, which only lowers them.
local text = require("text")

local clock = {}

clock.HEADER = "x-request-timeout"

local CLOCK = "modelfleet.clock"
local TOTAL, TRY = "x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms"

-- The bound on the whole in milliseconds, or nil and a sentence about what the caller wrote.
function clock.total(times, asked)
  if not asked or not times.lower then
    return times.total
  end
  local wanted = text.milliseconds(asked)
  if not wanted or wanted < 1 then
    return nil, clock.HEADER .. " must be a duration such as 30s or 1500ms, or a number of seconds"
  end
  return math.min(times.total, wanted)
end

-- Tells those that keep the time. A JSON answer as a whole, and each try at it, are bounded by the router. The router's
-- bound on the whole would end a stream that runs, so the clock filter bounds that up to its first byte, then the gap.
function clock.set(handle, headers, times, state, stream)
  if stream then
    local data = handle:streamInfo():dynamicMetadata()
    data:set(CLOCK, "until", state.till)
    data:set(CLOCK, "gap", times.gap)
  else
    headers:replace(TOTAL, string.format("%d", state.total))
  end
  if stream or state.bound < state.total then
    headers:replace(TRY, string.format("%d", state.bound))
  end
end

return clock
