-- What is said when no model answered: the ladder's answer in the caller's form, or a refusal that blames nobody.
local replies = require("replies")

local ending = {}

local NOTHING = "-"
local MESSAGES = {
  connect = "the model cannot be reached",
  reset = "the model broke off",
  overload = "the model is overloaded: try again shortly",
  ["5xx"] = "the model's host failed",
  no_capacity = "no replica of the model is ready",
  timeout = "the model did not answer in time",
}
local REFUSED = { [401] = true, [403] = true }

-- Status, content type, body, seconds after which to try again, and whether it is the ladder's answer. `decision` is
-- what the record says of the request, `last` the status with which the last try failed, why, and what it asked for.
function ending.words(plan, decision, cause, milliseconds, last)
  local answer = plan.ladder.answer
  if answer then
    local request = { path = decision.path, model = decision.model, stream = decision.stream }
    local status, kind, body = replies.answer(answer, request, decision.id or NOTHING, milliseconds / 1000)
    return status, kind, body, status == 503 and "1" or nil, true
  end
  local message = MESSAGES[cause]
  if cause == "5xx" and REFUSED[last.status] then
    message = "the host of the model refused the gateway's own credentials"
  end
  local status, kind, body = replies.refusal(cause, message)
  return status, kind, body, status == 503 and (last.reason == "overload" and last.again or "1") or nil, false
end

return ending
