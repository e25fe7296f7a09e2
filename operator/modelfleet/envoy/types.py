"""What Envoy calls the kinds of resources: the type URLs, each of which stands here alone."""

PREFIX = "type.googleapis.com/"

CLUSTER = PREFIX + "envoy.config.cluster.v3.Cluster"
ENDPOINTS = PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
SECRET = PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"
LISTENER = PREFIX + "envoy.config.listener.v3.Listener"
EXTENSION = PREFIX + "envoy.config.core.v3.TypedExtensionConfig"
ROUTES = PREFIX + "envoy.config.route.v3.RouteConfiguration"
SCOPE = PREFIX + "envoy.config.route.v3.ScopedRouteConfiguration"
