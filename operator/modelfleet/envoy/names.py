"""The names that several resources, and the script, must agree on."""

NAMESPACE = "modelfleet"
"""The script's name in the chain, and so the one under which it finds a route's metadata; its notes have it, too."""

OURS = "x-modelfleet-"
SCOPE, TARGET, STREAM = f"{OURS}scope", f"{OURS}target", f"{OURS}stream"
"""Headers by which the script tells Envoy what it decided. They go no further than this gateway."""
TURN, SKIPPED = f"{OURS}turn", f"{OURS}skipped"
"""What a try has to do to the request before it goes out, and what tells of one that found no replica."""
UPSTREAM, AGAIN = f"{OURS}upstream", f"{OURS}again"
"""What the script is told of a try, which endpoint and which hardware, and what it tells Envoy when one has failed."""
TOLD = (f"{OURS}policy", "/")
"""A header and what stands in it where an answer says all of itself."""

ANY_HOST = "*"

GATE, GATE_MARK = "gate", "gate"
"""The cluster between two tries, and what marks its endpoint."""
WAY = "modelfleet.way"
"""The notes by which the script names the cluster of a later try."""
MOST_ATTEMPTS = 25
"""How often Envoy may send one request on. A policy has at most 12 tries, each of which the gate follows; a rung that
is skipped counts as one of its tries."""
