-- What a request looks like to the model that it goes to: its path, whose credentials go along, its name in the body.
local text = require("text")

local upstreams = {}

local PREFIX = "/v1/"
local SECRETS = { "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie" }

-- Lines of one name become one, joined by a comma; but between two cookies that would break both.
local function whole(headers, name)
  local value, count = headers:get(name), headers:getNumValues(name)
  if name ~= "cookie" or count < 2 then
    return value
  end
  local cookies = {}
  for index = 0, count - 1 do
    cookies[index + 1] = headers:getAtIndex(name, index)
  end
  return table.concat(cookies, "; ")
end

-- What a later try needs of the request as it came, and an earlier one may have changed or taken off. Nothing where no
-- model of the policy wants it, which is nearly always.
function upstreams.keep(headers, plan)
  if not plan.keeps then
    return nil
  end
  local kept = { [":path"] = headers:get(":path") }
  if plan.passes then
    for _, name in ipairs(SECRETS) do
      kept[name] = whole(headers, name)
    end
  end
  return kept
end

-- `kept` is given at a later try. What an earlier one put on, such as the key of its host, then goes in any case.
function upstreams.dress(headers, model, kept)
  if kept then
    headers:replace(":path", kept[":path"])
  end
  for _, name in ipairs(SECRETS) do
    local own = model.passThrough and kept and kept[name]
    if own then
      headers:replace(name, own)
    elseif kept or not model.passThrough then
      headers:remove(name)
    end
  end
  if model.path then
    headers:replace(":path", model.path .. headers:get(":path"):sub(#PREFIX))
  end
end

-- Writes the name where one stands that is `length` bytes long with its quotes, and gives back how long it is now.
function upstreams.rename(body, from, length, name)
  local quoted = text.quote(name)
  local to, whole = from + length, body:length()
  local before = from > 0 and body:getBytes(0, from) or ""
  local after = to < whole and body:getBytes(to, whole - to) or ""
  body:setBytes(before .. quoted .. after)
  return #quoted
end

-- Whether any model of the plan has a path of its own, and whether any takes the caller's own credentials.
function upstreams.wants(plan)
  local hosted, passes = false, false
  local function look(models)
    for _, model in ipairs(models or {}) do
      hosted, passes = hosted or model.path ~= nil, passes or model.passThrough == true
    end
  end
  for _, tier in ipairs(plan.tiers) do
    look(tier.models)
  end
  for _, rule in ipairs(plan.rules) do
    look(rule.models)
  end
  return hosted or passes, passes
end

return upstreams
