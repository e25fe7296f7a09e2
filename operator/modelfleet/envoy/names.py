"""The names that several resources, and the script, must agree on."""

NAMESPACE = "modelfleet"
"""The script's name in the chain, and so the one under which it finds a route's metadata; its notes have it, too."""

SCOPE, TARGET, STREAM = "x-modelfleet-scope", "x-modelfleet-target", "x-modelfleet-stream"
"""Headers by which the script tells Envoy what it decided. They go no further than this gateway."""
UPSTREAM = "x-modelfleet-upstream"
"""What a route tells the script of the attempt: how many there were, which endpoint, which hardware."""
OURS = "x-modelfleet-"

SAID = ("request-id", "policy", "rule", "tier", "model", "rung", "attempts", "reason")
"""What every answer says of itself, each behind the prefix."""
ANY_HOST = "*"
CONNECT_MS = 1000
