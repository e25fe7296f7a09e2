-- What is done with Envoy's handle: notes for the record, answers of our own, the scope of a policy and its plan.
local replies = require("replies")

local exchange = {}

local NAMESPACE = "modelfleet"
local SCOPE = "x-modelfleet-scope"
local MANY_PLANS = 4096

-- They last as long as the script does: a worker decodes a plan once in each revision.
local plans, known = {}, 0

function exchange.note(handle, name, value)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, name, value)
end

-- An answer of our own. What it says of itself is put on by the response's half, as for every other answer.
function exchange.reply(handle, decision, status, kind, body)
  exchange.note(handle, "decision", decision)
  exchange.note(handle, "sent", false)
  handle:respond({ [":status"] = tostring(status), ["content-type"] = kind }, body)
end

function exchange.refuse(handle, decision, code, message)
  decision.reason = code
  exchange.reply(handle, decision, replies.refusal(code, message))
end

function exchange.open_scope(handle, headers, host, name)
  headers:replace(SCOPE, host .. "|" .. name)
  handle:clearRouteCache()
end

-- The plan of the policy that the open scope leads to, or nil where nobody serves the name.
function exchange.plan(handle)
  local data = handle:metadata()
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
    plan = data:get("plan")
    plan.policy, plan.revision = policy, revision
    plans[policy] = plan
  end
  return plan
end

return exchange
