-- Numbers in 0..1 that differ from worker to worker: LuaJIT's generator begins with the same ones in each.
local chance = {}

local function seed()
  local source = io.open("/dev/urandom", "rb")
  local bytes = source and source:read(6)
  if source then
    source:close()
  end
  if not bytes or #bytes < 6 then
    return os.time() + os.clock() * 1e6
  end
  local number = 0
  for index = 1, 6 do
    number = number * 256 + bytes:byte(index)
  end
  return number
end

math.randomseed(seed())

function chance.draw()
  return math.random()
end

return chance
