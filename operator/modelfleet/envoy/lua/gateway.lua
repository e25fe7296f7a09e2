-- What Envoy calls when a request comes: it is found out whose it is, decided, and sent off.
local budget = require("budget")
local catalogue = require("catalogue")
local chance = require("chance")
local clock = require("clock")
local decide = require("decide")
local exchange = require("exchange")
local reader = require("reader")
local replies = require("replies")
local sized = require("table.new")
local steer = require("steer")
local text = require("text")
local upstreams = require("upstreams")

jit.off(true, true) -- as in judge.lua; the reader alone has loops

-- The reader has a path for each shape of body. Where all of them do not fit, LuaJIT throws everything away, again and
-- again, and a request costs half as much more.
require("jit.opt").start("maxtrace=4000", "maxmcode=4096")
-- Little is kept from one request to the next: to walk through it as often as LuaJIT would is dearer than the room.
collectgarbage("setpause", 400)

local PREFIX = "/v1/"
local ID = "x-request-id"
local NOTHING = "-"
local LONGEST_NAME, LONGEST_PATH = 253, 1024
local FIELDS = 20
local SHORT = 16384

-- It lasts as long as this script does, which is made anew with every change of the gateway's hosts.
local settings
local requests = budget.new()

local function read_settings(handle)
  local context = handle:filterContext()
  local hosts = {}
  for host, names in pairs(context:get("hosts") or {}) do
    hosts[host] = {}
    for _, name in ipairs(names) do
      hosts[host][name] = true
    end
  end
  return { hosts = hosts, max_body_bytes = context:get("maxBodyBytes") }
end

-- Where the policy of a name is looked for: on the host of the request where a policy names that for it, else on every
-- host. Without a name: where the list of all names is.
local function host_of(decision, name)
  local own = settings.hosts[decision.host]
  return own and (not name or own[name]) and decision.host or exchange.ANY_HOST
end

local function all_values(headers)
  return function(name)
    local values = {}
    for index = 0, headers:getNumValues(name) - 1 do
      values[index + 1] = headers:getAtIndex(name, index)
    end
    return values
  end
end

-- The body where it has one that can be read, or nil after a refusal.
local function body_of(handle, headers, decision)
  local kind = headers:get("content-type") or ""
  if kind ~= "application/json" and kind:lower():find("^%s*multipart/") then
    return exchange.refuse(handle, decision, "unsupported_media_type", "multipart bodies are not routed: send JSON")
  end
  if headers:get("content-encoding") then
    local message = "only gzip is read as content-encoding: send the body so, or as it is"
    return exchange.refuse(handle, decision, "unsupported_media_type", message)
  end
  return handle:body(true)
end

-- What the gate has to know if this try is not the last one.
local function ladder_state(plan, chosen, facts, now, total)
  local bound = math.min(total, facts.stream and plan.times.firstToken or plan.times.answer)
  return {
    wanted = chosen.wanted,
    tier = chosen.tier,
    spot = chosen.spot,
    seen = budget.total(requests, plan.policy, now),
    bound = bound,
    total = total,
    till = now + total,
    from = facts.model_from,
    length = facts.model_to - facts.model_from,
    written = facts.model,
    rung = 1,
    repeats = 0,
    made = 0,
  }
end

local function send(handle, headers, body, facts, way)
  local model, plan, state = way.model, way.plan, way.state
  local decision = way.decision
  state.kept = upstreams.keep(headers, plan)
  if model.alias ~= facts.model then
    state.length, state.written = upstreams.rename(body, state.from, state.length, model.alias), model.alias
    headers = handle:headers()
  end
  upstreams.dress(headers, model)
  clock.set(handle, headers, plan.times, state, facts.stream)
  headers:remove(clock.HEADER)
  local try = { target = decision.target, status = 0, reason = "abandoned", ms = 0 }
  exchange.note_sent(handle, decision, state, try, way.began)
  if not way.aimed then
    steer.aim(handle, headers, model.cluster, facts.stream)
  end
  steer.first(headers)
end

-- The plan of the name, what it decides of the request, and whether Envoy has been told where that goes. The look for the
-- route to a target finds the plan, too: where the name led to a plan before, that one decides, and the look that finds
-- the way finds out whether the plan still stands.
local function settle(handle, headers, request, host)
  local guess = exchange.guess_plan(host, request.model)
  local chosen = guess and decide.decide(guess, request)
  local aimed = chosen and chosen.model ~= nil
  exchange.name_scope(headers, host, request.model)
  if aimed then
    steer.aim(handle, headers, chosen.model.cluster, request.stream)
  else
    handle:clearRouteCache()
  end
  local plan = exchange.look(handle, host, request.model)
  if plan ~= guess then
    chosen, aimed = plan and decide.decide(plan, request), false
  end
  return { plan = plan, chosen = chosen, aimed = aimed }
end

local function act(handle, headers, body, facts, way, decision)
  local plan, chosen = way.plan, way.chosen
  local total, wrong = clock.total(plan.times, headers:get(clock.HEADER))
  if not total then
    return exchange.refuse(handle, decision, "invalid_timeout", wrong)
  end
  decision.rule, decision.tier, decision.rung = chosen.rule, chosen.tier, 0
  decision.feature, decision.class = facts.feature, facts.class
  decision.step = facts.step and facts.step:sub(1, LONGEST_NAME)
  if chosen.answer then
    decision.reason = "answer"
    local seconds = handle:timestamp() / 1000
    local status, kind, words = replies.answer(chosen.answer, facts, decision.id or NOTHING, seconds)
    return exchange.reply(handle, decision, status, kind, words)
  end
  local now = handle:timestamp()
  budget.add(requests, plan.policy, now)
  decision.reason, decision.target, decision.passes = "wanted", chosen.model.name, chosen.model.passThrough
  way.model, way.state = chosen.model, ladder_state(plan, chosen, facts, now, total)
  way.decision, way.began = decision, now
  send(handle, headers, body, facts, way)
end

local function request_of(headers, facts, fetch, length, path)
  facts.path, facts.header, facts.tenant, facts.chance = path, all_values(headers), "anonymous", chance.draw()
  -- Each look into the body reads it anew, and rules may ask for one thing often.
  local found = {}
  facts.kind = function(item)
    if found[item] == nil then
      found[item] = reader.kind_at(fetch, length, item) or false
    end
    return found[item] or nil
  end
  return facts
end

local function too_large(handle, decision, length, most)
  local words = string.format("the body has %d bytes, and at most %d are taken here", length, most)
  exchange.refuse(handle, decision, "body_too_large", words)
end

-- What gives a part of the body. A short one is taken out of Envoy once: it is the call that costs, not the bytes.
local function fetcher(body, length)
  if length > SHORT then
    return function(offset, count)
      return body:getBytes(offset, count)
    end
  end
  local whole = length > 0 and body:getBytes(0, length) or ""
  return function(offset, count)
    return whole:sub(offset + 1, offset + count)
  end
end

local function route(handle, path, decision, body)
  local length = body:length()
  if length > settings.max_body_bytes then
    return too_large(handle, decision, length, settings.max_body_bytes)
  end
  local fetch = fetcher(body, length)
  local facts, code, message = reader.read(fetch, length)
  if length == 0 then
    return exchange.refuse(handle, decision, "missing_model", "a request needs a JSON body with model")
  elseif not facts then
    return exchange.refuse(handle, decision, code, message)
  elseif not facts.model or facts.model == "" then
    return exchange.refuse(handle, decision, "missing_model", "model is missing: name one that GET /v1/models lists")
  end
  local headers = handle:headers()
  if #facts.model > LONGEST_NAME or facts.model:find("[^%w._:/@-]") then
    return exchange.refuse(handle, decision, "model_not_found", "no model has such a name")
  end
  decision.model, decision.stream = facts.model, facts.stream
  local request = request_of(headers, facts, fetch, length, path)
  local way = settle(handle, headers, request, host_of(decision, facts.model))
  local plan = way.plan
  if not plan then
    return exchange.refuse(handle, decision, "model_not_found", replies.nobody_serves(facts.model))
  end
  decision.policy, decision.revision, decision.tenant = plan.policy, plan.revision, "anonymous"
  if plan.maxBodyBytes and length > plan.maxBodyBytes then
    return too_large(handle, decision, length, plan.maxBodyBytes)
  end
  act(handle, headers, body, request, way, decision)
end

function envoy_on_request(handle)
  settings = settings or read_settings(handle)
  local headers = handle:headers()
  local named, path = text.host(headers:get(":authority") or ""), text.path(headers:get(":path") or "")
  local decision = sized(0, FIELDS) -- all that there will be: a table that grows is made anew each time
  decision.id, decision.method, decision.stream = headers:get(ID), headers:get(":method"), false
  decision.host, decision.path = named:sub(1, LONGEST_NAME), path:sub(1, LONGEST_PATH)
  if path:sub(1, #PREFIX) ~= PREFIX then
    return exchange.refuse(handle, decision, "unknown_path", "nothing is served here: paths begin with " .. PREFIX)
  elseif headers:get("upgrade") then
    return exchange.refuse(handle, decision, "unsupported_upgrade", "connections are not upgraded: send a request")
  elseif catalogue.is_asked(decision.method, path) then
    return catalogue.answer(handle, headers, host_of, decision)
  end
  local body = body_of(handle, headers, decision)
  if body then
    route(handle, path, decision, body)
  end
end
