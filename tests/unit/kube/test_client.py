"""Requests over real sockets to a server that behaves as servers, and what stands before them, do."""

import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from kubernetes.client import Configuration

from modelfleet.findings import Unusable
from modelfleet.kube.client import Client, check_version
from modelfleet.kube.errors import (
    Conflict,
    KubeError,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from tests.unit.kube.serving import TOKEN, Asked, Reply, Stub, configuration, refusal, serving

BODY = {"kind": "Thing", "metadata": {"name": "a"}}


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(Stub(Reply(BODY))) as running:
        yield running


def test_a_request_carries_what_it_was_given(stub: Stub) -> None:
    client = stub.client()
    patch = {"spec": {"text": "ü"}}
    query = {"fieldManager": "modelfleet", "labelSelector": "a in (b, c)"}
    content = "application/apply-patch+yaml"
    assert client.request("PATCH", "/api/v1/things/a", query=query, body=patch, content=content) == BODY
    (asked,) = stub.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("PATCH", "/api/v1/things/a", query, patch)
    assert asked.headers["Content-Type"] == content
    assert asked.headers["Accept"] == "application/json"
    assert asked.headers["User-Agent"] == "modelfleet/test"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_request_without_a_body_sends_none(stub: Stub) -> None:
    stub.client().request("GET", "/x")
    assert stub.asked[0].body is None
    assert "Content-Type" not in stub.asked[0].headers


def test_connections_are_kept_and_used_again(stub: Stub) -> None:
    client = stub.client()
    for _ in range(5):
        client.request("GET", "/x")
    assert len({asked.peer for asked in stub.asked}) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(BODY, cut_after=10),
        Reply(BODY, cut_after=0),
        Reply(b'5\r\n{"a":\r\n', headers={"Transfer-Encoding": "chunked"}, cut_after=10),
        Reply(resets=True),
        Reply(b"<html>Welcome to the login page</html>"),
        Reply(b""),
        Reply(b'["a list"]'),
        Reply(b"\xff\xfe\xfa"),
        Reply(b"[" * 100_000),
        Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(late=0.7),
    ],
    ids=["cut", "empty-cut", "chunks-cut", "reset", "html", "empty", "no-object", "binary", "deep", "moved", "silent"],
)
def test_what_cannot_be_read_is_unreachable_and_tried_once(stub: Stub, reply: Reply) -> None:
    stub.replies = [reply]
    with pytest.raises(Unreachable) as caught:
        stub.client().request("GET", "/x", timeout=0.4)
    assert caught.value.status in {None, 302}
    assert len(stub.asked) == 1


def test_an_answer_that_comes_in_drops_is_not_waited_for_without_end(stub: Stub) -> None:
    stub.replies = [Reply({"long": "x" * 1000}, drips=0.05)]
    began = time.monotonic()
    with pytest.raises(Unreachable, match="in time"):
        stub.client().request("GET", "/x", timeout=0.3)
    assert time.monotonic() - began < 5


def test_an_answer_that_was_left_midway_is_not_read_by_the_next_request(stub: Stub) -> None:
    stub.replies = [Reply({"long": "x" * 1000}, drips=0.05), Reply(BODY)]
    client = stub.client()
    with pytest.raises(Unreachable):
        client.request("GET", "/x", timeout=0.2)
    assert client.request("GET", "/x") == BODY


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    client = Client(lambda: configuration(f"http://127.0.0.1:{port}", TOKEN), "test")
    with pytest.raises(Unreachable, match="refused"):
        client.request("GET", "/x")


def test_a_write_that_timed_out_does_not_arrive_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client = Client(lambda: configuration(f"http://127.0.0.1:{server.getsockname()[1]}"), "test")
        with pytest.raises(Unreachable):
            client.request("PUT", "/x", body="x" * 8_000_000, timeout=0.3)
        connection, _ = server.accept()
        with connection:
            pieces = iter(lambda: connection.recv(65536), b"")
            # Without the reset the rest would still come, and end as a whole request.
            with pytest.raises(ConnectionResetError):
                all(pieces)


def test_a_process_that_stood_still_sends_nothing_late(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder of the Lease may be frozen between its last look at the clock and the write."""
    client, send = stub.client(), HTTPConnection.endheaders
    client.request("PUT", "/x", body={})

    def stands_still(*arguments: Any, **more: Any) -> None:
        send(*arguments, **more)
        time.sleep(0.3)

    monkeypatch.setattr(HTTPConnection, "endheaders", stands_still)
    with pytest.raises(Unreachable, match="the time was up before it was sent"):
        client.request("PUT", "/y", body={}, timeout=0.2)
    assert [asked.path for asked in stub.asked] == ["/x"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(404, "NotFound", 'things "a" not found'), NotFound),
        (refusal(409, "Conflict", "the object has been modified"), Conflict),
        (refusal(500, "InternalError", "etcdserver: leader changed"), ServerError),
        (Reply(b"<html>down</html>", 503), ServerError),
    ],
)
def test_a_refusal_is_raised_in_the_servers_words_and_tried_once(
    stub: Stub, reply: Reply, kind: type[KubeError]
) -> None:
    stub.replies = [reply]
    with pytest.raises(kind) as caught:
        stub.client().request("GET", "/x")
    assert caught.value.message in str(reply.body)
    assert len(stub.asked) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "1"}, 1),
        ({"Retry-After": "86400"}, 60),
        ({"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, 60),
        ({"Retry-After": "yesterday, perhaps"}, None),
        ({}, None),
    ],
)
def test_a_server_that_asks_for_patience_is_not_asked_again_and_its_wish_is_told(
    stub: Stub, headers: dict[str, str], seconds: float | None
) -> None:
    body = {"kind": "Status", "reason": "TooManyRequests", "message": "slow down"}
    stub.replies = [Reply(body, 429, headers)]
    with pytest.raises(TooManyRequests, match="slow down") as caught:
        stub.client().request("GET", "/x")
    assert caught.value.retry_after == seconds
    assert len(stub.asked) == 1


def by_token(good: str) -> Stub:
    """A server that knows one token."""

    def answer(asked: Asked) -> Reply:
        is_known = asked.headers.get("Authorization") == f"Bearer {good}"
        return Reply(BODY) if is_known else refusal(401, "Unauthorized", "Unauthorized")

    return Stub(answer)


def test_after_a_401_the_credentials_are_loaded_anew_and_the_request_is_sent_once_more() -> None:
    tokens = iter(["stale", "fresh"])
    with serving(by_token("fresh")) as stub:
        client = Client(lambda: configuration(stub.url, next(tokens)), "test")
        assert client.request("POST", "/x", body=BODY) == BODY
        assert client.request("GET", "/x") == BODY
        assert [asked.method for asked in stub.asked] == ["POST", "POST", "GET"]
        assert client.headers() == {"Authorization": "Bearer fresh"}


def test_a_401_that_stays_is_raised_after_one_more_try() -> None:
    with serving(by_token("another")) as stub:
        with pytest.raises(Unauthorized):
            stub.client().request("GET", "/x")
        assert len(stub.asked) == 2


def test_credentials_that_cannot_be_loaded_again_leave_the_401_and_those_we_have() -> None:
    with serving(by_token("another")) as stub:
        answers: list[Configuration | Unusable] = [configuration(stub.url, TOKEN), Unusable("the file is gone")]

        def load() -> Configuration:
            found = answers.pop(0)
            if isinstance(found, Unusable):
                raise found
            return found

        client = Client(load, "test")
        with pytest.raises(Unauthorized):
            client.request("GET", "/x")
        assert len(stub.asked) == 1
        assert client.headers() == {"Authorization": f"Bearer {TOKEN}"}


def test_of_many_threads_that_are_refused_together_one_loads() -> None:
    loads: list[str] = []
    with serving(by_token("fresh")) as stub:

        def load() -> Configuration:
            loads.append("stale" if not loads else "fresh")
            return configuration(stub.url, loads[-1])

        client = Client(load, "test")
        answers: list[object] = []
        threads = [threading.Thread(target=lambda: answers.append(client.request("GET", "/x"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [BODY] * 8
    assert loads == ["stale", "fresh"]


def test_both_tries_share_the_time_of_the_request() -> None:
    with serving(Stub(Reply(b"", 401, late=0.25), Reply(BODY, late=0.25))) as stub:
        with pytest.raises(Unreachable):
            stub.client().request("GET", "/x", timeout=0.4)
        assert len(stub.asked) == 2


def test_the_hook_of_the_credentials_is_asked_for_every_request(stub: Stub) -> None:
    numbers = iter(range(10))

    def refresh(chosen: Configuration) -> None:
        chosen.api_key["BearerToken"] = f"Bearer {next(numbers)}"

    def load() -> Configuration:
        chosen = configuration(stub.url, "first")
        chosen.refresh_api_key_hook = refresh  # type: ignore[assignment]
        return chosen

    client = Client(load, "test")
    client.request("GET", "/x")
    client.request("GET", "/x")
    assert [asked.headers["Authorization"] for asked in stub.asked] == ["Bearer 0", "Bearer 1"]
    assert client.headers() == {"Authorization": "Bearer 2"}


def test_a_hook_that_fails_is_unreachable_and_tells_nothing_secret(stub: Stub) -> None:
    def refresh(_: Configuration) -> None:
        raise OSError(f"cannot read {TOKEN}")

    def load() -> Configuration:
        chosen = configuration(stub.url, TOKEN)
        chosen.refresh_api_key_hook = refresh  # type: ignore[assignment]
        return chosen

    with pytest.raises(Unreachable) as caught:
        Client(load, "test").request("GET", "/x")
    assert TOKEN not in str(caught.value)
    assert stub.asked == []


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"\t{TOKEN} "])
def test_white_space_around_a_token_is_not_sent(stub: Stub, token: str) -> None:
    stub.client(token).request("GET", "/x")
    assert stub.asked[0].headers["Authorization"].split() == ["Bearer", TOKEN]


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nX-Evil: 1", f"{TOKEN}ü", f"{TOKEN}\N{ZERO WIDTH SPACE}"])
def test_a_token_that_cannot_be_sent_is_not_shown_either(stub: Stub, token: str) -> None:
    with pytest.raises(Unreachable, match="characters") as caught:
        stub.client(token).request("GET", "/x")
    assert TOKEN not in repr(caught.value)
    assert stub.asked == []


def test_no_token_is_in_a_log_an_error_or_a_representation(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = stub.client()
    seen = [repr(client), str(client)]
    for reply in (Reply(BODY, cut_after=3), Reply(b"no", 401), Reply(resets=True), Reply(b"<html>", 500)):
        stub.replies = [reply]
        with pytest.raises(KubeError) as caught:
            client.request("GET", "/x")
        seen += [repr(caught.value), str(caught.value), *traceback.format_exception(caught.value)]
    assert TOKEN not in "".join(seen) + caplog.text


def test_a_redirect_is_not_followed(stub: Stub) -> None:
    with serving(Stub(Reply(BODY))) as other:
        stub.replies = [Reply(status=307, headers={"Location": f"{other.url}/stolen"})]
        with pytest.raises(Unreachable):
            stub.client().request("GET", "/x")
        assert other.asked == []


@pytest.mark.parametrize(
    ("major", "minor", "version", "is_good"),
    [
        ("1", "30", (1, 30), True),
        ("1", "31+", (1, 31), True),
        ("2", "0", (2, 0), True),
        ("1", "29", (1, 29), False),
        ("1", "9-gke.1", (1, 9), False),
    ],
)
def test_a_servers_version_is_read_and_judged(
    stub: Stub, major: str, minor: str, version: tuple[int, int], is_good: bool
) -> None:
    stub.replies = [Reply({"major": major, "minor": minor})]
    assert stub.client().server_version() == version
    words = check_version(version)
    assert (words is None) == is_good
    if words:
        assert words == f"Kubernetes 1.{version[1]} is not supported: modelfleet needs 1.30 or newer"


@pytest.mark.parametrize("body", [{}, {"major": "one", "minor": "2"}, {"major": 1}])
def test_a_server_without_a_version_is_unreachable(stub: Stub, body: object) -> None:
    stub.replies = [Reply(body)]
    with pytest.raises(Unreachable, match="no version"):
        stub.client().server_version()


def test_others_who_speak_to_the_server_learn_where_it_is_and_what_to_trust(stub: Stub) -> None:
    assert stub.client().server == stub.url
    assert stub.client().ssl_context() is None
    chosen = Configuration(host="https://127.0.0.1:1")
    context = Client(lambda: chosen, "test").ssl_context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    chosen.verify_ssl = False
    context = Client(lambda: chosen, "test").ssl_context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    chosen.ssl_ca_cert = "/nowhere"
    with pytest.raises(Unreachable, match="certificates"):
        Client(lambda: chosen, "test").ssl_context()


def test_credentials_are_loaded_anew_on_demand(stub: Stub) -> None:
    tokens = iter(["one", "two"])
    client = Client(lambda: configuration(stub.url, next(tokens)), "test")
    client.reload()
    assert client.headers() == {"Authorization": "Bearer two"}
