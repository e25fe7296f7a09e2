-- The tokens that an engine says it read and wrote, from the end of its answer.
local usage = {}

local TAIL = 2048

-- In the words of a model the quotes around a name are escaped, so only a field of the answer itself is found.
function usage.find(tail)
  local into, out = tail:match('.*"prompt_tokens"%s*:%s*(%d+)'), tail:match('.*"completion_tokens"%s*:%s*(%d+)')
  return into and { ["in"] = tonumber(into), out = tonumber(out or "0") }
end

function usage.tail(buffer)
  local length = buffer:length()
  local from = math.max(0, length - TAIL)
  return length > 0 and buffer:getBytes(from, length - from) or ""
end

function usage.join(before, after)
  return (before .. after):sub(-TAIL)
end

return usage
