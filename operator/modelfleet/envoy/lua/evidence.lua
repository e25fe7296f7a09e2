-- The headers by which every answer says of itself what it is.
local evidence = { NOTHING = "-" }

local NOTHING = evidence.NOTHING

-- `served` is nil where no model answered.
function evidence.put(headers, decision, served, attempts, reason)
  headers:replace("x-modelfleet-request-id", decision.id or headers:get("x-modelfleet-request-id") or NOTHING)
  headers:replace("x-modelfleet-policy", decision.policy or NOTHING)
  headers:replace("x-modelfleet-rule", decision.rule or NOTHING)
  headers:replace("x-modelfleet-tier", served and served.tier or NOTHING)
  headers:replace("x-modelfleet-model", served and served.model or NOTHING)
  headers:replace("x-modelfleet-rung", decision.rung and tostring(decision.rung) or NOTHING)
  headers:replace("x-modelfleet-attempts", tostring(attempts))
  headers:replace("x-modelfleet-reason", reason or NOTHING)
end

return evidence
