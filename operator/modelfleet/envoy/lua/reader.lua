-- Finds the facts of a chat request in its body, and judges the whole body as a strict parser would.
--
-- Gateway and engine must read a body alike, or a caller could be let in as one and served as another.
-- So every byte is scanned even when all facts are known, what RFC 8259 does not allow is refused, and
-- so is a watched key that comes twice, because parsers disagree on which of the two counts.
--
-- Three decisions that the RFC leaves open. An escape of half a surrogate pair is let through, as Python's
-- json does; in the name of a model it becomes U+FFFD, since UTF-8 has no form for it. Containers nest
-- at most 512 deep. Numbers may be of any size: what overflows a double is infinite, and so are numbers of
-- more than 64 KiB, which are too long to be fetched.
--
-- The body is never held as one string: LuaJIT maps and unmaps memory for each string of 128 KB or
-- more, which costs more than the copy. Slices go through one buffer, which is safe to share because
-- nothing yields between the first fetch and the last.

local bit = require("bit")
local ffi = require("ffi")
local grammar = require("reader_grammar")
local sized = require("table.new")

local band, bor, bxor, rshift = bit.band, bit.bor, bit.bxor, bit.rshift
local at = grammar.at

local reader = { SLICE = 65536 } -- more at a time is what a long body costs least with

local MAX_DEPTH = 512
local CAPACITY = 65536
local PADDING = 64 -- zero bytes after a slice: every state stops at them, so loops need not look for its end

local block = ffi.new("uint8_t[?]", CAPACITY + PADDING)
local scratch_block = ffi.new("uint8_t[?]", CAPACITY)
local stack_block = ffi.new("uint16_t[?]", MAX_DEPTH + 1)
-- Pointers and not the arrays: LuaJIT compiles a pointer in as a constant, and checks an array each time.
local buffer = ffi.cast("uint8_t*", block)
local scratch = ffi.cast("uint8_t*", scratch_block)
local stack = ffi.cast("uint16_t*", stack_block)
local classes = ffi.cast("uint8_t*", grammar.classes)
local transitions = ffi.cast("uint16_t*", grammar.transitions)
local follows = ffi.cast("uint16_t*", grammar.follows)
local short, none = ffi.cast("uint8_t*", grammar.short), ffi.cast("uint8_t*", grammar.none)
local word_pointer = ffi.typeof("int64_t*")
-- The blocks and tables live as long as the module does.
reader.anchors = { block, scratch_block, stack_block, grammar }

local TOPKEY_BULK = at.TOPKEY_BULK
local FIRST_ACTION, FIRST_BULK = grammar.FIRST_ACTION, grammar.FIRST_BULK
local FIRST_OPEN_ARRAY, FIRST_OPEN_OBJECT = grammar.FIRST_OPEN_ARRAY, grammar.FIRST_OPEN_OBJECT
local STOP, CLOSE = at.STOP, at.CLOSE
local TOPKEY_ESCAPES, TOPKEY_START, TOPKEY_END = at.TOPKEY_ESCAPES, at.TOPKEY_START, at.TOPKEY_END
local TOP_VALUE_START, TOP_NUMBER_END = at.TOP_VALUE_START, at.TOP_NUMBER_END
local TOP_START, TOP_AFTER, END = at.TOP_START, at.TOP_AFTER, at.END
local OBJ_START, ARR_START = at.OBJ_START, at.ARR_START

local KINDS = {
  [0x22] = "string", [0x5B] = "array", [0x7B] = "object", [0x74] = "boolean", [0x66] = "boolean", [0x6E] = "null",
}
local hex = ffi.new("uint8_t[256]")
for value = 0, 15 do
  hex[("%x"):format(value):byte()], hex[("%X"):format(value):byte()] = value, value
end
local SIMPLE_ESCAPES = { [0x62] = 8, [0x66] = 12, [0x6E] = 10, [0x72] = 13, [0x74] = 9 }

local HIGH = 0x8080808080808080ULL
-- Times this, the lowest bit of a byte pushes the number of that byte to the top.
local NUMBERS = 0ULL
for number = 1, 7 do
  NUMBERS = NUMBERS + bit.lshift(number + 0ULL, 61 - 8 * number)
end

-- The high bits of those of 8 bytes that are no plain text: that of (b ^ 2) - 0x21 is set for a control character and
-- for the quote, that of (b ^ 0x5C) - 1 for the backslash, and that of b for what is not ASCII. Borrows go up only
-- from a byte that is found, so the lowest is always right.
local function odd_bytes(word)
  return band(bor(bxor(word, 0x0202020202020202LL) - 0x2121212121212121LL,
    bxor(word, 0x5C5C5C5C5C5C5C5CLL) - 0x0101010101010101LL, word), HIGH)
end

-- The first place from `place` on that is no plain text, nor an escape whose second byte is in `passed`. A word is looked
-- at again where something is found: a number of 64 bits that leaves a loop is an object to LuaJIT, made at each turn.
local function after_plain_text(place, passed)
  while true do
    if odd_bytes(ffi.cast(word_pointer, buffer + place)[0]) == 0 then
      place = place + 8
    else
      local found = odd_bytes(ffi.cast(word_pointer, buffer + place)[0])
      place = place + tonumber(rshift(rshift(band(found, -found), 7) * NUMBERS, 61))
      if buffer[place] ~= 0x5C or passed[buffer[place + 1]] == 0 then
        return place
      end
      place = place + 2
      -- Ends of lines come in pairs; a pair that is taken as one is a wrong guess of the processor's less.
      if buffer[place] == 0x5C and passed[buffer[place + 1]] ~= 0 then
        place = place + 2
      end
    end
  end
end

local function hex4(bytes, place)
  return hex[bytes[place]] * 4096 + hex[bytes[place + 1]] * 256 + hex[bytes[place + 2]] * 16 + hex[bytes[place + 3]]
end

local function put_utf8(out, code)
  if code < 0x80 then
    scratch[out] = code
    return out + 1
  elseif code < 0x800 then
    scratch[out], scratch[out + 1] = bor(0xC0, rshift(code, 6)), bor(0x80, band(code, 63))
    return out + 2
  elseif code < 0x10000 then
    scratch[out], scratch[out + 1] = bor(0xE0, rshift(code, 12)), bor(0x80, band(rshift(code, 6), 63))
    scratch[out + 2] = bor(0x80, band(code, 63))
    return out + 3
  end
  scratch[out], scratch[out + 1] = bor(0xF0, rshift(code, 18)), bor(0x80, band(rshift(code, 12), 63))
  scratch[out + 2], scratch[out + 3] = bor(0x80, band(rshift(code, 6), 63)), bor(0x80, band(code, 63))
  return out + 4
end

-- The code point of the \u escape at `place`, and the place after it: a pair of surrogates is one.
local function escaped_code(bytes, place, length)
  local code = hex4(bytes, place + 2)
  place = place + 6
  if code < 0xD800 or code > 0xDFFF then
    return code, place
  end
  if code < 0xDC00 and place + 6 <= length and bytes[place] == 0x5C and bytes[place + 1] == 0x75 then
    local low = hex4(bytes, place + 2)
    if low >= 0xDC00 and low <= 0xDFFF then
      return 0x10000 + (code - 0xD800) * 1024 + low - 0xDC00, place + 6
    end
  end
  return 0xFFFD, place
end

-- Writes the inside of a valid string to `scratch`, unescaped, and returns how long it has become. It never
-- becomes longer, so that `bytes` may be `scratch` itself.
local function unescape(bytes, length)
  local place, out = 0, 0
  while place < length do
    local byte = bytes[place]
    if byte ~= 0x5C then
      scratch[out] = byte
      place, out = place + 1, out + 1
    elseif bytes[place + 1] == 0x75 then
      local code
      code, place = escaped_code(bytes, place, length)
      out = put_utf8(out, code)
    else
      byte = bytes[place + 1]
      scratch[out] = SIMPLE_ESCAPES[byte] or byte
      place, out = place + 2, out + 1
    end
  end
  return out
end

-- Names by their length and first byte, which tell nearly every other key apart without making a string of it.
local function name_table(names)
  local keyed = { longest = 0 }
  for _, name in ipairs(names) do
    keyed[#name * 256 + (name:byte(1) or 0)] = name
    keyed.longest = math.max(keyed.longest, #name * 6) -- a byte may be written as an escape of six
  end
  keyed.longest = math.min(keyed.longest, CAPACITY)
  return keyed
end

-- What calls `fetch` or runs once per body is interpreted. Compiled, it would be compiled anew for each closure
-- that `fetch` is, and these traces would use up the hundred that LuaJIT hangs on the loop of `scan`.
local function interpreted(call)
  jit.off(call)
  return call
end

local fetch_scratch = interpreted(function(fetch, from, length)
  ffi.copy(scratch, fetch(from, length), length)
end)

-- The name among `names` that a key spells, if any. `from` is the key's place in the buffer, which is negative
-- for a key that began in an earlier slice.
local function name_of(names, fetch, base, from, length, escaped)
  if length > names.longest then
    return false
  end
  local bytes = buffer + from
  if from < 0 then
    fetch_scratch(fetch, base + from, length)
    bytes = scratch
  end
  if escaped then
    length = unescape(bytes, length)
    bytes = scratch
  end
  local name = names[length * 256 + (length > 0 and bytes[0] or 0)]
  return name and ffi.string(bytes, length) == name and name
end

local function note(found, name, kind, from, to)
  if found.kinds[name] then
    found.twice = found.twice or name
  end
  found.kinds[name], found.from[name], found.to[name] = kind, from, to
end

-- Reads the next slice into the buffer and returns its length, which is 0 at the end of the body.
local next_slice = interpreted(function(fetch, base, length)
  local count = math.min(reader.SLICE, CAPACITY, length - base)
  if count > 0 then
    local slice = fetch(base, count)
    assert(#slice == count, "the body is shorter than its length")
    ffi.copy(buffer, slice, count)
  end
  ffi.fill(buffer + count, PADDING)
  return count
end)

-- Scans the whole body, and notes in `found` the values of the names in the last of `levels`: the first level
-- is the top of the body, and each further one an object that a name of the level before it holds.
-- Returns nothing for a valid body, else what is wrong and at which byte.
--
-- One loop without another in it, as an outer loop that LuaJIT gives up on would take with it all that leads there.
local function scan(fetch, length, levels, found)
  local target = #levels
  local base, count, place, state, depth = 0, 0, 0, at.DOC_VALUE, 0
  local key_from, escaped, name, value_from, kind = 0, false, false, 0, "null"
  ffi.fill(buffer, PADDING)
  while true do
    local before = state
    state = transitions[state + classes[buffer[place]]]
    place = place + 1
    if state >= FIRST_ACTION then
      local action = state
      state = follows[action]
      if action >= FIRST_BULK then
        place = after_plain_text(place, action == TOPKEY_BULK and none or short) -- a key's escapes are to be told
      elseif action >= FIRST_OPEN_ARRAY then
        if depth == MAX_DEPTH then
          return "nested more than 512 deep", base + place - 1
        end
        depth = depth + 1
        stack[depth] = state
        if action < FIRST_OPEN_OBJECT then
          state = ARR_START
        elseif state == END or (state == TOP_AFTER and name and depth <= target) then
          state, found.object = TOP_START, true
        else
          state = OBJ_START
        end
      elseif action == CLOSE then
        state = stack[depth]
        depth = depth - 1
        if state == TOP_AFTER and name and depth == target then
          kind = (before == OBJ_START or before == ARR_START) and "empty" or kind
          note(found, name, kind, value_from, base + place)
        end
      elseif action == TOPKEY_START then
        key_from, escaped = base + place, false
      elseif action == TOPKEY_ESCAPES then
        escaped = true
      elseif action == TOPKEY_END then
        local size = base + place - 1 - key_from
        name = name_of(levels[depth], fetch, base, key_from - base, size, escaped)
        if name and depth < target then
          found.kinds = {} -- of keys that come twice the last counts
        end
      elseif action == TOP_VALUE_START then
        place = place - 1
        if name then
          value_from, kind = base + place, KINDS[buffer[place]] or "number"
        end
      elseif action ~= STOP then
        place = action == TOP_NUMBER_END and place - 1 or place
        if name and depth == target then
          kind = kind == "string" and base + place - value_from == 2 and "empty" or kind
          note(found, name, kind, value_from, base + place)
        end
      elseif place <= count then
        return grammar.expects[before], base + place - 1
      else
        state, base, place = before, base + count, 0
        count = next_slice(fetch, base, length)
        if count == 0 then
          return not grammar.complete[state] and "the body ends too early" or nil, length
        end
      end
    end
  end
end

local PROMPTS = { "messages", "prompt", "input" }
local LIMITS = { "max_completion_tokens", "max_tokens", "max_output_tokens" }
local WATCHED = { "model", "stream", "tools", "functions" }
local USUAL = 4
local FACTS = 16 -- those that are found here, and what the gateway adds of the request
for _, names in ipairs({ PROMPTS, LIMITS }) do
  for _, name in ipairs(names) do
    WATCHED[#WATCHED + 1] = name
  end
end
local TOP_LEVEL = { name_table(WATCHED) }

-- With room for what is usually found: a table that grows is made anew at its first key, second, third and fifth.
local function new_findings()
  return { kinds = sized(0, USUAL), from = sized(0, USUAL), to = sized(0, USUAL) }
end

-- Sets the model in `facts`, or returns what is wrong with it. An empty name is as good as none.
local add_model = interpreted(function(facts, found, fetch)
  local kind, from, to = found.kinds.model, found.from.model, found.to.model
  if not kind or kind == "null" or (kind == "empty" and fetch(from, 1) == '"') then
    return nil
  elseif kind ~= "string" then
    return '"model" is not a string'
  elseif to - from - 2 > CAPACITY then
    return '"model" is longer than 65536 bytes'
  end
  local length = to - from - 2
  fetch_scratch(fetch, from + 1, length)
  facts.model = ffi.string(scratch, unescape(scratch, length))
  facts.model_from, facts.model_to = from, to
  return nil
end)

local token_limit = interpreted(function(found, fetch)
  for _, name in ipairs(LIMITS) do
    if found.kinds[name] == "number" then
      local from, length = found.from[name], found.to[name] - found.from[name]
      return length > CAPACITY and math.huge or tonumber(fetch(from, length))
    end
  end
  return nil
end)

-- The facts of a body of `length` bytes, of which `fetch(offset, count)` returns a part as a string; or nil,
-- a code and a message, which quotes nothing of the body but a watched name. What is malformed is told
-- first, wherever it stands, because the other refusals speak of a body that could be read.
reader.read = interpreted(function(fetch, length)
  local found = new_findings()
  local problem, place = scan(fetch, length, TOP_LEVEL, found)
  if problem then
    return nil, "malformed_json", ("malformed JSON at byte %d: %s"):format(place, problem)
  elseif not found.object then
    return nil, "not_an_object", "the body is not a JSON object"
  elseif found.twice then
    return nil, "duplicate_key", ('"%s" is there more than once'):format(found.twice)
  end
  local kinds = found.kinds
  local facts = sized(0, FACTS)
  facts.kinds, facts.prompt_bytes = kinds, 0
  local invalid = add_model(facts, found, fetch)
  if invalid then
    return nil, "invalid_model", invalid
  end
  facts.stream = kinds.stream == "boolean" and found.to.stream - found.from.stream == #"true"
  facts.tools = kinds.tools == "array" or kinds.functions == "array"
  facts.max_tokens = token_limit(found, fetch)
  for _, name in ipairs(PROMPTS) do
    if kinds[name] then
      facts.prompt_bytes = facts.prompt_bytes + found.to[name] - found.from[name]
    end
  end
  return facts
end)

-- The kind of the value at a path of keys such as "metadata.ticket", or nil where there is none. Objects are
-- entered and arrays are not. Scans the body once more, and trusts it to be one that `read` accepted.
reader.kind_at = interpreted(function(fetch, length, path)
  local levels, found, last = {}, new_findings(), nil
  for name in (path .. "."):gmatch("([^.]*)%.") do
    levels[#levels + 1] = name_table({ name })
    last = name
  end
  scan(fetch, length, levels, found)
  return found.kinds[last]
end)

-- LuaJIT decides for the life of a process what it compiles a loop to, by what it happens to meet first; a loop
-- that is left too often while it is being compiled is given up for good. So the first bodies are ours, and no
-- caller can make a worker slow for all who come after: each loop by itself, in the one way that should be its
-- straight line, and then some of everything. The long number takes the loop of `scan` through no action at all.
local function warm_up()
  ffi.fill(buffer, CAPACITY, 0x61)
  after_plain_text(0, short)
  ffi.fill(scratch, CAPACITY, 0x61)
  unescape(scratch, CAPACITY)
  local some = '"model":"abc","aaaaa":1,"modem":[{},{"a":[]},"bcdefghijklmnopqrstuvwxyz",'
    .. '-1.5e3,true,"\\n"],"b":"","c":null,'
  local escapes = '"\\u006d\\n\\u00e9\\ud83d\\ude00\\u20ac":{"a":"\\u0041"},'
  for _, body in ipairs({ ("1"):rep(30000), "{" .. (some .. escapes):rep(300) .. '"a":1}' }) do
    for _ = 1, 3 do
      reader.read(function(offset, count)
        return body:sub(offset + 1, offset + count)
      end, #body)
    end
  end
end
warm_up()

return reader
