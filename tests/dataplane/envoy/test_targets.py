"""What stands in a request's first line, and names that no model has: nothing of either gets past what is declared."""

import json
from collections.abc import Iterator

import pytest

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import CHAT, Request, chat, send_raw
from tests.dataplane.support.expect import alone, error_of, said
from tests.dataplane.support.fleets import fleet, hosted, model, policy, simple
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.steps import chat_answer
from tests.dataplane.support.upstream import ScriptedUpstream

BASE = "/openai/v2"
RULED = """
serves: {models: [ruled]}
tiers: [{name: light, models: [{name: small}]}]
rules:
- {name: exact, when: {path: /v1/files/secret}, answer: {status: 422, body: not here}}
- {name: below, when: {path: "/v1/batch/*"}, answer: {status: 422, body: not here}}
"""
UPGRADE = "connection: upgrade\r\nupgrade: {}\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(chat_answer("engine")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: ScriptedUpstream) -> Iterator[RealGateway]:
    objects = [
        model("small"),
        hosted("keyed", f"http://127.0.0.1:{upstream.port}{BASE}"),
        *(simple(name) for name in ("small", "keyed")),
        simple("auto", "small"),
        policy("ruled", RULED),
    ]
    with RealGateway(fleet(*objects), {"small": upstream.address}) as gateway:
        yield gateway


def raw(gateway: RealGateway, line: str, headers: str = "", served: str = "") -> Answer:
    """One request by its first line; with a model's name it has a body."""
    body = chat(served) if served else b""
    length = f"content-length: {len(body)}\r\n" if served else ""
    return send_raw(gateway.address, f"{line}\r\n{headers}{length}\r\n".encode() + body)


def seen_of(upstream: ScriptedUpstream, since: int) -> list[str]:
    return [request.path for request in upstream.requests[since:]]


# What is no request for an answer.


@pytest.mark.parametrize(
    ("line", "headers", "status", "code"),
    [
        ("CONNECT 127.0.0.1:1 HTTP/1.1", "host: 127.0.0.1:1\r\n", 404, "unknown_path"),
        ("CONNECT /v1/chat/completions HTTP/1.1", "host: h\r\n", 400, "bad_request"),
        ("GET /v1/chat/completions HTTP/1.1", "host: h\r\n" + UPGRADE.format("websocket"), 400, "unsupported_upgrade"),
        ("GET /v1/models HTTP/1.1", "host: h\r\n" + UPGRADE.format("WebSocket"), 400, "unsupported_upgrade"),
        ("OPTIONS * HTTP/1.1", "host: h\r\n", 404, "bad_request"),
        ("OPTIONS /v1/chat/completions HTTP/1.1", "host: h\r\n", 400, "missing_model"),
        ("POST /v1/chat/completions HTTP/1.0", "", 400, "bad_request"),
        ("GET /v1/models", "", 400, "bad_request"),
    ],
)
def test_what_asks_for_no_answer_is_refused(
    gateway: RealGateway, upstream: ScriptedUpstream, line: str, headers: str, status: int, code: str
) -> None:
    since = len(upstream.requests)
    error_of(raw(gateway, line, headers), status, code)
    assert seen_of(upstream, since) == []


def test_a_request_that_asks_for_an_upgrade_and_has_a_body_is_refused_too(
    gateway: RealGateway, upstream: ScriptedUpstream
) -> None:
    since = len(upstream.requests)
    answer = raw(gateway, f"POST {CHAT} HTTP/1.1", "host: h\r\n" + UPGRADE.format("websocket"), "keyed")
    error_of(answer, 400, "unsupported_upgrade")
    assert seen_of(upstream, since) == []


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        (f"POST {CHAT} HTTP/1.0", "host: h\r\n"),
        (f"POST http://other.example{CHAT} HTTP/1.1", "host: h\r\n"),
        (f"POST https://other.example{CHAT} HTTP/1.1", "host: h\r\n"),
    ],
)
def test_an_old_client_and_a_client_that_names_the_host_in_the_target_are_served(
    gateway: RealGateway, upstream: ScriptedUpstream, line: str, headers: str
) -> None:
    since = len(upstream.requests)
    answer = raw(gateway, line, headers, "keyed")
    assert (answer.status, answer.complete, said(answer)["model"]) == (200, True, "keyed")
    assert seen_of(upstream, since) == [f"{BASE}/chat/completions"]


@pytest.mark.parametrize(
    ("target", "status", "code"), [("http://other.example", 404, "unknown_path"), ("ftp://x/v1/y", 400, "bad_request")]
)
def test_a_target_that_names_a_host_alone_or_something_else_is_refused(
    gateway: RealGateway, target: str, status: int, code: str
) -> None:
    error_of(raw(gateway, f"POST {target} HTTP/1.1", "host: h\r\n", "keyed"), status, code)


# Out of the folder.


@pytest.mark.parametrize(
    "path",
    [
        "/v1/..%2f..%2fadmin",
        "/v1/..%2F..%2Fadmin",
        "/v1/x%2f..%2f..%2fadmin",
        "/v1/..%5c..%5cadmin",
        "/v1/..%5C..%5Cadmin",
        "/v1/..\\..\\admin",
        "/v1/%2e%2e/%2e%2e/admin",
        "/v1/%2e%2e%2fadmin",
        "/v1/.%2e%2f.%2e/admin",
        "/v1/../admin",
        "/v1/a/../../admin",
        "/v1/x/%2e%2e%2f%2e%2e%2f..%5cadmin",
        "/v1/..%2f",
        "/v1/..",
        "/v1/..?x=/v1/",
    ],
)
def test_no_path_leaves_what_is_ours(gateway: RealGateway, upstream: ScriptedUpstream, path: str) -> None:
    since = len(upstream.requests)
    error_of(raw(gateway, f"POST {path} HTTP/1.1", "host: h\r\n", "keyed"), 404, "unknown_path")
    assert seen_of(upstream, since) == []


@pytest.mark.parametrize("path", ["/v1//..//admin", "/v1/x/..%2fadmin", "/v1/x%5c..%5cadmin", "/v1/./admin"])
def test_a_path_that_stays_inside_reaches_the_upstream_below_its_base_and_plain(
    gateway: RealGateway, upstream: ScriptedUpstream, path: str
) -> None:
    since = len(upstream.requests)
    assert raw(gateway, f"POST {path} HTTP/1.1", "host: h\r\n", "keyed").status == 200
    assert seen_of(upstream, since) == [f"{BASE}/admin"]


def test_what_is_escaped_twice_stays_escaped(gateway: RealGateway, upstream: ScriptedUpstream) -> None:
    since = len(upstream.requests)
    assert raw(gateway, "POST /v1/..%252f..%252fadmin HTTP/1.1", "host: h\r\n", "keyed").status == 200
    assert seen_of(upstream, since) == [f"{BASE}/..%252f..%252fadmin"]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/v1/files/secret", "exact"),
        ("/v1/files%2fsecret", "exact"),
        ("/v1/files%2Fsecret", "exact"),
        ("/v1/files%5csecret", "exact"),
        ("/v1/files\\secret", "exact"),
        ("/v1%2ffiles%2fsecret", "exact"),
        ("/v1/files%2f%2fsecret", "exact"),
        ("/v1/files%5c%5csecret", "exact"),
        ("/v1/files/x%2f%2e%2e%2fsecret", "exact"),
        ("/v1/x%5c..%5cfiles/secret", "exact"),
        ("/v1/files/%73ecret?x=1", "exact"),
        ("/v1/batch%2fx", "below"),
        ("/v1/batch%5cx", "below"),
        ("/v1/batch/", "below"),
    ],
)
def test_a_rule_on_a_path_holds_however_the_path_is_written(gateway: RealGateway, path: str, rule: str) -> None:
    answer = raw(gateway, f"POST {path} HTTP/1.1", "host: h\r\n", "ruled")
    error_of(answer, 422, "answer")
    assert said(answer)["rule"] == rule


# Letters that no name has.


@pytest.mark.parametrize(
    "name",
    [
        *("auto\0x", "auto\0", "\0auto", "auto\x01", "auto\t", "auto\r\nx: y", "auto\x7f", "auto\x80", "auto\xe9"),
        *(" auto", "auto ", "auto,small", 'auto"', "auto|", "*|auto", "%61uto", "auto%00", "auto\u2028", "\ufeffauto"),
    ],
)
def test_a_name_with_letters_that_no_name_has_is_not_found(
    gateway: RealGateway, upstream: ScriptedUpstream, name: str
) -> None:
    since = len(upstream.requests)
    for escaped in (True, False):
        answer = gateway.send(Request(body=json.dumps({"model": name}, ensure_ascii=escaped).encode()))
        error_of(answer, 404, "model_not_found")
        assert alone(gateway, answer)["policy"] is None
    assert seen_of(upstream, since) == []


@pytest.mark.parametrize("tail", ["%01", "%0ax", "%0d%0ax:y", "%20", "%7f", "%c3%a9", "|", "%22"])
def test_the_catalogue_has_no_such_name_either(gateway: RealGateway, tail: str) -> None:
    assert gateway.send(Request("/v1/models/auto", method="GET")).json()["id"] == "auto"
    error_of(gateway.send(Request(f"/v1/models/auto{tail}", method="GET")), 404, "model_not_found")
    error_of(gateway.send(Request("/v1/models/auto%00x", method="GET")), 400, "bad_request")
