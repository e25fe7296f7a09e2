-- What is done with Envoy's handle: notes for the record, answers of our own, the scope of a policy and its plan.
local plain = require("plain")
local replies = require("replies")
local upstreams = require("upstreams")

local exchange = { ANY_HOST = "*" }

local NAMESPACE = "modelfleet"
local SCOPE = "x-modelfleet-scope"
local MANY_PLANS = 4096

-- They last as long as the script does: a worker decodes a plan once in each revision.
local plans, known = {}, 0

-- Each way to the notes costs as much as a note, so those that are known together are written together.
function exchange.note(handle, notes)
  local data = handle:streamInfo():dynamicMetadata()
  for name, value in pairs(notes) do
    data:set(NAMESPACE, name, value)
  end
end

function exchange.notes_of(handle)
  return handle:streamInfo():dynamicMetadata():get(NAMESPACE) or {}
end

-- What is known of a request between its tries. Apart from the notes above, of which logs may show any.
function exchange.note_state(handle, state)
  handle:streamInfo():dynamicMetadata():set("modelfleet.ladder", "state", state)
end

function exchange.state_of(handle)
  return handle:streamInfo():dynamicMetadata():get("modelfleet.ladder").state
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

function exchange.open_scope(handle, headers, host, name)
  headers:replace(SCOPE, host .. "|" .. name)
  handle:clearRouteCache()
end

-- The plan of the policy that the open scope leads to, or nil where it leads to none.
function exchange.plan_here(handle)
  handle:metadata() -- the host is the one of the last route that was looked for, and this looks for one
  local data = handle:virtualHost():metadata()
  local policy, revision = data:get("policy"), data:get("revision")
  if not policy then
    return nil
  end
  local plan = plans[policy]
  if not plan or plan.revision ~= revision then
    if known >= MANY_PLANS then
      plans, known = {}, 0 -- those of policies that are long gone go, too
    end
    known = known + (plans[policy] and 0 or 1)
    plan = plain.read(data:get("plan"))
    plan.policy, plan.revision = policy, revision
    plan.keeps, plan.passes = upstreams.wants(plan)
    plans[policy] = plan
  end
  return plan
end

-- The plan of the policy that serves the name, or nil where nobody does. There is one look for each request: what Envoy
-- gives of a route it gives again until the script has waited for something.
function exchange.find_plan(handle, headers, host, name)
  exchange.open_scope(handle, headers, host, name)
  return exchange.plan_here(handle)
end

return exchange
