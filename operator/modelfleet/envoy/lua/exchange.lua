-- What is done with Envoy's handle: notes for the record, answers of our own, the scope of a policy and its plan.
local line = require("line")
local pack = require("pack")
local plain = require("plain")
local replies = require("replies")
local upstreams = require("upstreams")

jit.off(true, true) -- as in judge.lua

local exchange = { ANY_HOST = "*" }

-- While a gateway is upgraded, scripts of two versions meet at one request. Whoever changes what a note means gives it
-- another name: a script leaves alone what it does not know.
local NAMESPACE, LADDER, SENT = "modelfleet", "modelfleet.ladder", "modelfleet.sent"
local SCOPE = "x-modelfleet-scope"
local MANY_PLANS = 4096
local NONE = "" -- the version of a route that names none, as those of an operator that is older than this script

-- They last as long as the script does: a worker decodes a plan once in each revision. By policy, and by what its routes
-- say of it.
local plans, versions, known = {}, {}, 0
-- By host and name the plan to which they led last.
local led, leads = {}, 0

-- Each way to the notes costs as much as a note, so those that are known together are written together.
function exchange.note(handle, notes)
  local data = handle:streamInfo():dynamicMetadata()
  for name, value in pairs(notes) do
    data:set(NAMESPACE, name, value)
  end
end

-- What is known of a request between its tries. Apart from the notes above, of which logs may show any.
function exchange.note_state(handle, state)
  handle:streamInfo():dynamicMetadata():set(LADDER, "state", state)
end

-- A request that is sent. If nobody ever hears of it again, its record is the line that begins as is noted here. Apart
-- from that stands what the next script has to read: whoever asks for a namespace is given all that is in it.
function exchange.note_sent(handle, decision, state, try, began)
  local head = line.head(decision)
  local first = head and line.first(head, try)
  if not first then
    exchange.note(handle, { decision = decision, sent = true, attempts = { try }, began = began })
    return exchange.note_state(handle, state)
  end
  local data = handle:streamInfo():dynamicMetadata()
  data:set(NAMESPACE, "first", first)
  data:set(SENT, "packed", pack.close(decision, state, began, #head))
  if state.kept then
    data:set(LADDER, "kept", state.kept)
  end
end

-- How its line goes on by now.
function exchange.note_line(handle, words)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, "line", words)
end

-- What is noted of a request. Where that is one text, it is written out.
function exchange.notes_of(handle)
  local data = handle:streamInfo():dynamicMetadata()
  local noted, sent = data:get(NAMESPACE) or {}, data:get(SENT)
  if not (sent and sent.packed) then
    return noted
  end
  local found, state = pack.open(sent.packed, noted.first)
  if not state then
    return {}
  end
  state.kept = (data:get(LADDER) or {}).kept
  found.line, found.first = false, false
  data:set(SENT, "packed", false)
  exchange.note(handle, found)
  exchange.note_state(handle, state)
  found.last = noted.last
  return found
end

-- The same for who needs no more than the first try, which is not written out then.
function exchange.first_of(handle)
  local data = handle:streamInfo():dynamicMetadata()
  local sent = data:get(SENT)
  return sent and sent.packed and pack.first(sent.packed) or data:get(NAMESPACE) or {}
end

function exchange.state_of(handle)
  return handle:streamInfo():dynamicMetadata():get(LADDER).state
end

-- An answer of our own. What it says of itself is put on by the response's half, as for every other answer.
function exchange.reply(handle, decision, status, kind, body)
  exchange.note(handle, { decision = decision, sent = false, said = true })
  local headers = { [":status"] = tostring(status), ["content-type"] = kind }
  if status == 503 then
    headers["retry-after"] = "1"
  end
  handle:respond(headers, body)
end

function exchange.refuse(handle, decision, code, message)
  decision.reason = code
  exchange.reply(handle, decision, replies.refusal(code, message))
end

-- Which policy's routes are to be looked through.
function exchange.name_scope(headers, host, name)
  headers:replace(SCOPE, host .. "|" .. name)
end

function exchange.open_scope(handle, headers, host, name)
  exchange.name_scope(headers, host, name)
  handle:clearRouteCache()
end

local function keep_plan(plan)
  if known >= MANY_PLANS then
    plans, versions, known = {}, {}, 0 -- those of policies that are long gone go, too
  end
  local before = plans[plan.policy]
  if before then
    versions[before.version] = nil
  else
    known = known + 1
  end
  plans[plan.policy] = plan
  if plan.version ~= NONE then
    versions[plan.version] = plan
  end
end

-- The plan of the policy that the open scope leads to, or nil where it leads to none.
function exchange.plan_here(handle)
  local version = handle:metadata():get("version") or NONE -- this looks for a route
  if versions[version] then
    return versions[version]
  end
  -- The host is that of the last route that was looked for. To ask it takes two objects of Envoy's more.
  local data = handle:virtualHost():metadata()
  local policy, revision = data:get("policy"), data:get("revision")
  if not policy then
    return nil
  end
  local plan = plans[policy]
  if not plan or plan.revision ~= revision or plan.version ~= version then
    plan = plain.read(data:get("plan"))
    plan.policy, plan.revision, plan.version = policy, revision, version
    plan.keeps, plan.passes = upstreams.wants(plan)
    keep_plan(plan)
  end
  return plan
end

-- The plan to which the host and name led before, or nil: whoever goes by it looks then whether they still do.
function exchange.guess_plan(host, name)
  return led[host .. "|" .. name]
end

-- The plan of the policy that serves the name, or nil where nobody does. There is one look for each request: what Envoy
-- gives of a route it gives again until the script has waited for something.
function exchange.look(handle, host, name)
  local plan, way = exchange.plan_here(handle), host .. "|" .. name
  if led[way] ~= plan then
    if leads >= MANY_PLANS then
      led, leads = {}, 0
    end
    leads = leads + (led[way] and 0 or 1)
    led[way] = plan
  end
  return plan
end

function exchange.find_plan(handle, headers, host, name)
  exchange.open_scope(handle, headers, host, name)
  return exchange.plan_here(handle)
end

return exchange
