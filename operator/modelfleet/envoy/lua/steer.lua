-- How Envoy is told where the next try goes. Between two tries it passes the gate: a cluster that nobody can connect
-- to, whose only purpose is that the attempt script runs there, sees what became of the try, and names the next.
local steer = {}

local WAY = "modelfleet.way"
local TURN, UNSENT = "x-modelfleet-turn", "-"
local GATE = { name = "gate" }

-- `made` is how often Envoy has tried so far, the gate included: it counts on from there through the groups.
function steer.towards(handle, headers, cluster, made)
  local groups = {}
  for index = 1, made do
    groups[index] = GATE
  end
  groups[made + 1] = { name = "next", clusters = { { cluster_name = cluster, weight = 1 } } }
  groups[made + 2] = GATE
  handle:streamInfo():dynamicMetadata():set(WAY, "priority_groups", groups)
  -- Envoy writes the endpoint's name here as soon as there is a connection: where it is unchanged there was none.
  headers:replace(":authority", UNSENT)
end

-- What the try has to do to the request before it goes out: nothing ("plain"), or the model's name in it ("rename").
function steer.mark(headers, turn)
  headers:replace(TURN, turn)
end

-- Taken off by the try itself, so that who still finds it knows that there was no try.
function steer.take_mark(headers)
  local turn = headers:get(TURN)
  headers:remove(TURN)
  return turn
end

function steer.connected(headers)
  return headers:get(":authority") ~= UNSENT
end

return steer
