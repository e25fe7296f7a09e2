from modelfleet.xds.cache import NodeStatus, SnapshotCache
from modelfleet.xds.events import StreamStatus
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import cluster, policy


def test_nothing_published_is_not_the_same_as_nothing() -> None:
    cache = SnapshotCache()
    assert cache.latest("g") is None
    assert cache.publish("g", gateway_resources([]))
    assert cache.latest("g") is not None


def test_an_unchanged_state_wakes_nobody_and_brings_its_owners() -> None:
    cache = SnapshotCache()
    woken: list[str] = []
    cache.publish("g", gateway_resources([cluster("a")]))
    cache.watch("g", lambda: woken.append("g"))
    again = gateway_resources([cluster("a", owners=[policy("p")])])
    assert not cache.publish("g", again)
    assert woken == []
    assert cache.latest("g") is again


def test_a_change_wakes_the_streams_of_its_gateway_only() -> None:
    cache = SnapshotCache()
    woken: list[str] = []
    end = cache.watch("g", lambda: woken.append("g"))
    cache.watch("h", lambda: woken.append("h"))
    assert cache.publish("g", gateway_resources([cluster("a")]))
    assert woken == ["g"]
    end()
    end()
    cache.publish("g", gateway_resources([]))
    assert woken == ["g"]


def test_the_nodes_of_a_gateway_are_listed_by_id_and_a_second_stream_does_not_hide_the_first() -> None:
    cache = SnapshotCache()
    for connection, (node, gateway) in enumerate([("n2", "g"), ("n1", "g"), ("n1", "g"), ("n1", "h")]):
        cache.note(connection, NodeStatus(node, gateway, StreamStatus()))
    assert [it.node_id for it in cache.nodes("g")] == ["n1", "n1", "n2"]
    cache.note(2, None)
    cache.note(2, None)
    assert [it.node_id for it in cache.nodes("g")] == ["n1", "n2"]
    assert cache.nodes("none") == ()
