"""From policies to what gateways do, and what can be said against a policy. Pure."""
