-- How Envoy is told where a try goes. Between two tries it passes the gate: a cluster that nobody can connect
-- to, whose only purpose is that the attempt script runs there, sees what became of the try, and names the next.
local steer = {}

local WAY = "modelfleet.way"
local TARGET, STREAM = "x-modelfleet-target", "x-modelfleet-stream"
local TURN, SKIPPED = "x-modelfleet-turn", "x-modelfleet-skipped"
local UNSENT = "-"
local GATE = { name = "gate" }

-- Envoy writes the endpoint's name here as soon as there is a connection: where it is unchanged there was none.
local function watch(headers, stream)
  headers:replace(":authority", UNSENT)
  if stream then
    headers:replace(STREAM, "1") -- each try takes it off
  end
end

-- Where the first try goes: the policy has a route for each of its targets, which then leads to the gate.
function steer.aim(handle, headers, cluster, stream)
  headers:replace(TARGET, cluster)
  if stream then
    headers:replace(STREAM, "1")
  end
  handle:clearRouteCache()
end

function steer.first(headers)
  headers:replace(":authority", UNSENT)
end

-- A later try, whose way is in the request's notes since no route is looked for anew: reading those costs Envoy dearly.
-- `made` is how often Envoy has tried so far, the gate included: it counts on from there through the groups.
function steer.again(handle, headers, cluster, made, stream)
  local groups = {}
  for index = 1, made do
    groups[index] = GATE
  end
  groups[made + 1] = { name = "next", clusters = { { cluster_name = cluster, weight = 1 } } }
  groups[made + 2] = GATE
  handle:streamInfo():dynamicMetadata():set(WAY, "priority_groups", groups)
  watch(headers, stream)
end

-- Says that the next try has to write its model's name into the request.
function steer.rename(headers)
  headers:replace(TURN, "rename")
end

-- Whether the way led here without a try, as it found no replica.
function steer.take_skip(headers)
  local skipped = headers:get(SKIPPED)
  headers:remove(SKIPPED)
  return skipped ~= nil
end

function steer.connected(headers)
  return headers:get(":authority") ~= UNSENT
end

return steer
