-- The script's part of the record's line, for the common request: one try, and no letter in it that JSON would have to
-- escape. Envoy writes all other lines from the notes, which costs it as much as a whole hop. The head is what is known
-- of a request when it is sent, the tail what has become of it since; a head is also how its decision is noted.
local plain = require("plain")

jit.off(true, true) -- as in judge.lua

local line = {}

local find, format = string.find, string.format
local ODD = '[%z\1-\31"\\\127-\255]'
local MANY, LONG = 4096, 128

-- By a word the same in quotes, or false where it would have to be escaped. Most words come again with each request.
local quotes, known = {}, 0

local function quote(word)
  return not find(word, ODD) and '"' .. word .. '"'
end

local function text(word)
  if not word then
    return "null"
  end
  local found = quotes[word]
  if found == nil then
    if #word > LONG then
      return quote(word)
    elseif known >= MANY then
      quotes, known = {}, 0
    end
    found = quote(word)
    quotes[word], known = found, known + 1
  end
  return found
end

-- nil where Envoy has to write the record.
function line.head(decision)
  local d = decision
  local id, step = not d.id and "null" or quote(d.id), not d.step and "null" or quote(d.step)
  local policy, revision, tenant, feature = text(d.policy), text(d.revision), text(d.tenant), text(d.feature)
  local class, model, rule, tier = text(d.class), text(d.model), text(d.rule), text(d.tier)
  local target, path, host, method = text(d.target), text(d.path), text(d.host), text(d.method)
  if not (id and step and feature and class and path and host and method) then
    return nil
  elseif not (policy and revision and tenant and model and rule and tier and target) then
    return nil
  end
  return '"id":' .. id .. ',"policy":' .. policy .. ',"revision":' .. revision .. ',"tenant":' .. tenant
    .. ',"feature":' .. feature .. ',"step":' .. step .. ',"class":' .. class .. ',"model":' .. model
    .. ',"rule":' .. rule .. ',"score":null,"tier":' .. tier .. ',"target":' .. target .. ',"rung":' .. d.rung
    .. (d.stream and ',"stream":true,"path":' or ',"stream":false,"path":') .. path .. ',"host":' .. host
    .. ',"method":' .. method
end

-- The decision that a head was made of.
function line.decision(head)
  return plain.read("{" .. head .. "}")
end

local function part(name, word)
  if not word then
    return ""
  end
  local found = text(word)
  return found and ',"' .. name .. '":' .. found
end

local function served_words(served)
  if not served then
    return "null"
  end
  local tier, model = part("tier", served.tier), part("model", served.model)
  local hardware, endpoint = part("hardware", served.hardware), part("endpoint", served.endpoint)
  return tier and model and hardware and endpoint and "{" .. (tier .. model .. hardware .. endpoint):sub(2) .. "}"
end

-- How a line begins whose end is not known yet: up to the target of its first try. nil as above.
function line.first(head, try)
  local target = text(try.target)
  return target and head .. ',"attempts":[{"target":' .. target
end

-- How it goes on. nil as above, and what nobody told is null.
function line.tail(try, served, reason, tokens)
  local by = served_words(served)
  if not by then
    return nil
  end
  local count = "null,\"out\":null}"
  if tokens then
    count = format('%.0f,"out":%.0f}', tokens["in"], tokens.out)
  end
  return ',"status":' .. try.status .. ',"reason":"' .. try.reason .. '","ms":' .. try.ms .. '}],"served":' .. by
    .. ',"skipped":null,"reason":' .. text(reason) .. ',"tokens":{"in":' .. count
end

return line
