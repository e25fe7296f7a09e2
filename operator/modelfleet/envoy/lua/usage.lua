-- The tokens that an engine says it read and wrote, from the end of its answer.
local usage = {}

local TAIL = 2048
local NUMBER, QUOTE = '^"%s*:%s*(%d+)', 0x22
local find, match, byte = string.find, string.match, string.byte
local MOST_DIGITS = 15 -- beyond, a number is none that an engine can mean, or that stays itself in a record

-- The number of the last field of this name that has one. What is looked for begins with a letter and not with the
-- quote, of which there are many.
local function last(tail, name)
  local number, from, to = nil, 1, nil
  while true do
    from, to = find(tail, name, from, true)
    if not from then
      return number
    end
    if byte(tail, from - 1) == QUOTE then
      number = match(tail, NUMBER, to + 1) or number
    end
    from = to + 1
  end
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
