"""The kinds of resources that a gateway is sent, and their order: nothing may name what is not there yet."""

from itertools import chain


def _url(full_name: str) -> str:
    return f"type.googleapis.com/{full_name}"


CLUSTER = _url("envoy.config.cluster.v3.Cluster")
ENDPOINTS = _url("envoy.config.endpoint.v3.ClusterLoadAssignment")
SECRET = _url("envoy.extensions.transport_sockets.tls.v3.Secret")
LISTENER = _url("envoy.config.listener.v3.Listener")
EXTENSION = _url("envoy.config.core.v3.TypedExtensionConfig")
ROUTES = _url("envoy.config.route.v3.RouteConfiguration")
SCOPE = _url("envoy.config.route.v3.ScopedRouteConfiguration")

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
