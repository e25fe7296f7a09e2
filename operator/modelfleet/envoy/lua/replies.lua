-- What the gateway itself says: errors in OpenAI's shape, and canned answers in the form that the caller asked for.
local text = require("text")

local replies = {}

local quote = text.quote
local JSON, SSE = "application/json", "text/event-stream"

-- The status and the type of each refusal; its code is its name.
local REFUSALS = {
  malformed_json = { 400, "invalid_request_error" },
  not_an_object = { 400, "invalid_request_error" },
  duplicate_key = { 400, "invalid_request_error" },
  invalid_model = { 400, "invalid_request_error" },
  missing_model = { 400, "invalid_request_error" },
  invalid_timeout = { 400, "invalid_request_error" },
  unknown_path = { 404, "invalid_request_error" },
  model_not_found = { 404, "invalid_request_error" },
  unsupported_upgrade = { 400, "invalid_request_error" },
  body_too_large = { 413, "invalid_request_error" },
  unsupported_media_type = { 415, "invalid_request_error" },
  connect = { 503, "api_error" },
  reset = { 503, "api_error" },
  overload = { 503, "api_error" },
  ["5xx"] = { 503, "api_error" },
  no_capacity = { 503, "api_error" },
  timeout = { 504, "api_error" },
}

function replies.error(message, kind, code)
  return '{"error":{"message":' .. quote(message) .. ',"type":' .. quote(kind) .. ',"code":' .. quote(code) .. "}}\n"
end

-- Status, content type and body of a refusal.
function replies.refusal(code, message)
  local status, kind = REFUSALS[code][1], REFUSALS[code][2]
  return status, JSON, replies.error(message, kind, code)
end

function replies.nobody_serves(name)
  return "no policy serves the model " .. quote(name) .. " here: GET /v1/models lists those that are"
end

-- A model as the catalogue shows it. The name may stand for many models, so its age is nobody's.
function replies.model(name, owner)
  local about = '{"id":' .. quote(name) .. ',"object":"model","created":1700000000,"owned_by":' .. quote(owner)
  return about .. "}"
end

local function head(id, object, created, model)
  return '{"id":' .. quote(id) .. ',"object":"' .. object .. '","created":' .. created .. ',"model":' .. quote(model)
end

local NO_USAGE = ',"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}'

local function chat(words, id, created, model, stream)
  local said = quote(words)
  if not stream then
    local message = '{"role":"assistant","content":' .. said .. "}"
    local choice = ',"choices":[{"index":0,"message":' .. message .. ',"logprobs":null,"finish_reason":"stop"}]'
    return head(id, "chat.completion", created, model) .. choice .. NO_USAGE .. "\n"
  end
  local begin = head(id, "chat.completion.chunk", created, model) .. ',"choices":[{"index":0,"delta":'
  local first = begin .. '{"role":"assistant","content":' .. said .. '},"logprobs":null,"finish_reason":null}]}'
  local last = begin .. '{},"logprobs":null,"finish_reason":"stop"}]}'
  return "data: " .. first .. "\n\ndata: " .. last .. "\n\ndata: [DONE]\n\n"
end

local function completion(words, id, created, model, stream)
  local begin = head(id, "text_completion", created, model) .. ',"choices":[{"index":0,"text":' .. quote(words)
  local choice = begin .. ',"logprobs":null,"finish_reason":"stop"}]'
  if not stream then
    return choice .. NO_USAGE .. "\n"
  end
  return "data: " .. choice .. "}\n\ndata: [DONE]\n\n"
end

local FORMS = {
  ["/v1/chat/completions"] = { chat, "chatcmpl-" },
  ["/v1/completions"] = { completion, "cmpl-" },
}

-- Status, content type and body of a canned answer. On a path that has no form for words, words are no answer.
function replies.answer(answer, request, id, seconds)
  if answer.status >= 400 then
    local kind = answer.status < 500 and "invalid_request_error" or "api_error"
    return answer.status, JSON, replies.error(answer.body, kind, "answer")
  end
  local form = FORMS[request.path]
  if not form then
    return 503, JSON, replies.error(answer.body, "api_error", "answer")
  end
  local body = form[1](answer.body, form[2] .. id, string.format("%d", seconds), request.model, request.stream)
  return answer.status, request.stream and SSE or JSON, body
end

return replies
