-- What Envoy calls at a later try whose model goes by another name than the one that stands in the body by now.
local exchange = require("exchange")
local upstreams = require("upstreams")

function envoy_on_request(handle)
  local state = exchange.state_of(handle)
  upstreams.rename(handle:body(true), state.from, state.length, state.alias)
end
