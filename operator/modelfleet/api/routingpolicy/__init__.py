"""RoutingPolicy: which request goes where, and what happens when it cannot."""
