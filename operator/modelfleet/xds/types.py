"""The order in which a gateway is sent kinds of resources: nothing may name what is not there yet."""

from itertools import chain

from modelfleet.envoy.types import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SCOPE, SECRET

PHASES = ((CLUSTER, ENDPOINTS, SECRET), (LISTENER,), (ROUTES,), (SCOPE,), (EXTENSION,))
"""What may be on the wire together. A cluster is acknowledged only when it has its endpoints and its secrets.

The script comes last: it knows the hosts, and asks for scopes that must be there by then. What is gone leaves after it.
"""

PUSH_ORDER = tuple(chain.from_iterable(PHASES))

PHASE_OF = {type_url: place for place, phase in enumerate(PHASES) for type_url in phase}

LINGERING = PHASES[0]
"""What requests lead to, and what that needs."""

READERS = (LISTENER, ROUTES, SCOPE)
"""What names the others. Of the rest, one that stays too long costs memory; one that leaves too soon costs requests."""
