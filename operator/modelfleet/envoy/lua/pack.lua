-- What is noted of a request that is sent, in one short text: a note of many fields costs Envoy more than a hop, at each
-- time that it is written or read. Whatever comes after the first try writes it out into notes of fields.
local line = require("line")

jit.off(true, true) -- as in judge.lua

local pack = {}

local format, match = string.format, string.match
local NONE = "-"

-- No word before the last has an end of a line in it, and none is empty.
local HEAD = "^(%d+) (%d+) (%d)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n"
local STATE = "^(%a+) (%d+) (%S+) (%d+) (%S+) (%S+) (%S+) (%d+) (%d+)\n(.*)$"
local NUMBERS = "%s %d %.17g %d %.17g %.17g %.17g %d %d\n"

-- `state` is what the gate has to know of it, `length` how much of the record's line tells of the decision.
function pack.close(decision, state, began, length)
  local d, s = decision, state
  local kind, place = next(s.wanted)
  local numbers = format(NUMBERS, kind, place, s.spot, s.seen, s.bound, s.total, s.till, s.from, s.length)
  return format("%d %d ", began, length) .. (d.passes and "1\n" or "0\n") .. (d.id or NONE) .. "\n" .. d.policy .. "\n"
    .. d.rule .. "\n" .. (d.tier or NONE) .. "\n" .. d.target .. "\n" .. numbers .. s.written
end

-- What every answer to a first try says of it. Nothing where scripts of another version packed it.
function pack.first(packed)
  local began, length, passes, id, policy, rule, tier, target = match(packed, HEAD)
  if not began then
    return {}
  end
  return {
    decision = {
      id = id ~= NONE and id or nil,
      policy = policy,
      rule = rule,
      tier = tier ~= NONE and tier or nil,
      target = target,
      rung = 0,
      reason = "wanted",
      passes = passes == "1",
    },
    attempts = { { target = target, status = 0, reason = "abandoned", ms = 0 } },
    sent = true,
    began = tonumber(began),
    length = tonumber(length),
    packed = true,
  }
end

-- All that was known when it was sent: what is noted of it in fields, and the state of the gate.
-- `words` is how its line begins.
function pack.open(packed, words)
  local first = pack.first(packed)
  if not first.packed then
    return first
  end
  local decision = line.decision(words:sub(1, first.length))
  decision.reason, decision.passes, decision.rung = "wanted", first.decision.passes, 0
  first.decision, first.length, first.packed = decision, nil, nil
  local at = select(2, packed:find(HEAD)) + 1
  local kind, place, spot, seen, bound, total, till, from, length, written = match(packed:sub(at), STATE)
  local state = {
    wanted = { [kind] = tonumber(place) },
    tier = decision.tier,
    spot = tonumber(spot),
    seen = tonumber(seen),
    bound = tonumber(bound),
    total = tonumber(total),
    till = tonumber(till),
    from = tonumber(from),
    length = tonumber(length),
    written = written,
    rung = 1,
    repeats = 0,
    made = 0,
  }
  return first, state
end

return pack
