-- The decision: one pure function of what a request is like and of a policy's numbers.
local bit = require("bit")
local conditions = require("conditions")

local decide = {}

local DEFAULT_RULE = "default"

-- FNV-1a with a last mix, in 0..1: the same words always land on the same spot, neighbours far apart.
function decide.spot(words)
  local hash = bit.tobit(0x811c9dc5)
  for index = 1, #words do
    hash = bit.bxor(hash, words:byte(index))
    -- The FNV prime is 2^24 + 403; a product of two 32-bit numbers would not fit a double.
    hash = bit.tobit(bit.lshift(hash, 24) + hash * 403)
  end
  hash = bit.bxor(hash, bit.rshift(hash, 16))
  hash = bit.tobit(bit.band(hash, 0xffff) * 0x45d9f3b + bit.lshift(bit.rshift(hash, 16) * 0x45d9f3b % 65536, 16))
  hash = bit.bxor(hash, bit.rshift(hash, 15))
  return bit.rshift(hash, 1) / 2147483648
end

-- The model on which a spot in 0..1 lands, each with a part as large as its weight.
function decide.draw(models, spot)
  local total = 0
  for _, model in ipairs(models) do
    total = total + model.weight
  end
  local mark = spot * total
  for _, model in ipairs(models) do
    if mark < model.weight then
      return model
    end
    mark = mark - model.weight
  end
  return models[#models]
end

local function first_rule(rules, request)
  for place, rule in ipairs(rules) do
    if conditions.hold(rule.when, request) then
      return rule, place
    end
  end
  return nil
end

local function class_of(classes, request)
  for _, class in ipairs(classes) do
    if class.when and conditions.hold(class.when, request) then
      return class.name
    end
  end
  for _, class in ipairs(classes) do
    if not class.when then
      return class.name
    end
  end
  return nil
end

local function feature_of(plan, request)
  local feature = plan.feature and request.header(plan.feature)[1]
  if not feature then
    return nil
  end
  for _, name in ipairs(plan.features) do
    if name == feature then
      return name
    end
  end
  return "other"
end

-- Where the weights stick to a session, the session chooses; else chance does.
local function spot_of(plan, request)
  local session = plan.session and request.header(plan.session)[1]
  if session and session ~= "" then
    return decide.spot(plan.policy .. "\n" .. session)
  end
  return request.chance
end

-- The models of what a request wants: a tier by its place, or a rule that names models itself.
function decide.models(plan, wanted)
  return (wanted.tier and plan.tiers[wanted.tier] or plan.rules[wanted.rule]).models
end

-- `request` has path, header(name) -> values, kind(path), prompt_bytes, max_tokens, tools, stream, tenant, chance; what
-- the policy's identifiers make of it is added. The decision has rule, and answer, or wanted (a tier or a rule, by its
-- place) with tier (a name or nil), model and the spot by which it was drawn.
function decide.decide(plan, request)
  request.step = plan.step and request.header(plan.step)[1] or nil
  request.feature = feature_of(plan, request)
  request.class = class_of(plan.classes, request)
  local rule, place = first_rule(plan.rules, request)
  local name = rule and rule.name or DEFAULT_RULE
  if rule and rule.answer then
    return { rule = name, answer = rule.answer }
  end
  local wanted = rule and rule.models and { rule = place } or { tier = rule and rule.tier or 1 }
  local tier = wanted.tier and plan.tiers[wanted.tier].name
  local spot = spot_of(plan, request)
  local model = decide.draw(decide.models(plan, wanted), spot)
  return { rule = name, wanted = wanted, tier = tier, model = model, spot = spot }
end

return decide
