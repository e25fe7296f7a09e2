-- GET /v1/models and GET /v1/models/NAME: which names are served on a host.
local exchange = require("exchange")
local replies = require("replies")
local text = require("text")

local catalogue = {}

local PATH = "/v1/models"
local JSON = "application/json"

function catalogue.is_asked(method, path)
  return (method == "GET" or method == "HEAD") and (path == PATH or path:sub(1, #PATH + 1) == PATH .. "/")
end

-- The list is a route of its own, so that a gateway of thousands of names makes it once.
local function list(handle, headers, host_of, decision)
  exchange.note(handle, { decision = decision, sent = false })
  exchange.open_scope(handle, headers, host_of(decision), "")
  if not handle:metadata():get("catalogue") then
    exchange.reply(handle, decision, 200, JSON, '{"object":"list","data":[]}\n')
  end
end

local function one(handle, headers, host_of, decision, name)
  local plan = #name > 0 and exchange.find_plan(handle, headers, host_of(decision, name), name)
  if not plan then
    return exchange.refuse(handle, decision, "model_not_found", replies.nobody_serves(name))
  end
  exchange.reply(handle, decision, 200, JSON, replies.model(name, plan.policy:match("^[^/]*")) .. "\n")
end

function catalogue.answer(handle, headers, host_of, decision)
  decision.reason = "catalogue"
  if decision.path == PATH then
    return list(handle, headers, host_of, decision)
  end
  -- No name that is served has bytes beyond ASCII, and an answer of JSON may not repeat them as they come.
  local name = text.unescape(decision.path:sub(#PATH + 2)):gsub("[\128-\255]", "?")
  one(handle, headers, host_of, decision, name)
end

return catalogue
