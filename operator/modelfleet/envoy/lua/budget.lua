-- How many of something there were in the last ten seconds, for each policy, in this worker.
local budget = {}

local SECONDS = 10
local MANY = 4096

function budget.new()
  return { names = {}, known = 0 }
end

-- A ring of seconds: a count stands where its second falls, with the second beside it.
local function ring_of(counts, name)
  local ring = counts.names[name]
  if not ring then
    if counts.known >= MANY then
      counts.names, counts.known = {}, 0 -- those of policies that are long gone go, too
    end
    ring = { at = {}, count = {} }
    counts.names[name], counts.known = ring, counts.known + 1
  end
  return ring
end

function budget.add(counts, name, milliseconds)
  local ring, second = ring_of(counts, name), math.floor(milliseconds / 1000)
  local place = second % SECONDS + 1
  if ring.at[place] ~= second then
    ring.at[place], ring.count[place] = second, 0
  end
  ring.count[place] = ring.count[place] + 1
end

function budget.total(counts, name, milliseconds)
  local ring, total = counts.names[name], 0
  if not ring then
    return 0
  end
  local now = math.floor(milliseconds / 1000)
  for place, second in pairs(ring.at) do
    -- A clock may be set back, and what lies ahead then is of no second that was.
    if second > now - SECONDS and second <= now then
      total = total + ring.count[place]
    end
  end
  return total
end

-- Whether one more repeat stays inside the share of the requests that there were.
function budget.allows(repeats, requests, percent, least)
  return repeats < math.max(least, math.floor(requests * percent / 100))
end

return budget
