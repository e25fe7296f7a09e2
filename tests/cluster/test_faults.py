"""The fault proxy, tested against the real API server: every fault strikes, strikes only what it is for, and ends."""

import errno
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest

from tests.cluster.maps import MAPS, make, maps, names, watch_of
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import (
    Close,
    Delay,
    EmptyList,
    FaultProxy,
    Freeze,
    Garbage,
    Rule,
    StaleList,
    Status,
    Truncate,
)
from tests.testbed.faults.clients import CUT, TOKEN, Watcher, ask, connect


@pytest.fixture
def api(proxy: FaultProxy) -> Iterator[Api]:
    client = proxy.api("alpha")
    yield client
    client.close()


def test_without_rules_a_client_sees_the_api_server_itself(bed: Bed, api: Api, namespace: str) -> None:
    make(api, namespace, "a")
    assert api.get(maps(namespace, "a")) == bed.api.get(maps(namespace, "a"))
    assert names(api.get(f"{maps(namespace)}?labelSelector=ours")) == ["a"]
    assert expect(api.merge(maps(namespace, "a"), {"data": {"x": "1"}}), HTTPStatus.OK)["data"] == {"x": "1"}
    assert api.get(maps(namespace, "b")).status == HTTPStatus.NOT_FOUND
    expect(api.delete(maps(namespace, "a")), HTTPStatus.OK)
    assert api.get("/version") == bed.api.get("/version")


def test_a_body_in_chunks_arrives_whole_and_so_does_a_large_list(proxy: FaultProxy, api: Api, namespace: str) -> None:
    text = {"metadata": {"name": "large"}, "data": {"text": "x" * 900_000}}
    pieces = [json.dumps(text)[start : start + 70_000].encode() for start in range(0, 910_000, 70_000)]
    connection = connect(proxy)
    headers = {**TOKEN, "Content-Type": "application/json"}
    connection.request("POST", maps(namespace), iter(pieces), headers, encode_chunked=True)
    assert connection.getresponse().status == HTTPStatus.CREATED
    connection.close()
    assert proxy.writes[-1].body == text
    assert api.get(maps(namespace, "large")).body["data"] == text["data"]
    assert "large" in names(api.get(maps(namespace)))


def test_the_kubernetes_client_works_through_the_kubeconfig(proxy: FaultProxy, namespace: str) -> None:
    ask_for_a_map = (
        "import sys; from kubernetes import client, config\n"
        "core = client.CoreV1Api(config.new_client_from_config(sys.argv[1]))\n"
        "core.create_namespaced_config_map(sys.argv[2], {'metadata': {'name': 'typed'}})\n"
        "print(core.read_namespaced_config_map('typed', sys.argv[2]).metadata.name)\n"
    )
    command = [sys.executable, "-c", ask_for_a_map, str(proxy.kubeconfig("beta")), namespace]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "typed\n"
    assert [(one.client, one.name) for one in proxy.writes] == [("beta", "typed")]


def test_writes_are_listed_in_order_with_who_sent_them_and_how_they_ended(proxy: FaultProxy, namespace: str) -> None:
    alpha, beta = proxy.api("alpha"), proxy.api("beta")
    make(alpha, namespace, "a")
    beta.apply(maps(namespace, "b"), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}})
    alpha.request("PATCH", f"/api/v1/namespaces/{namespace}/status", {"metadata": {}}, "application/merge-patch+json")
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    beta.create(lease, {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}})
    beta.delete(maps(namespace, "gone"))
    alpha.delete(f"{maps(namespace)}?labelSelector=ours")
    alpha.close()
    beta.close()
    found = [(w.client, w.verb, w.resource, w.subresource, w.namespace, w.name, w.status) for w in proxy.writes]
    assert found == [
        ("alpha", "create", MAPS, "", namespace, "a", 201),
        ("beta", "patch", MAPS, "", namespace, "b", 201),
        ("alpha", "patch", "namespaces", "status", "", namespace, 200),
        ("beta", "create", "leases", "", namespace, "l", 201),
        ("beta", "delete", MAPS, "", namespace, "gone", 404),
        ("alpha", "deletecollection", MAPS, "", namespace, "", 200),
    ]
    assert [w.seq for w in proxy.writes] == list(range(6))
    assert proxy.writes[3].body["spec"] == {"holderIdentity": "me"}
    assert proxy.writes[1].query["fieldManager"] == "test"
    for write in proxy.writes:
        assert write.served == write.status
        assert write.sent
        assert write.ended
        assert write.began <= write.at <= write.sent <= write.ended


def test_a_test_can_wait_for_a_write_and_sees_it_before_it_is_carried_out(proxy: FaultProxy, namespace: str) -> None:
    with ThreadPoolExecutor(1) as pool, proxy.rule(Rule(Freeze(), verb="create", count=1)):
        asking = pool.submit(ask, proxy, maps(namespace), "POST", {"metadata": {"name": "late"}})
        write = proxy.wait_for_write(lambda write: write.name == "late")
        assert (write.sent, write.status) == (None, None)
        assert proxy._bed.api.get(maps(namespace, "late")).status == HTTPStatus.NOT_FOUND
        proxy.clear()
        assert proxy.wait_for_write(lambda write: write.status is not None).status == HTTPStatus.CREATED
        assert asking.result()[0] == HTTPStatus.CREATED
    with pytest.raises(TimeoutError):
        proxy.wait_for_write(lambda write: write.name == "never", patience=0.1)


def test_a_rule_strikes_only_what_it_is_for(proxy: FaultProxy, api: Api, namespace: str) -> None:
    make(api, namespace, "a", "b")
    other = proxy.api("beta")
    with proxy.rule(Rule(Status(500), client="alpha", verb="get", resource=MAPS, namespace=namespace, name="a*")):
        assert api.get(maps(namespace, "a")).status == 500
        assert other.get(maps(namespace, "a")).status == 200
        assert api.get(maps(namespace, "b")).status == 200
        assert api.get(maps(namespace)).status == 200
        assert api.get(maps("default", "a")).status == 404
        assert api.merge(maps(namespace, "a"), {"data": {"x": "y"}}).status == 200
    other.close()
    assert api.get(maps(namespace, "a")).status == 200


def test_a_status_is_written_or_spared_as_the_rule_names_it(proxy: FaultProxy, api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    for resource, plain, status in (
        ("namespaces", 403, 200),
        ("namespaces/status", 200, 403),
        ("namespaces/*", 403, 403),
    ):
        with proxy.rule(Rule(Status(403), resource=resource, verb="write")):
            assert api.merge(path, {"metadata": {"labels": {"x": "y"}}}).status == plain
            assert api.merge(f"{path}/status", {"metadata": {}}).status == status
            assert api.get(path).status == 200


def test_a_rule_spares_the_first_and_ends_after_its_count(proxy: FaultProxy, api: Api) -> None:
    handle = proxy.add(Rule(Status(503), path="/version", after=2, count=2))
    assert [api.get("/version").status for _ in range(6)] == [200, 200, 503, 503, 200, 200]
    assert (handle.matched, handle.hits) == (6, 2)


def test_a_share_of_the_requests_is_the_same_for_the_same_seed(proxy: FaultProxy, api: Api) -> None:
    def struck(seed: int) -> list[int]:
        with proxy.rule(Rule(Status(500), path="/version", share=0.2, seed=seed)):
            return [number for number in range(100) if api.get("/version").status == 500]

    assert struck(1) == struck(1) != struck(2)
    assert 10 <= len(struck(1)) <= 30


def test_a_verb_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="watches"):
        Rule(Close(), verb="watches")


@pytest.mark.parametrize("code", [401, 403, 404, 409, 410, 422, 429, 500, 504])
def test_an_answer_of_the_proxys_own_is_a_status_as_the_api_server_sends_it(
    proxy: FaultProxy, api: Api, namespace: str, code: int
) -> None:
    make(api, namespace, "a")
    with proxy.rule(Rule(Status(code), verb="patch")):
        answer = api.merge(maps(namespace, "a"), {"data": {"x": "y"}})
    assert (answer.status, answer.body["kind"], answer.body["code"]) == (code, "Status", code)
    assert answer.body["reason"]
    assert (proxy.writes[-1].status, proxy.writes[-1].served) == (code, None)
    assert api.merge(maps(namespace, "a"), {"data": {"x": "y"}}).status == 200


def test_the_headers_and_the_body_of_an_answer_can_be_chosen(proxy: FaultProxy, api: Api) -> None:
    proxy.add(Rule(Status(429, {"Retry-After": "86400"}), path="/api"))
    proxy.add(Rule(Status(200, body={"major": "1", "minor": "20"}), path="/version"))
    api._connected().request("GET", "/api", headers=TOKEN)
    response = api._connected().getresponse()
    assert (response.status, response.getheader("Retry-After"), response.read()[:1]) == (429, "86400", b"{")
    assert api.get("/version").body == {"major": "1", "minor": "20"}


def test_a_delay_holds_the_answer_back_and_ends_with_its_rule(proxy: FaultProxy, api: Api, namespace: str) -> None:
    with proxy.rule(Rule(Delay(0.5))):
        began = time.monotonic()
        make(api, namespace, "a")
        assert time.monotonic() - began > 0.5
    write = proxy.writes[-1]
    assert write.sent
    assert write.ended
    assert write.sent - write.at < 0.4
    assert write.ended - write.sent > 0.5
    with ThreadPoolExecutor(1) as pool, proxy.rule(Rule(Delay(60), verb="get")) as handle:
        asking = pool.submit(ask, proxy, "/version")
        wait_for("the request", lambda: handle.hits == 1)
        proxy.clear()
        assert asking.result(5)[0] == 200


def test_a_request_that_was_delayed_lands_after_its_client_has_given_up(proxy: FaultProxy, namespace: str) -> None:
    with proxy.rule(Rule(Delay(1.0, landed=False), verb="create")):
        with pytest.raises(TimeoutError):
            ask(proxy, maps(namespace), "POST", {"metadata": {"name": "late"}}, timeout=0.3)
        assert proxy._bed.api.get(maps(namespace, "late")).status == 404
        write = proxy.wait_for_write(lambda write: write.served is not None)
    assert write.served == 201
    assert proxy._bed.api.get(maps(namespace, "late")).status == 200
    wait_for("the answer to be lost", lambda: proxy.writes[-1].status is None)


@pytest.mark.parametrize(("landed", "found"), [(False, 404), (True, 200)])
def test_a_connection_that_closes_loses_the_write_or_only_its_answer(
    proxy: FaultProxy, namespace: str, landed: bool, found: int
) -> None:
    with proxy.rule(Rule(Close(landed), verb="create")), pytest.raises(http.client.RemoteDisconnected):
        ask(proxy, maps(namespace), "POST", {"metadata": {"name": "a"}})
    assert proxy._bed.api.get(maps(namespace, "a")).status == found
    assert (proxy.writes[-1].status, proxy.writes[-1].served) == (None, 201 if landed else None)


def test_a_connection_can_end_by_a_reset(proxy: FaultProxy, api: Api) -> None:
    api.get("/version")
    proxy.add(Rule(Close(reset=True)))
    connection = api._connected()
    connection.request("GET", "/version")
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as plain:
        # Below TLS, for some versions of Python tell no reset from an end.
        wait_for("the reset", lambda: plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET)


def test_an_answer_that_is_truncated_says_how_long_it_would_be(proxy: FaultProxy, api: Api, namespace: str) -> None:
    whole = ask(proxy, maps(namespace))[1]
    for size, left in ((10, 10), (-1, len(whole) - 1), (0, 0)):
        with proxy.rule(Rule(Truncate(size), verb="list")), pytest.raises(http.client.IncompleteRead) as caught:
            ask(proxy, maps(namespace))
        assert len(caught.value.partial) == left
        assert caught.value.expected == len(whole) - left
    with proxy.rule(Rule(Truncate(10), verb="create")), pytest.raises(http.client.IncompleteRead):
        ask(proxy, maps(namespace), "POST", {"metadata": {"name": "a"}})
    assert api.get(maps(namespace, "a")).status == 200
    make(api, namespace, "b")
    with proxy.rule(Rule(Truncate(100), verb="watch")), Watcher(proxy, watch_of(namespace)) as cut:
        wait_for("the end of the watch", lambda: isinstance(cut.end, CUT))
        assert (len(cut.rest), cut.events) == (100, [])


def test_an_answer_can_be_garbage(proxy: FaultProxy, namespace: str) -> None:
    with proxy.rule(Rule(Garbage(), verb="list")):
        assert ask(proxy, maps(namespace)) == (200, b"<html><body>It works!</body></html>")


def test_a_frozen_request_is_forgotten_when_its_client_leaves(proxy: FaultProxy, api: Api, namespace: str) -> None:
    with proxy.rule(Rule(Freeze(), verb="create")), pytest.raises(TimeoutError):
        ask(proxy, maps(namespace), "POST", {"metadata": {"name": "a"}}, timeout=0.3)
    assert api.get(maps(namespace, "a")).status == 404
    assert proxy.writes[-1].sent is None


def test_a_list_is_as_it_was_at_an_older_version(proxy: FaultProxy, api: Api, namespace: str) -> None:
    make(api, namespace, "a")
    path = f"{maps(namespace)}?labelSelector=ours"
    first = api.get(path)
    older = first.body["metadata"]["resourceVersion"]
    make(api, namespace, "b")
    with proxy.rule(Rule(StaleList(older), resource=MAPS)):
        stale = api.get(path)
        assert (names(stale), stale.body["metadata"]["resourceVersion"]) == (["a"], older)
        assert api.get(maps(namespace, "b")).status == 200
    with proxy.rule(Rule(StaleList(), resource=MAPS)):
        make(api, namespace, "c")
        pages = api.get(f"{path}&limit=1")
        rest = api.get(f"{path}&limit=9&continue={pages.body['metadata']['continue']}")
        assert names(pages) + names(rest) == ["a", "b"]
    assert names(api.get(path)) == ["a", "b", "c"]


def test_a_list_can_be_empty_with_any_version(proxy: FaultProxy, api: Api, namespace: str) -> None:
    make(api, namespace, "a")
    with proxy.rule(Rule(EmptyList(), resource=MAPS)):
        body = api.get(maps(namespace)).body
    expected = {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}
    assert body == expected
    assert "a" in names(api.get(maps(namespace)))
