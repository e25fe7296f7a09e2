-- The tokens that an engine says it read and wrote, from the end of its answer.
local usage = {}

local TAIL = 2048
local MOST_DIGITS = 15 -- beyond, a number is none that an engine can mean, or that stays itself in a record

-- Held to the beginning: else a name that is not there is looked for again from each of the bytes.
local function last(tail, name)
  return tail:match('^.*"' .. name .. '"%s*:%s*(%d+)')
end

-- In the words of a model the quotes around a name are escaped, so only a field of the answer itself is found.
function usage.find(tail)
  local into, out = last(tail, "prompt_tokens"), last(tail, "completion_tokens")
  if not into then
    into, out = last(tail, "input_tokens"), last(tail, "output_tokens") -- as /v1/responses and /v1/messages call them
  end
  if not into or #into > MOST_DIGITS or #(out or "") > MOST_DIGITS then
    return nil
  end
  return { ["in"] = tonumber(into), out = tonumber(out or "0") }
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
