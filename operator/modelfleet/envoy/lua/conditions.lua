-- Whether a rule's `when` holds for a request. Everything that is said in it must hold.
local conditions = {}

local function compare(bound, number)
  local sign, limit = bound.sign, bound.number
  if sign == "<" then
    return number < limit
  elseif sign == "<=" then
    return number <= limit
  elseif sign == ">" then
    return number > limit
  end
  return number >= limit
end

local function some(values, wanted)
  for _, value in ipairs(values) do
    if value == wanted then
      return true
    end
  end
  return false
end

-- What is at an item of a request, such as `messages` or `header:x-retrieval`: a kind, or nil where nothing is.
local function kind(item, request)
  if item.header then
    local values = request.header(item.header)
    if #values == 0 then
      return nil
    end
    return some(values, "") and "empty" or "string"
  end
  return request.kind(item.path)
end

local CHECKS = {}

function CHECKS.headers(headers, request)
  for name, wanted in pairs(headers) do
    if not some(request.header(name), wanted) then
      return false
    end
  end
  return true
end

function CHECKS.path(path, request)
  if path.prefix then
    return request.path:sub(1, #path.text) == path.text
  end
  return request.path == path.text
end

function CHECKS.promptBytes(bound, request)
  return compare(bound, request.prompt_bytes)
end

function CHECKS.maxTokens(bound, request)
  return request.max_tokens ~= nil and compare(bound, request.max_tokens)
end

function CHECKS.missing(items, request)
  for _, item in ipairs(items) do
    local found = kind(item, request)
    if found == nil or found == "null" then
      return true
    end
  end
  return false
end

function CHECKS.empty(items, request)
  for _, item in ipairs(items) do
    if kind(item, request) == "empty" then
      return true
    end
  end
  return false
end

local function equals(field)
  CHECKS[field] = function(wanted, request)
    return request[field] == wanted
  end
end

equals("step")
equals("feature")
equals("tenant")
equals("class")
equals("tools")
equals("stream")

-- They walk through the whole body, so they are asked last.
local DEAR = { missing = true, empty = true }

local function each_holds(when, request, dear)
  for name, wanted in pairs(when) do
    local check = CHECKS[name]
    if (DEAR[name] or false) == dear and not (check and check(wanted, request)) then
      return false
    end
  end
  return true
end

-- No condition at all holds for every request; one that this script does not know holds for none.
function conditions.hold(when, request)
  return not when or (each_holds(when, request, false) and each_holds(when, request, true))
end

return conditions
