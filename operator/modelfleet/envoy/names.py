"""The names that several resources, and the script, must agree on."""

NAMESPACE = "modelfleet"
"""The script's name in the chain, and so the one under which it finds a route's metadata; its notes have it, too."""

SCOPE, STREAM = "x-modelfleet-scope", "x-modelfleet-stream"
"""Headers by which the script tells Envoy what it decided. They go no further than this gateway."""
UPSTREAM = "x-modelfleet-upstream"
"""What a route tells the script of the attempt: which endpoint, which hardware."""
AT, AGAIN = "x-modelfleet-at", "x-modelfleet-again"
"""What tells the attempt script that it is at the gate, and what it tells Envoy when a try has failed."""
OURS = "x-modelfleet-"

ANY_HOST = "*"

GATE, GATE_MARK = "gate", "gate"
"""The cluster between two tries, and what marks its endpoint."""
WAY = "modelfleet.way"
"""The notes by which the script names the cluster of the next try."""
MOST_ATTEMPTS = 25
"""How often Envoy may send one request on. A policy has at most 12 tries, each of which the gate follows; a rung that
is skipped leads to the gate at once, in place of its tries."""
