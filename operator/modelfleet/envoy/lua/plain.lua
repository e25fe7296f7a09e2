-- Reads the JSON in which the operator writes a plan, and trusts it to be well-formed. Bodies of requests, which nobody
-- may trust, are the reader's.
local plain = {}

local NAMED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local WORDS = { ["true"] = true, ["false"] = false }
local value

local function unescaped(letter, digits)
  if letter == "u" then
    return string.char(tonumber(digits, 16)) -- only control characters are written so
  end
  return (NAMED[letter] or letter) .. digits
end

-- The string that begins with the quote at `from`, and the place after it.
local function text(json, from)
  local at, escapes = from + 1, false
  local stop = json:find('["\\]', at)
  while json:byte(stop) == 0x5C do
    escapes = true
    stop = json:find('["\\]', stop + 2)
  end
  local words = json:sub(at, stop - 1)
  return escapes and words:gsub("\\(.)(%x?%x?%x?%x?)", unescaped) or words, stop + 1
end

local function list(json, at)
  local items = {}
  while json:byte(at) ~= 0x5D do
    items[#items + 1], at = value(json, json:match("^,?()", at))
  end
  return items, at + 1
end

local function object(json, at)
  local fields = {}
  while json:byte(at) ~= 0x7D do
    local name
    name, at = text(json, json:match("^,?()", at))
    fields[name], at = value(json, at + 1)
  end
  return fields, at + 1
end

value = function(json, at)
  local first = json:sub(at, at)
  if first == '"' then
    return text(json, at)
  elseif first == "{" then
    return object(json, at + 1)
  elseif first == "[" then
    return list(json, at + 1)
  end
  local word, after = json:match("^([%w.+-]+)()", at)
  if WORDS[word] ~= nil then
    return WORDS[word], after
  end
  return tonumber(word), after
end

-- What a text without any white space between its parts says. What is null is not there.
function plain.read(json)
  return (value(json, 1))
end

return plain
