-- The script's part of the record's line, for the common request: one try, answered as a whole, and no letter in it that
-- JSON would have to escape. Envoy writes all other lines from the notes, which costs it as much as a whole hop.
local line = {}

local format = string.format
local ODD = '[%z\1-\31"\\\127-\255]'

local function text(value)
  return value and '"' .. value .. '"' or "null"
end

local function part(name, value)
  return value and format(',"%s":"%s"', name, value) or ""
end

local WHOSE = '"id":%s,"policy":%s,"revision":%s,"tenant":%s,"feature":%s,"step":%s,"class":%s'
local WHERE = '"model":%s,"rule":%s,"score":null,"tier":%s,"target":%s,"rung":%d,"stream":%s,"path":%s,"host":%s'
local CAME = '"attempts":[{"target":%s,"status":%d,"reason":"%s","ms":%d}],"served":{%s},"skipped":null'
local REST = '"reason":%s,"method":%s,"tokens":{"in":%s,"out":%s}'

local function plain(decision, served)
  local d = decision
  local words = (d.path or "") .. (d.host or "") .. (d.feature or "") .. (d.step or "") .. (d.class or "") .. (d.id or "")
  return not (words .. (d.method or "") .. (served.endpoint or "") .. (served.hardware or "")):find(ODD)
end

-- nil where Envoy has to write it.
function line.of(decision, try, served, tokens)
  local d = decision
  if not plain(decision, served) then
    return nil
  end
  local whose = format(WHOSE, text(d.id), text(d.policy), text(d.revision), text(d.tenant), text(d.feature), text(d.step), text(d.class))
  local where = format(WHERE, text(d.model), text(d.rule), text(d.tier), text(d.target), d.rung, tostring(d.stream), text(d.path), text(d.host))
  local by = part("tier", served.tier) .. part("model", served.model) .. part("hardware", served.hardware) .. part("endpoint", served.endpoint)
  local came = format(CAME, text(try.target), try.status, try.reason, try.ms, by:sub(2))
  local into = tokens and format("%.0f", tokens["in"]) or "null"
  local out = tokens and format("%.0f", tokens.out) or "null"
  local rest = format(REST, text(d.reason), text(d.method), into, out)
  return whose .. "," .. where .. "," .. came .. "," .. rest
end

return line
