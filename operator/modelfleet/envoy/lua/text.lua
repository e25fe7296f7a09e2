-- Text in and out of JSON, and the headers that carry it.
local text = {}

local NAMED = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(letter)
  return NAMED[letter] or string.format("\\u%04x", letter:byte())
end

-- A JSON string.
function text.quote(words)
  return '"' .. words:gsub('[%z\1-\31"\\\127]', escape) .. '"'
end

-- Most requests ask for a host that one before them asked for.
local hosts, known = {}, 0
local MANY, LONG = 1024, 128

-- Which host a request asks for, as policies name hosts: in lower case, without port and without a dot at the end.
function text.host(authority)
  if hosts[authority] then
    return hosts[authority]
  end
  local host = authority:lower()
  if host:sub(1, 1) ~= "[" then
    host = host:gsub(":%d*$", "")
  end
  host = host:gsub("%.$", "")
  if #authority <= LONG then
    if known >= MANY then
      hosts, known = {}, 0
    end
    hosts[authority], known = host, known + 1
  end
  return host
end

-- The path without what follows a question mark.
function text.path(target)
  local mark = target:find("?", 1, true)
  return mark and target:sub(1, mark - 1) or target
end

-- What %xx in a path stands for.
function text.unescape(words)
  return (words:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

local UNITS = { h = 3600000, m = 60000, s = 1000, ms = 1 }

-- The milliseconds of "250ms", "1m30s", or a plain number of seconds such as "2.5"; nil for anything else.
function text.milliseconds(words)
  if words:find("^%d+%.?%d*$") and #words <= 12 then
    return math.floor(tonumber(words) * 1000)
  end
  if #words == 0 or #words > 32 then
    return nil
  end
  local total, at = 0, 1
  while at <= #words do
    local number, unit, after = words:match("^(%d+)(%a+)()", at)
    if not number or not UNITS[unit] or #number > 9 then
      return nil
    end
    total, at = total + tonumber(number) * UNITS[unit], after
  end
  return total
end

return text
