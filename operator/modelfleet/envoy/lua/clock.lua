-- How long a request may take: the policy's bounds, and what its caller asks for, which only lowers them.
local text = require("text")

local clock = {}

clock.HEADER = "x-request-timeout"

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

-- Tells the router. A stream is bounded up to its first byte only: what bounds it from there on is its route's.
function clock.set(headers, times, total, stream)
  local bound = math.min(total, stream and times.firstToken or times.answer)
  headers:replace(stream and TRY or TOTAL, string.format("%d", bound))
end

return clock
