-- The grammar of JSON (RFC 8259) as one table of transitions, made once when the module loads.
--
-- Why a table and not a hand-written parser: LuaJIT compiles loops, not programs. A loop of one table
-- look-up per byte is one short machine loop whatever the body holds, where a parser of many branches
-- becomes dozens of traces that take turns. A state is also all there is to remember, so that a body
-- may be cut anywhere, inside an escape, a number or a UTF-8 sequence, and the scan simply goes on.
--
-- A state is a number that is ready to be added to: its row's place in the table. States from
-- `FIRST_ACTION` on ask the scanner to do something that no table can: count depth, skip text in
-- bulk, note a key. Values come in contexts, which differ in what may follow them: DOC is the whole
-- body, TOP a value of an object whose keys are told, OBJ and ARR values of all other containers.

local ffi = require("ffi")

jit.off(true, true) -- it runs once, and what is compiled keeps for good what it was compiled with

local WIDTH = 64 -- a row has a place for each class of bytes, and a power of two keeps rows apart
local RUN = 6 -- so many bytes of plain text in a row make it worth leaving the table for bulk
local SHORT = '"\\/bfnrt' -- what a backslash escapes in two bytes
local WS, DIGITS, HEX = "\t\n\r ", "0123456789", "0123456789abcdefABCDEF"
local AFTER = { DOC = "END", TOP = "TOP_AFTER", OBJ = "OBJ_AFTER", ARR = "ARR_AFTER", KEY = "OBJ_COLON" }

-- Every state by its name: the bytes that lead out of it, what it expects, and what follows its action.
local states, order, actions = {}, {}, {}

local function state(name, expects)
  local found = { name = name, to = {}, expects = expects }
  states[name] = found
  order[#order + 1] = found
  return found
end

local function action(name, follow)
  local found = { name = name, to = {}, follow = follow }
  states[name] = found
  actions[#actions + 1] = found
end

local function on(from, bytes, target)
  for place = 1, #bytes do
    from.to[bytes:byte(place)] = target
  end
end

local function between(from, first, last, target)
  for byte = first, last do
    from.to[byte] = target
  end
end

-- UTF-8 by its well-formed sequences (Unicode, table 3-7): what is not listed is an error, and so there
-- are no overlong forms, no surrogates and nothing above U+10FFFF.
local function add_utf8(context, text)
  local expects = "invalid UTF-8 in a string"
  local function tail(suffix, first, last, target)
    between(state(context .. suffix, expects), first, last, target)
    return context .. suffix
  end
  local one = tail("_U1", 0x80, 0xBF, context .. "_TEXT0")
  local two = tail("_U2", 0x80, 0xBF, one)
  local three = tail("_U3", 0x80, 0xBF, two)
  local e0, ed = tail("_E0", 0xA0, 0xBF, one), tail("_ED", 0x80, 0x9F, one)
  local f0, f4 = tail("_F0", 0x90, 0xBF, two), tail("_F4", 0x80, 0x8F, two)
  for _, from in ipairs(text) do
    between(from, 0xC2, 0xDF, one)
    between(from, 0xE1, 0xEF, two)
    between(from, 0xF1, 0xF3, three)
    from.to[0xE0], from.to[0xED], from.to[0xF0], from.to[0xF4] = e0, ed, f0, f4
  end
end

-- The inside of a string. Plain bytes are counted by the states themselves, from TEXT0 on, so that short
-- strings never leave the table and long ones soon do. Who escapes one byte is in the middle of a long one.
local function add_string(context, ends, escapes)
  local text = {}
  for count = 0, RUN - 1 do
    text[#text + 1] = state(context .. "_TEXT" .. count, "a byte that a string cannot hold")
  end
  action(context .. "_BULK", context .. "_TEXT0")
  for count, from in ipairs(text) do
    local further = text[count + 1] and text[count + 1].name or context .. "_BULK"
    between(from, 0x20, 0x7F, further)
    on(from, '"', ends)
    on(from, "\\", escapes or context .. "_ESCAPE")
  end
  local escape = state(context .. "_ESCAPE", "an invalid escape in a string")
  on(escape, SHORT, text[RUN - 1].name)
  on(escape, "u", context .. "_X1")
  for digit = 1, 4 do
    local target = digit < 4 and context .. "_X" .. (digit + 1) or context .. "_TEXT0"
    on(state(context .. "_X" .. digit, "an invalid escape in a string"), HEX, target)
  end
  add_utf8(context, text)
end

-- The states in which a number may end go on as what follows a value would: `ends` copies that in.
local function add_number(context, start, ends)
  local function part(suffix)
    return state(context .. suffix, "an invalid number")
  end
  local minus, zero, int, dot = part("_MINUS"), part("_ZERO"), part("_INT"), part("_DOT")
  local frac, e, sign, exp = part("_FRAC"), part("_E"), part("_SIGN"), part("_EXP")
  for _, from in ipairs({ zero, int, frac, exp }) do
    from.complete = context == "DOC"
    ends(from)
  end
  for _, from in ipairs({ start, minus }) do
    on(from, DIGITS, int.name)
    on(from, "0", zero.name)
  end
  on(start, "-", minus.name)
  on(int, DIGITS, int.name)
  on(zero, ".", dot.name)
  on(int, ".", dot.name)
  on(dot, DIGITS, frac.name)
  on(frac, DIGITS, frac.name)
  for _, from in ipairs({ zero, int, frac }) do
    on(from, "eE", e.name)
  end
  on(e, "+-", sign.name)
  for _, from in ipairs({ e, sign, exp }) do
    on(from, DIGITS, exp.name)
  end
end

local function add_literal(context, start, word, ends)
  local from = start
  for place = 1, #word do
    local target = ends
    if place < #word then
      target = context .. "_" .. word:sub(1, place)
      state(target, "an invalid literal")
    end
    on(from, word:sub(place, place), target)
    from = states[target]
  end
end

local function add_value(context, start, ends, ends_number)
  add_string(context, ends)
  on(start, '"', context .. "_TEXT0")
  on(start, "{", context .. "_OPEN_OBJECT")
  on(start, "[", context .. "_OPEN_ARRAY")
  add_number(context, start, ends_number)
  for _, word in ipairs({ "true", "false", "null" }) do
    add_literal(context, start, word, ends)
  end
end

local function add_structure()
  for _, name in ipairs({ "DOC_VALUE", "TOP_VALUE", "TOP_FIRST_BYTE", "OBJ_VALUE", "ARR_VALUE" }) do
    on(state(name, "expected a value"), WS, name)
  end
  for _, kind in ipairs({ "OBJ", "TOP" }) do
    local key = kind == "TOP" and "TOPKEY_START" or "KEY_TEXT0"
    local start = state(kind .. "_START", 'expected a key or a "}"')
    on(start, '"', key)
    on(start, "}", "CLOSE")
    on(state(kind .. "_KEY", "expected a key"), '"', key)
    on(state(kind .. "_COLON", 'expected a ":"'), ":", kind .. "_VALUE")
    local after = state(kind .. "_AFTER", 'expected a "," or a "}"')
    on(after, ",", kind .. "_KEY")
    on(after, "}", "CLOSE")
    for _, suffix in ipairs({ "_START", "_KEY", "_COLON", "_AFTER" }) do
      on(states[kind .. suffix], WS, kind .. suffix)
    end
  end
  on(state("ARR_AFTER", 'expected a "," or a "]"'), WS, "ARR_AFTER")
  on(states.ARR_AFTER, ",", "ARR_VALUE")
  on(states.ARR_AFTER, "]", "CLOSE")
  on(state("END", "expected nothing after the value"), WS, "END")
  states.END.complete = true
end

local function copy_of(name)
  return function(from)
    for byte, target in pairs(states[name].to) do
      from.to[byte] = target
    end
  end
end

local function add_all()
  add_structure()
  add_string("KEY", "OBJ_COLON")
  add_string("TOPKEY", "TOPKEY_END", "TOPKEY_ESCAPES")
  -- A number has no last byte of its own: what ends it in an object whose keys are told is read again.
  local function stop(from)
    on(from, WS .. ",}", "TOP_NUMBER_END")
  end
  for _, context in ipairs({ "DOC", "OBJ", "ARR" }) do
    add_value(context, states[context .. "_VALUE"], AFTER[context], copy_of(AFTER[context]))
  end
  add_value("TOP", states.TOP_FIRST_BYTE, "TOP_VALUE_END", stop)
  on(states.TOP_VALUE, '"{[-0123456789tfn', "TOP_VALUE_START")
  local start = state("ARR_START", 'expected a value or a "]"')
  copy_of("ARR_VALUE")(start)
  on(start, WS, "ARR_START")
  on(start, "]", "CLOSE")
end

-- The actions in the order in which the scanner tells them apart, by comparing: BULK ones come after these.
local function add_actions()
  action("STOP")
  action("TOPKEY_ESCAPES", "TOPKEY_ESCAPE")
  action("TOPKEY_START", "TOPKEY_TEXT0")
  action("TOPKEY_END", "TOP_COLON")
  action("TOP_VALUE_START", "TOP_FIRST_BYTE")
  action("TOP_NUMBER_END", "TOP_AFTER")
  action("TOP_VALUE_END", "TOP_AFTER")
  action("CLOSE")
  for _, kind in ipairs({ "_OPEN_ARRAY", "_OPEN_OBJECT" }) do
    for _, context in ipairs({ "DOC", "TOP", "ARR", "OBJ" }) do
      action(context .. kind, AFTER[context])
    end
  end
end

-- Bytes that no state tells apart share a class, and so a row is one or two cache lines.
local function classify(all)
  local classes, known, samples = ffi.new("uint8_t[256]"), {}, {}
  for byte = 0, 255 do
    local targets = {}
    for place, from in ipairs(all) do
      targets[place] = from.to[byte] or "STOP"
    end
    local signature = table.concat(targets, " ")
    if not known[signature] then
      samples[#samples + 1] = byte
      known[signature] = #samples
    end
    classes[byte] = known[signature] - 1
  end
  assert(#samples <= WIDTH)
  return classes, samples
end

local function number_states()
  local all, at = {}, {}
  for _, group in ipairs({ order, actions }) do
    for _, from in ipairs(group) do
      at[from.name] = #all * WIDTH
      all[#all + 1] = from
    end
  end
  return all, at
end

local function marks(bytes)
  local found = ffi.new("uint8_t[256]")
  for place = 1, #bytes do
    found[bytes:byte(place)] = 1
  end
  return found
end

local function build()
  add_actions()
  add_all()
  local all, at = number_states()
  local classes, samples = classify(all)
  local transitions = ffi.new("uint16_t[?]", #all * WIDTH)
  local follows = ffi.new("uint16_t[?]", #all * WIDTH)
  local expects, complete = {}, {}
  for _, from in ipairs(all) do
    local row = at[from.name]
    for column, byte in ipairs(samples) do
      transitions[row + column - 1] = at[from.to[byte] or "STOP"]
    end
    follows[row] = from.follow and at[from.follow] or 0
    expects[row], complete[row] = from.expects, from.complete
  end
  return {
    at = at,
    classes = classes,
    transitions = transitions,
    follows = follows,
    expects = expects,
    complete = complete,
    FIRST_ACTION = #order * WIDTH,
    FIRST_OPEN_ARRAY = at.DOC_OPEN_ARRAY,
    FIRST_OPEN_OBJECT = at.DOC_OPEN_OBJECT,
    FIRST_BULK = at.KEY_BULK,
    short = marks(SHORT),
    none = marks(""),
  }
end

return build()
