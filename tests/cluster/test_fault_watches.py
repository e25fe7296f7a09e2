"""The fault proxy on connections that last: what it does to watches and lists, and to all when it is switched off."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.maps import MAPS, make, maps, watch_of
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed
from tests.testbed.faults import (
    CloseAfter,
    DropEvent,
    DuplicateEvents,
    FaultProxy,
    Freeze,
    InjectEvent,
    ReorderEvents,
    Rule,
)
from tests.testbed.faults.clients import CUT, Watcher, ask


@pytest.fixture
def api(proxy: FaultProxy) -> Iterator[Api]:
    client = proxy.api("alpha")
    yield client
    client.close()


@pytest.fixture
def watcher(proxy: FaultProxy, namespace: str) -> Iterator[Watcher]:
    """A watch that runs."""
    with Watcher(proxy, watch_of(namespace, proxy.version())) as made:
        wait_for("the watch", lambda: proxy.watches("alpha", MAPS) == 1)
        yield made


def test_lists_and_watches_are_counted_by_client_and_resource(
    proxy: FaultProxy, api: Api, watcher: Watcher, namespace: str
) -> None:
    make(api, namespace, "a", "b", "c")
    page = api.get(f"{maps(namespace)}?limit=1").body
    api.get(f"{maps(namespace)}?limit=1&continue={page['metadata']['continue']}")
    wait_for("the events", lambda: len(watcher.events) == 3)
    reads = proxy.reads
    assert {verb: reads["alpha", verb, MAPS] for verb in ("list", "page", "watch")} == {
        "list": 1,
        "page": 1,
        "watch": 1,
    }
    assert reads["beta", "list", MAPS] == 0


def test_a_watch_is_cut_again_and_again_until_the_rule_ends(
    proxy: FaultProxy, watcher: Watcher, namespace: str
) -> None:
    with proxy.rule(Rule(CloseAfter(0.3), verb="watch")) as handle:
        began = time.monotonic()
        wait_for("the end of the watch that ran", lambda: watcher.end)
        assert isinstance(watcher.end, CUT)
        assert 0.2 < time.monotonic() - began < 2
        with Watcher(proxy, watch_of(namespace)) as second:
            wait_for("the end of the new watch", lambda: second.end)
        assert handle.hits == 2
        assert ask(proxy, "/version")[0] == 200
    with Watcher(proxy, watch_of(namespace)) as third:
        time.sleep(0.6)
        assert not third.end
    wait_for("no watch to be left", lambda: proxy.watches() == 0)


def test_an_event_is_swallowed_and_the_next_is_not(
    proxy: FaultProxy, api: Api, watcher: Watcher, namespace: str
) -> None:
    handle = proxy.add(Rule(DropEvent(("DELETED",)), resource=MAPS, name="b"))
    make(api, namespace, "a", "b")
    for name in ("a", "b"):
        api.delete(maps(namespace, name))
    make(api, namespace, "b")
    api.delete(maps(namespace, "b"))
    wait_for("the events", lambda: len(watcher.events) == 5)
    created, deleted = [("ADDED", "a"), ("ADDED", "b")], [("DELETED", "a")]
    assert watcher.seen() == [*created, *deleted, ("ADDED", "b"), ("DELETED", "b")]
    assert handle.events == 1


def test_events_arrive_twice(proxy: FaultProxy, api: Api, watcher: Watcher, namespace: str) -> None:
    with proxy.rule(Rule(DuplicateEvents())):
        make(api, namespace, "a", "b")
        wait_for("the events", lambda: len(watcher.events) == 4)
    make(api, namespace, "c")
    wait_for("the last event", lambda: len(watcher.events) == 5)
    assert [name for _, name in watcher.seen()] == ["a", "a", "b", "b", "c"]


def test_events_arrive_in_the_order_of_a_seed(proxy: FaultProxy, api: Api, namespace: str) -> None:
    made = [f"m{number}" for number in range(8)]
    version = proxy.version()
    make(api, namespace, *made)

    def order(seed: int) -> list[str]:
        with proxy.rule(Rule(ReorderEvents(seed))), Watcher(proxy, watch_of(namespace, version)) as watcher:
            wait_for("the events", lambda: len(watcher.events) == 8)
            return [name for _, name in watcher.seen()]

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == made != order(1)


def test_an_error_comes_into_running_and_new_watches_and_ends_them(
    proxy: FaultProxy, api: Api, watcher: Watcher, namespace: str
) -> None:
    event = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd is away"}}
    with proxy.rule(Rule(InjectEvent(event), verb="watch", count=2)) as handle:
        wait_for("the end of the watch that ran", lambda: watcher.end == "whole")
        assert watcher.events == [event]
        with Watcher(proxy, watch_of(namespace, proxy.version())) as second:
            wait_for("the end of the new watch", lambda: second.end == "whole")
            assert second.events == [event]
        with Watcher(proxy, watch_of(namespace, proxy.version())) as third:
            wait_for("a third watch", lambda: proxy.watches() == 1)
            make(api, namespace, "a")
            wait_for("its event", lambda: third.seen() == [("ADDED", "a")])
        assert handle.hits == 2


def test_an_event_that_is_no_error_leaves_the_watch_running(
    proxy: FaultProxy, api: Api, watcher: Watcher, namespace: str
) -> None:
    ghost = {"type": "DELETED", "object": {"metadata": {"name": "ghost", "namespace": namespace}}}
    proxy.add(Rule(InjectEvent(ghost)))
    make(api, namespace, "a")
    wait_for("the events", lambda: watcher.seen() == [("DELETED", "ghost"), ("ADDED", "a")])


def test_what_is_frozen_says_nothing_and_goes_on_when_it_thaws(
    proxy: FaultProxy, api: Api, watcher: Watcher, namespace: str
) -> None:
    with proxy.rule(Rule(Freeze(), verb="watch")):
        make(api, namespace, "a")
        with Watcher(proxy, watch_of(namespace)) as second:
            time.sleep(0.5)
            assert (watcher.events, watcher.end, second.events, second.end) == ([], "", [], "")
    wait_for("the event", lambda: watcher.seen() == [("ADDED", "a")])
    with proxy.rule(Rule(Freeze(landed=True), verb="create")) as handle:
        with pytest.raises(TimeoutError):
            ask(proxy, maps(namespace), "POST", {"metadata": {"name": "b"}}, timeout=0.5)
        assert handle.hits == 1
        assert proxy._bed.api.get(maps(namespace, "b")).status == 200


def test_a_proxy_that_is_down_refuses_and_cuts_and_comes_back_at_its_port(proxy: FaultProxy, watcher: Watcher) -> None:
    other, port = proxy.api("beta"), proxy.port("alpha")
    proxy.down("alpha")
    wait_for("the end of the watch", lambda: isinstance(watcher.end, CUT))
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            ask(proxy, "/version")
    assert other.get("/version").status == 200
    other.close()
    proxy.down()
    proxy.up()
    proxy.up()
    assert proxy.port("alpha") == port
    assert ask(proxy, "/version")[0] == 200


def test_clients_see_their_connections_end_while_the_api_server_is_away(bed: Bed, namespace: str) -> None:
    with FaultProxy(bed) as proxy, Watcher(proxy, watch_of(namespace, proxy.version())) as watcher:
        wait_for("the watch", lambda: proxy.watches() == 1)
        bed.processes["kube-apiserver"].kill()
        wait_for("the end of the watch", lambda: isinstance(watcher.end, CUT))
        with pytest.raises(CUT):
            ask(proxy, "/version")
        bed.restart("kube-apiserver")
        assert ask(proxy, "/version")[0] == 200


def test_many_watches_and_hundreds_of_requests_a_second_pass(bed: Bed, proxy: FaultProxy, namespace: str) -> None:
    watchers = [Watcher(proxy, watch_of(namespace, proxy.version()), client=f"c{number % 4}") for number in range(24)]
    seconds, workers = 3.0, 4

    def load(worker: int) -> int:
        client, end, done = proxy.api(f"c{worker}"), time.monotonic() + seconds, 0
        while time.monotonic() < end:
            assert client.get(maps(namespace, "kube-root-ca.crt")).status in (200, 404)
            done += 1
        client.close()
        return done

    with contextlib.ExitStack() as running, ThreadPoolExecutor(workers) as pool:
        for watcher in watchers:
            running.enter_context(watcher)
        wait_for("the watches", lambda: proxy.watches() == 24)
        done = list(pool.map(load, range(workers)))
        make(bed.api, namespace, *(f"m{number}" for number in range(20)))
        wait_for("all events on all watches", lambda: all(len(watcher.events) == 20 for watcher in watchers))
    assert sum(done) > 100 * seconds
    wait_for("no watch to be left", lambda: proxy.watches() == 0)


def test_nothing_is_left_of_a_proxy_that_has_ended(bed: Bed, namespace: str) -> None:
    with FaultProxy(bed) as proxy:
        port = proxy.port("alpha")
        with Watcher(proxy, watch_of(namespace, proxy.version())) as watcher, ThreadPoolExecutor(1) as pool:
            wait_for("the watch", lambda: proxy.watches() == 1)
            proxy.add(Rule(Freeze()))
            late = pool.submit(ask, proxy, maps(namespace), "POST", {"metadata": {"name": "a"}})
            proxy.wait_for_write(lambda write: write.name == "a")
            proxy._do(proxy._close())
            with pytest.raises(CUT):
                late.result(5)
            wait_for("the end of the watch", lambda: isinstance(watcher.end, CUT))
    assert bed.api.get(maps(namespace, "a")).status == 404
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert not [thread for thread in threading.enumerate() if thread.name == "fault-proxy"]
