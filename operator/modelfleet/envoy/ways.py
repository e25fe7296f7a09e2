"""The way to a target: its replicas, and behind them the gate, where a try goes that finds no replica.

Between two tries a request passes the gate as well. Nobody can connect to it: its purpose is that a script runs there,
learns what became of the try before, and names the next.
"""

from functools import cache

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, Pipe
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from modelfleet.envoy.attempt import attempt_filters, gate_filters
from modelfleet.envoy.clusters import unlimited
from modelfleet.envoy.hosted import injector_of, options_of
from modelfleet.envoy.names import GATE, GATE_MARK, MOST_ATTEMPTS, NAMESPACE
from modelfleet.envoy.newer import composite
from modelfleet.envoy.resource import XdsResource, resource_of
from modelfleet.envoy.typed import any_of, milliseconds, struct_of
from modelfleet.findings import Key
from modelfleet.routing.plan import TargetPlan

NOWHERE = "/dev/null/gate"
"""A socket that cannot be: connecting fails at once, whatever else is on the machine."""
CONNECT_MS = 1000
STEP = 4


def render_way(target: TargetPlan, owners: frozenset[Key]) -> XdsResource:
    """The cluster to which a request for the target is sent."""
    cluster = Cluster(
        name=target.way,
        connect_timeout=milliseconds(target.connect_ms),
        lb_policy=Cluster.CLUSTER_PROVIDED,
        circuit_breakers=unlimited(),
    )
    # Whichever attempt it is: the replicas while there is one to ask, else the gate.
    members = [*[target.name] * _attempts(target), GATE]
    cluster.cluster_type.name = "envoy.clusters.composite"
    cluster.cluster_type.typed_config.CopyFrom(any_of(composite(members)))
    if target.host and target.host.secret:
        # A way's own filters take the place of those that all ways share.
        name, options = options_of(attempt_filters(injector_of(target.host.secret)))
        cluster.typed_extension_protocol_options[name].CopyFrom(options)
    return resource_of(target.way, cluster, owners)


def _attempts(target: TargetPlan) -> int:
    """How many attempts the way is for.

    Envoy compares each name of each way with each cluster that comes, so many names are dear where there are thousands
    of ways. In steps, so that an edit of one policy changes few of them.
    """
    attempts = 2 * target.tries  # after each try the gate follows, as an attempt of its own
    return min(MOST_ATTEMPTS, -(-attempts // STEP) * STEP)


@cache
def render_gate() -> XdsResource:
    """The gate of a gateway."""
    endpoint = LbEndpoint(endpoint=Endpoint(address=Address(pipe=Pipe(path=NOWHERE))))
    endpoint.metadata.filter_metadata[NAMESPACE].CopyFrom(struct_of({GATE_MARK: "1"}))
    cluster = Cluster(name=GATE, connect_timeout=milliseconds(CONNECT_MS), circuit_breakers=unlimited())
    cluster.type = Cluster.STATIC
    cluster.common_lb_config.healthy_panic_threshold.value = 0
    locality = LocalityLbEndpoints(lb_endpoints=[endpoint])
    name, options = options_of(gate_filters())
    cluster.typed_extension_protocol_options[name].CopyFrom(options)
    cluster.load_assignment.CopyFrom(ClusterLoadAssignment(cluster_name=GATE, endpoints=[locality]))
    return resource_of(GATE, cluster)
